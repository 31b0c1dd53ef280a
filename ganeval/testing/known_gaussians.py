"""Divergences of Gaussians and their mixtures: closed forms, and integrals over as few dimensions as matter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, roots_sh_jacobi
from scipy.stats import chi

from ganeval.testing import integrals
from ganeval.testing.gaussian_mixtures import GaussianMixture, gaussian
from ganeval.testing.integrals import Array, Known

_DRAWS = 400_000  # of a Monte Carlo integral
_REACH = 12.0  # standard deviations that an integral goes out to
_NODES = 200  # of the mean over directions


def kl(p: GaussianMixture, q: GaussianMixture) -> float:
    """KL(p || q) of single Gaussians, in closed form."""
    gap = q.means[0] - p.means[0]
    solved = np.linalg.solve(q.covariances[0], np.column_stack([p.covariances[0], gap]))
    logs = np.linalg.slogdet(q.covariances[0])[1] - np.linalg.slogdet(p.covariances[0])[1]
    return float(np.trace(solved[:, :-1]) + gap @ solved[:, -1] - p.width + logs) / 2


def chi2(p: GaussianMixture, q: GaussianMixture) -> float:
    """Integral of p^2/q, less 1: finite where 2 P - Q is positive definite, for precisions P and Q."""
    a, b = np.linalg.inv(p.covariances[0]), np.linalg.inv(q.covariances[0])
    if np.linalg.eigvalsh(2 * a - b).min() <= 0:
        return math.inf
    gap = p.means[0] - q.means[0]
    logs = 2 * np.linalg.slogdet(a)[1] - np.linalg.slogdet(b)[1] - np.linalg.slogdet(2 * a - b)[1]
    pull = 2 * gap @ a @ np.linalg.solve(2 * a - b, b @ gap)
    return math.expm1(float(logs + pull) / 2)


def w2(p: GaussianMixture, q: GaussianMixture) -> float:
    """W2 of single Gaussians: Dowson and Landau 1982."""
    values, vectors = np.linalg.eigh(p.covariances[0])
    root = vectors * np.sqrt(values) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ q.covariances[0] @ root), 0)).sum()
    square = np.sum((p.means[0] - q.means[0]) ** 2) + np.trace(p.covariances[0]) + np.trace(q.covariances[0])
    return math.sqrt(max(0.0, float(square - 2 * shared)))


def w1(p: GaussianMixture, q: GaussianMixture) -> dict[str, Known]:
    """W1 of single Gaussians where it is known: equal covariances, a line, multiples about one mean."""
    if np.allclose(p.covariances, q.covariances):
        return {"w1": Known(float(np.linalg.norm(p.means - q.means)))}
    if p.width == 1:
        return {"w1": on_a_line(p, q)["w1"]}
    ratio = _ratio(p, q)
    if ratio is None or not np.allclose(p.covariances[0], p.covariances[0, 0, 0] * np.eye(p.width)):
        return {}
    # |x| has slope 1 along every ray, and the plan moves each sample along its own
    mean_norm = math.sqrt(2 * p.covariances[0, 0, 0]) * math.exp(gammaln((p.width + 1) / 2) - gammaln(p.width / 2))
    return {"w1": Known(abs(ratio - 1) * mean_norm)}


def _ratio(p: GaussianMixture, q: GaussianMixture) -> float | None:
    """s where q is p scaled by s about their common mean."""
    scale = math.sqrt(q.covariances[0, 0, 0] / p.covariances[0, 0, 0])
    same = np.allclose(p.means, q.means) and np.allclose(q.covariances, scale**2 * p.covariances)
    return scale if same else None


def of_densities(p: GaussianMixture, q: GaussianMixture) -> Mapping[str, Known]:
    """Divergences of densities, after p is made standard and what the two share is left out."""
    ratio = _ratio(p, q)
    if ratio is not None and p.width > 2:  # the radius says all
        reach = math.sqrt(p.width) + _REACH
        return integrals.on_a_line(
            lambda r: chi.logpdf(r, p.width),
            lambda r: chi.logpdf(r / ratio, p.width) - math.log(ratio),
            1e-9,
            reach * max(1.0, ratio),
        )
    lower = np.linalg.cholesky(p.covariances[0])
    gap = np.linalg.solve(lower, q.means[0] - p.means[0])
    values, vectors = np.linalg.eigh(np.linalg.solve(lower, np.linalg.solve(lower, q.covariances[0]).T))
    moved, differs = vectors.T @ gap, np.abs(values - 1) > 1e-9
    means, spreads = list(moved[differs]), list(values[differs])
    rest = float(np.linalg.norm(moved[~differs]))
    if rest > 1e-12 or not means:
        means, spreads = [*means, rest], [*spreads, 1.0]
    width = len(means)
    return by_integration(
        gaussian(np.zeros(width), np.eye(width)), gaussian(np.array(means), np.diag(np.array(spreads)))
    )


def by_integration(p: GaussianMixture, q: GaussianMixture) -> dict[str, Known]:
    """Divergences of densities by quadrature in one and two dimensions, by Monte Carlo in more."""
    low, high = box(p, q)
    if p.width == 1:
        return integrals.on_a_line(p.log_density, q.log_density, float(low[0]), float(high[0]))
    if p.width == 2:
        return integrals.on_a_plane(p.log_density, q.log_density, low, high)
    rng = np.random.default_rng(0)
    return integrals.monte_carlo(p.log_density, q.log_density, p.draw(_DRAWS, rng), q.draw(_DRAWS, rng))


def box(p: GaussianMixture, q: GaussianMixture) -> tuple[Array, Array]:
    """A box that leaves out nothing that float64 sees."""
    reach = _REACH * np.sqrt(
        np.stack([np.diagonal(side.covariances, axis1=1, axis2=2).max(0) for side in (p, q)]).max(0)
    )
    means = np.concatenate([p.means, q.means])
    return means.min(0) - reach, means.max(0) + reach


def on_a_line(p: GaussianMixture, q: GaussianMixture) -> dict[str, Known]:
    """W1 and W2 of mixtures in one dimension."""
    low, high = box(p, q)
    return integrals.transport_on_a_line(
        (p.below, q.below), (p.above, q.above), p.log_density, float(low[0]), float(high[0])
    )


def sliced(p: GaussianMixture, q: GaussianMixture) -> dict[str, Known]:
    """Sliced and max-sliced W2 where p is round and q is, but for one axis; nothing elsewhere.

    Along a direction that has t^2 of its squared length on that axis q varies by a + b t^2; W2^2 of Gaussians on a
    line adds the squares of the differences of means and of spreads.
    """
    values, vectors = np.linalg.eigh(q.covariances[0])
    round_p = np.allclose(p.covariances[0], p.covariances[0, 0, 0] * np.eye(p.width))
    odd = [k for k in range(p.width) if np.allclose(np.delete(values, k), np.delete(values, k)[:1])]
    if p.width == 1 or not round_p or not odd:
        return {}
    axis, rest = odd[0], float(np.delete(values, odd[0])[0])
    gap = q.means[0] - p.means[0]
    along = abs(float(gap @ vectors[:, axis]))
    beside = math.sqrt(max(0.0, float(gap @ gap) - along**2))

    def spreads(square: Array) -> Array:
        found: Array = (math.sqrt(p.covariances[0, 0, 0]) - np.sqrt(rest + (values[axis] - rest) * square)) ** 2
        return found

    def most(t: float) -> float:
        return (along * t + beside * math.sqrt(1 - t**2)) ** 2 + float(spreads(np.array(t**2)))

    squares, weights = roots_sh_jacobi(_NODES, (p.width - 2) / 2, 0.5)  # Beta(1/2, (D - 1)/2), how t^2 is distributed
    mean = float(gap @ gap) / p.width + float(weights @ spreads(squares) / weights.sum())
    cuts = np.linspace(0, 1, 9)
    inner = [minimize_scalar(lambda t: -most(t), bounds=ends, method="bounded").x for ends in pairwise(cuts)]
    return {
        "sliced_w2": Known(math.sqrt(mean)),
        "max_sliced_w2": Known(math.sqrt(max(map(most, [0.0, 1.0, *inner])))),
    }
