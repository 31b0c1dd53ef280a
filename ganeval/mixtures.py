"""Mixtures of Gaussians on given centres, one width each, fitted by expectation maximisation. Knows no metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganeval.distances import squared_distances

_NARROWEST, _WIDEST = math.exp(-40.0), math.exp(20.0)  # variances: a centre on a sample would shrink to nothing
_STILL = 1e-7  # gain of a round, in nats per sample and dimension, below which it was the last
_UNSEEN = 1e-12  # share of all rows together below which a centre keeps its width
_SHRINK = 0.81  # of squared distances to the common centre, so that its Gaussian stays the outliers' best


@dataclass(frozen=True)
class Mixture:
    """Equal weights, isotropic Gaussians.

    Attributes:
        centres: (M, D).
        variances: float64 (M,), per dimension.
    """

    centres: Tensor
    variances: Tensor

    def surprise(self, rows: Tensor) -> Tensor:
        """Negative log-likelihood of rows (N, D) in nats per dimension, float64 (N,).

        >>> standard = Mixture(torch.zeros(1, 2), torch.ones(1).double())
        >>> round(standard.surprise(torch.zeros(1, 2)).item(), 6)  # log(2 pi) / 2
        0.918939
        """
        parts = [self._joint(distances).logsumexp(1) for _, distances in squared_distances(rows, self.centres)]
        return torch.cat(parts) / -rows.shape[1]

    def _joint(self, distances: Tensor) -> Tensor:
        return _log_densities(distances, self.variances, self.centres.shape[1]) - math.log(len(self.centres))


def fit(centres: Tensor, rows: Tensor, *, rounds: int = 50) -> Mixture:
    """The mixture on `centres` (M, D) under which rows (N, D) are most likely, after at most `rounds` rounds.

    While fitting, one wide Gaussian about the rows' mean stands in for every row far from all centres, so that no
    centre widens for its sake; it is no part of the result. Starts from each centre's distance to its nearest row.
    Keeps all squared distances: 8 M N bytes.

    >>> found = fit(torch.zeros(1, 1), torch.tensor([[-2.0], [2.0]]), rounds=1)
    >>> round(found.variances.item(), 6)
    4.0
    """
    width = rows.shape[1]
    blocks = list(squared_distances(rows, centres))
    about_mean = _SHRINK * (rows.double() - rows.double().mean(0)).square().sum(1)
    nearest = torch.stack([distances.amin(0) for _, distances in blocks]).amin(0)
    mixture = Mixture(centres, ((nearest + 1e-3) / width).clamp(_NARROWEST, _WIDEST))
    common, before = torch.ones(1, dtype=torch.float64), -math.inf
    for _ in range(rounds):
        total, sums, common = _round(mixture, blocks, about_mean, common)
        mixture = Mixture(centres, sums.clamp(_NARROWEST, _WIDEST))
        gain, before = total / (len(rows) * width) - before, total / (len(rows) * width)
        if gain < _STILL:
            break
    return mixture


def _round(
    mixture: Mixture, blocks: list[tuple[slice, Tensor]], about_mean: Tensor, common: Tensor
) -> tuple[float, Tensor, Tensor]:
    """Log-likelihood under the widths as they are, and the next ones: the centres' (M,), and the common Gaussian's."""
    width = mixture.centres.shape[1]
    weights, squares = torch.zeros(2, len(mixture.centres) + 1, dtype=torch.float64)
    total = 0.0
    for part, distances in blocks:
        outer = about_mean[part, None]
        joint = torch.cat([mixture._joint(distances), _log_densities(outer, common, width)], 1)
        likelihood = joint.logsumexp(1, keepdim=True)
        shares = joint.sub_(likelihood).exp_()
        total += float(likelihood.sum())
        weights += shares.sum(0)
        squares[:-1] += (shares[:, :-1] * distances).sum(0)
        squares[-1:] += (shares[:, -1:] * outer).sum(0)
    present = torch.cat([mixture.variances, common])
    following = torch.where(weights > _UNSEEN, squares / (width * weights).clamp(min=1e-300), present)
    return total, following[:-1], following[-1:].clamp(_NARROWEST, _WIDEST)


def _log_densities(distances: Tensor, variances: Tensor, width: int) -> Tensor:
    """Squared distances (N, M) => log density of each of M Gaussians."""
    return distances / (-2 * variances) - (width / 2) * (2 * math.pi * variances).log()
