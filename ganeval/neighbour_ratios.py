"""Divergences and entropies from the distances to nearest neighbours. Knows no metric.

Only counts within balls enter KL and JS, so they hold on a manifold of any dimension; what they assume is that both
densities are constant within a ball of the nearest few samples, and in many dimensions no ball is that small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln
from torch import Tensor

from ganeval.distances import neighbour_distances, squared_distances
from ganeval.ratios import Array, reaching
from ganeval.uncertainty import Estimate

_TREE = 8  # dimensions up to which a tree is faster than all distances
_CROWDED = 6.0  # intrinsic dimensions from which on the nearest of some thousand samples are far away
FURTHER = 4
"""Times as many neighbours for a second opinion."""
_SETTLED = 0.12  # of the value: what two numbers of neighbours may differ by
_TINY = float(np.finfo(np.float64).tiny)


def kl_terms(x: Tensor, y: Tensor, k: int) -> Array:
    """log p(x_i)/q(x_i) in expectation at rows x (N, D) of p, from y (M, D) of q: float64 (N,).

    The ball around x_i reaches to its k-th neighbour in x or in y, whichever is further (Wang, Kulkarni, Verdu 2009,
    eq. 25). Given the ball, the log of a density is digamma of a count, of k where the k-th sample ends the ball and of
    one more than the count where none does.
    """
    own, other = kth_distances(x, x, k, itself=True), kth_distances(x, y, k)
    found = np.full(len(x), math.log(len(y) / (len(x) - 1)))
    wide = own >= other  # the border of these balls is a sample of x, that of the others one of y
    if wide.any():
        found[wide] += digamma(k) - digamma(within(x[torch.from_numpy(wide)], y, own[wide]) + 1)
    if not wide.all():  # itself is counted, and stands for the one more
        found[~wide] += digamma(within(x[torch.from_numpy(~wide)], x, other[~wide])) - digamma(k)
    return found


def js_terms(x: Tensor, y: Tensor, k: int) -> Array:
    """log p(x_i)/m(x_i) in expectation, m the mean of p and q, for as many rows in x (N, D) as in y: float64 (N,).

    Within the ball to the k-th neighbour of its own set, the j-th nearest of both sets is one of x with probability
    p/(p + q): digamma(k) - digamma(number in the ball) is then an unbiased estimate of that probability's logarithm.
    """
    own = kth_distances(x, x, k, itself=True)
    found: Array = math.log(2) + digamma(k) - digamma(k + within(x, y, own))
    return found


def entropy_terms(x: Tensor, k: int) -> Array:
    """-log p(x_i) in nats, in expectation, at rows x (N, D): Kozachenko and Leonenko 1987, float64 (N,)."""
    count, width = x.shape
    unit_ball = width / 2 * math.log(math.pi) - gammaln(width / 2 + 1)
    reach = np.maximum(kth_distances(x, x, k, itself=True), _TINY)
    found: Array = digamma(count) - digamma(k) + unit_ball + width * np.log(reach)
    return found


def intrinsic_dimension(x: Tensor, k: int = 10) -> float:
    """How many dimensions the rows (N, D) fill locally (Levina and Bickel 2005, as MacKay and Ghahramani average)."""
    distances = neighbour_distances(x[:1000], k).clamp_min(_TINY)
    logs = (distances[:, -1:] / distances[:, :-1]).log()
    mean = float(logs.mean())
    return float(x.shape[1]) if mean <= 0 else min(float(x.shape[1]), (k - 2) / ((k - 1) * mean))


def second_opinion(
    found: Estimate, near: Sequence[Array], far: Sequence[Array], k: int, dimensions: float
) -> tuple[Estimate, tuple[str, ...]]:
    """`found`, from terms of k neighbours, beside what `FURTHER` times as many say: its interval, and a warning.

    Either divergence is the mean over `near` (of k neighbours) and `far` of the means of the terms of each set. Borders
    blur in proportion to the reach of a ball, which grows as the root, of as many dimensions as samples fill, of the
    number of neighbours. So the difference of the two says what the nearer miss: the interval reaches so much further.
    """
    one, other = (float(np.mean([terms.mean() for terms in sides])) for sides in (near, far))
    found = reaching(found, (one - other) / (FURTHER ** (1 / dimensions) - 1))
    apart = [a - b for a, b in zip(near, far)]
    noise = math.sqrt(sum(float(each.var()) / len(each) for each in apart)) / len(apart)
    if abs(one - other) <= max(_SETTLED * max(one, other), 3 * noise):
        return found, ()
    return found, (
        f"{k} neighbours give {one:.3g} and {FURTHER * k} give {other:.3g}: the densities change within the balls of "
        "neighbours, or most of the value lies where hardly a sample is, so it may be wrong by more than the interval "
        "says; use more samples, or a classifier",
    )


def filled(x: Tensor, y: Tensor) -> float:
    """How many dimensions samples fill, the set that fills more, 1 or more."""
    return max(1.0, *(intrinsic_dimension(side) for side in (x, y)))


def doubts(x: Tensor, y: Tensor, dimensions: float) -> tuple[str, ...]:
    """Why the estimate should not be believed: many dimensions that samples fill, or samples that repeat."""
    found = []
    if dimensions > _CROWDED:
        found.append(
            f"samples fill {dimensions:.0f} dimensions: in more than {_CROWDED:.0f} the nearest neighbours are too far "
            "away for densities, and divergences come out too low, or too high where spreads differ; set `components`, "
            "or use a classifier"
        )
    if any(len(torch.unique(side, dim=0)) < 0.99 * len(side) for side in (x, y)):
        found.append("samples repeat: distances of 0 have no density, and counts of ties stand in for it")
    return tuple(found)


def principal(x: Tensor, y: Tensor, components: int) -> tuple[Tensor, Tensor]:
    """Both sets on the first `components` principal axes of their mixture, float64; as they are for 0, or no fewer."""
    if not 0 < components < x.shape[1]:
        return x, y
    centre = (x.double().mean(0) + y.double().mean(0)) / 2
    a, b = x.double() - centre, y.double() - centre
    _, vectors = torch.linalg.eigh(a.T @ a / len(a) + b.T @ b / len(b))
    axes = vectors[:, -components:]
    return a @ axes, b @ axes


def kth_distances(x: Tensor, y: Tensor, k: int, *, itself: bool = False) -> Array:
    """From each row of x to the k-th nearest row of y, not counting the row itself where y is x: float64 (N,)."""
    rank = k + itself
    if x.shape[1] <= _TREE:
        found: Array = cKDTree(y.double().numpy()).query(x.double().numpy(), [rank])[0][:, 0]
        return found
    parts = [squares.topk(rank, largest=False).values[:, -1].sqrt() for _, squares in squared_distances(x, y)]
    return torch.cat(parts).numpy()


def within(x: Tensor, y: Tensor, reach: Array) -> Array:
    """How many rows of y lie no further from each row of x than `reach` (N,): float64 (N,)."""
    wide = reach * (1 + 1e-9)  # the sample at the border is inside, whatever the rounding
    if x.shape[1] <= _TREE:
        tree = cKDTree(y.double().numpy())
        counted = tree.query_ball_point(x.double().numpy(), wide, return_length=True)
        return np.asarray(counted, np.float64)
    squares = torch.from_numpy(wide).square()
    parts = [(distances <= squares[part, None]).sum(1) for part, distances in squared_distances(x, y)]
    return torch.cat(parts).double().numpy()
