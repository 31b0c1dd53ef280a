"""Mixtures of Gaussians with full covariances: densities, distribution functions on a line, seeded draws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr

from ganeval.errors import GanevalError
from ganeval.testing.integrals import Array


@dataclass(frozen=True)
class GaussianMixture:
    """Weights (K,) that add to 1, means (K, D), covariances (K, D, D).

    Raises:
        GanevalError: shapes that do not belong together, or weights that are none.
    """

    weights: Array
    means: Array
    covariances: Array

    def __post_init__(self) -> None:
        count, width = self.means.shape
        if self.weights.shape != (count,) or self.covariances.shape != (count, width, width):
            raise GanevalError(
                f"weights {self.weights.shape}, means {self.means.shape}, covariances {self.covariances.shape}: "
                "expected (K,), (K, D) and (K, D, D)"
            )
        if self.weights.min() < 0 or abs(self.weights.sum() - 1) > 1e-9:
            raise GanevalError(f"weights {self.weights}: expected none negative, adding to 1")

    @property
    def width(self) -> int:
        """D."""
        return int(self.means.shape[1])

    def log_density(self, points: Array) -> Array:
        """Points (N, D), or (N,) on a line => (N,)."""
        points = points.reshape(len(points), self.width)
        parts = [
            math.log(weight) + _log_normal(points - mean, covariance)
            for weight, mean, covariance in zip(self.weights, self.means, self.covariances)
            if weight > 0
        ]
        found: Array = parts[0] if len(parts) == 1 else logsumexp(parts, axis=0)
        return found

    def below(self, points: Array) -> Array:
        """The distribution function at points (N,) of a line."""
        found: Array = ndtr(self._standard(points)) @ self.weights
        return found

    def above(self, points: Array) -> Array:
        """1 - `below`, without the rounding."""
        found: Array = ndtr(-self._standard(points)) @ self.weights
        return found

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """float64 (count, D)."""
        which = rng.choice(len(self.weights), size=count, p=self.weights)
        noise = rng.standard_normal((count, self.width))
        roots = np.linalg.cholesky(self.covariances)
        found: Array = (
            self.means[which] + np.einsum("nij,nj->ni", roots[which], noise)
            if len(roots) > 1
            else (self.means[0] + noise @ roots[0].T)
        )
        return found

    def _standard(self, points: Array) -> Array:
        found: Array = (points[:, None] - self.means[:, 0]) / np.sqrt(self.covariances[:, 0, 0])
        return found


def gaussian(mean: Array, covariance: Array) -> GaussianMixture:
    """One Gaussian, mean (D,) and covariance (D, D)."""
    return GaussianMixture(np.ones(1), np.asarray(mean, np.float64)[None], np.asarray(covariance, np.float64)[None])


def _log_normal(centred: Array, covariance: Array) -> Array:
    lower = np.linalg.cholesky(covariance)
    scaled = np.linalg.solve(lower, centred.T)
    log_volume = float(np.log(np.diagonal(lower)).sum()) + len(lower) / 2 * math.log(2 * math.pi)
    found: Array = -0.5 * np.square(scaled).sum(0) - log_volume
    return found
