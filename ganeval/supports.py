"""Where a distribution lives, estimated from its samples: soft balls, and densities above their noise. No metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganeval.distances import squared_distances
from ganeval.errors import GanevalError
from ganeval.ordering import shuffled

_TINY = torch.finfo(torch.float64).tiny


def membership(points: Tensor, centres: Tensor, radius: float) -> Tensor:
    """For each point, the probability that it belongs to one of the soft balls around `centres`, float64 (N,).

    One ball holds a point at distance d with probability max(0, 1 - d / radius), independently of the others.

    >>> membership(torch.tensor([[1.0], [9.0]]), torch.tensor([[0.0], [2.0]]), radius=2.0).tolist()
    [0.75, 0.0]
    """
    outside = [
        (distances.sqrt_() / max(radius, _TINY)).clamp_(max=1).prod(1)
        for _, distances in squared_distances(points, centres)
    ]
    return 1 - torch.cat(outside)


@dataclass(frozen=True)
class Support:
    """The points where the kernel density of `rows` is more than sampling noise.

    Attributes:
        rows: float32 (N, D).
        bandwidth: at this distance the cosine kernel ends.
        band: what bootstrap resampling moves the density by, in the density's unnormalised unit.
        inside: which of the rows lie inside, bool (N,): outliers do not.
    """

    rows: Tensor
    bandwidth: float
    band: float
    inside: Tensor

    def holds(self, points: Tensor) -> Tensor:
        """Which of the points (M, D) lie inside, bool (M,)."""
        weights = torch.full((len(self.rows), 1), 1 / len(self.rows), dtype=torch.float64)
        return _densities(points, self.rows, self.bandwidth, weights)[:, 0] > self.band


def support(rows: Tensor, k: int, *, alpha: float, resamples: int, rng: np.random.Generator) -> Support:
    """The support of rows (N, D), N > k, with a band at level 1 - alpha.

    The band is the 1 - alpha quantile, over bootstrap resamples, of the largest change of the density at any row. The
    order of the rows changes nothing: `rng` draws another.

    >>> x = torch.tensor([[0.0], [1.0], [2.0], [50.0]])
    >>> support(x, 1, alpha=0.1, resamples=100, rng=np.random.default_rng(0)).holds(torch.tensor([[20.0]])).item()
    False
    """
    rows = shuffled(rows, rng)
    n = len(rows)
    bandwidth = _balloon(rows, k)
    drawn = torch.from_numpy(rng.multinomial(n, np.full(n, 1 / n), size=resamples).T).double()
    weights = torch.cat([torch.ones(n, 1, dtype=torch.float64), drawn], 1) / n
    densities = _densities(rows, rows, bandwidth, weights)
    moved = (densities[:, 1:] - densities[:, :1]).abs().amax(0)
    band = float(moved.quantile(1 - alpha))
    return Support(rows, bandwidth, band, densities[:, 0] > band)


def _balloon(rows: Tensor, k: int) -> float:
    """Lower median over all rows but the last k of the distance to the k-th nearest of the rows that follow."""
    reach = torch.empty(len(rows) - k, dtype=torch.float64)
    columns = torch.arange(len(rows))
    for part, distances in squared_distances(rows[:-k], rows):
        distances[columns <= columns[part, None]] = torch.inf
        distances.numpy().partition(k - 1)  # along each row, in place: four times as fast as kthvalue
        reach[part] = distances[:, k - 1].sqrt()
    return float(reach.sort().values[max(0, len(reach) // 2 - 1)])


def _densities(points: Tensor, rows: Tensor, bandwidth: float, weights: Tensor) -> Tensor:
    """Sums of cos(pi/2 d/h) over the rows nearer than h, once per column of weights (N, R): float64 (M, R).

    The kernel's constant is left out: it scales density and band alike.
    """
    return torch.cat(
        [
            (distances.sqrt_() / max(bandwidth, _TINY)).clamp_(max=1).mul_(math.pi / 2).cos_() @ weights
            for _, distances in squared_distances(points, rows)
        ]
    )


def shared_part(
    rows: Tensor, others: Tensor, *, alpha: float, width: int, resamples: int, rng: np.random.Generator
) -> float:
    """Share of the rows in their own support that lie in the support of `others` as well.

    Both sides are projected on the same `width` directions and resampled alike, so that equal sets share everything.

    Raises:
        GanevalError: an option without meaning, fewer than 5 width + 1 rows, or no row that stands out of the noise.
    """
    if not 0 < alpha < 1 or width < 1 or resamples < 2:
        raise GanevalError(
            f"a support with alpha {alpha}, width {width} and resamples {resamples}: expected alpha between 0 and 1, "
            "width of 1 or more, resamples of 2 or more"
        )
    k = 5 * min(width, rows.shape[1])
    if min(len(rows), len(others)) <= k:
        raise GanevalError(
            f"a support needs at least {k + 1} samples, got {min(len(rows), len(others))}: use more images, or a "
            "smaller width"
        )
    seed = int(rng.integers(2**32))
    own, theirs = (projected(side, width, np.random.default_rng(seed)) for side in (rows, others))
    inner, outer = (
        support(side, k, alpha=alpha, resamples=resamples, rng=np.random.default_rng(seed)) for side in (own, theirs)
    )
    if not bool(inner.inside.any()):
        raise GanevalError(
            f"no sample of {len(rows)} stands out of the noise at level {1 - alpha:g}: use more images, or raise alpha"
        )
    return outer.holds(inner.rows[inner.inside]).double().mean().item()


def projected(rows: Tensor, width: int, rng: np.random.Generator) -> Tensor:
    """Rows (N, D) on `width` random Gaussian directions, float32 (N, width); as they are where D is no larger.

    >>> projected(torch.ones(2, 3), 8, np.random.default_rng(0)).shape
    torch.Size([2, 3])
    """
    if rows.shape[1] <= width:
        return rows
    directions = torch.from_numpy(rng.standard_normal((rows.shape[1], width))) / math.sqrt(rows.shape[1])
    return (rows.double() @ directions).float()
