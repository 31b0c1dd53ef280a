"""Max-sliced Wasserstein distance: the transport distance along the one direction that tells the sets apart best."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffled
from ganeval.slicing import plan, unit_directions, wasserstein
from ganeval.summaries import Features
from ganeval.transport import few_samples, line_floor
from ganeval.uncertainty import Estimate
from ganeval.uncertainty.halving import halving

_STILL = 1e-4  # share of W_2^2 below which a step is none
_FOUND = 1.12  # times the value, that the half which chose the direction may make of it


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Deshpande et al. 2019, arXiv:1904.05877",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="transport",
    cost="starts iterations (N D + N log N)",
    interval=halving(most=250),
)
def max_sliced_wasserstein(
    real: Features, fake: Features, *, starts: int = 8, iterations: int = 30, rng: np.random.Generator
) -> Estimate:
    """max_u W_2(u.x, u.y) over unit directions u, in feature units, measured on samples that did not choose u.

    The direction is sought on one half of each set, by power iterations on the transport plan's displacements from the
    difference of means and random starts, and measured on the other half; then the halves change places, and the
    squares are averaged. Among D directions one always separates two finite samples: on its own half it exaggerates,
    and the method names that value.

    Formula: max_u W_2(u.x, u.y) over unit directions u, in feature units.

    Trust: as a lower bound, up to the bias of a distance on a line: the search may miss the best direction, and warns
    where the two halves say so. `details` has the floor, about what two halves of one Gaussian are apart on a line.

    Blind to: what no single direction shows, such as most of a dependence between features; and to copies.

    Toy: dependence; copies

    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> x, y = features(*[[0.0, 0.0]] * 4), features(*[[3.0, 4.0]] * 4)
    >>> round(max_sliced_wasserstein(x, y, rng=np.random.default_rng(0)).value, 6)
    5.0
    """
    real.require(4, "max_sliced_wasserstein")
    fake.require(4, "max_sliced_wasserstein")
    if starts < 1 or iterations < 1:
        raise GanevalError(
            f"max_sliced_wasserstein: starts is {starts} and iterations {iterations}: both need to be at least 1"
        )
    seed = int(rng.integers(2**32))  # one seed for both sides: a copy of the real set is cut as that is
    halves = [shuffled(each.rows, np.random.default_rng(seed)).chunk(2) for each in (real, fake)]
    own, other, floors = [], [], []
    for here in (0, 1):
        x, y = halves[0][here], halves[1][here]
        random = unit_directions(starts, real.width, rng)
        direction, square = _ascend(x, y, torch.cat([_mean_difference(x, y), random]), iterations)
        own.append(square)
        a, b = halves[0][1 - here], halves[1][1 - here]
        other.append(float(wasserstein(a, b, direction)))
        spread = math.sqrt(sum(float((rows.double() @ direction.T).var()) for rows in (a, b)) / 2)
        floors.append(line_floor(spread, len(a), len(b)) ** 2)
    value, reached, floor = (math.sqrt(np.mean(squares)) for squares in (other, own, floors))
    method = f"direction from the other half of the samples; on its own half it reaches {reached:.4g}"
    details: dict[str, Any] = {"floor": floor}
    if warnings := few_samples(value, floor) or _unfound(value, reached):
        details["warnings"] = warnings
    return Estimate(value, method=method, details=details)


def _unfound(value: float, reached: float) -> list[str]:
    """A warning where the direction that one half of the samples shows is another than that of the other half."""
    if reached <= _FOUND * value:
        return []
    return [
        f"the direction found on one half of the samples reaches {reached:.3g} there and {value:.3g} on the other "
        "half: too few samples to find the best, and the value may be too low by more than the interval says"
    ]


def _mean_difference(x: Tensor, y: Tensor) -> Tensor:
    return (x.double().mean(0) - y.double().mean(0))[None]


def _ascend(x: Tensor, y: Tensor, starts: Tensor, iterations: int) -> tuple[Tensor, float]:
    """The best direction (1, D) met on the way from all starts (K, D) at once, and W_2^2 along it.

    With the sorted plan fixed, W_2^2 along u is u.M u, M the mean of d d^T over its displacements d: one step is
    u <- M u, rescaled. The new plan may be a shorter one, so a step need not climb, and the best is kept. Ends early
    once no start moves any more.
    """
    ours, theirs, directions = (part.double().numpy() for part in (x, y, starts))
    left, right, masses = (part.numpy() for part in plan(len(x), len(y)))
    first_left, first_right = np.searchsorted(left, np.arange(len(x))), np.searchsorted(right, np.arange(len(y)))
    best, highest, before = directions[:1], -1.0, np.zeros(len(directions))
    for _ in range(iterations):
        directions = directions / np.linalg.norm(directions, axis=1, keepdims=True).clip(np.finfo(np.float64).tiny)
        a, b = directions @ ours.T, directions @ theirs.T
        rank_a, rank_b = a.argsort(1), b.argsort(1)
        moves = np.take_along_axis(a, rank_a[:, left], 1) - np.take_along_axis(b, rank_b[:, right], 1)
        squares = np.square(moves) @ masses
        top = int(squares.argmax())
        if squares[top] > highest:
            best, highest = directions[top : top + 1], float(squares[top])
        if np.abs(squares - before).max() <= _STILL * highest:
            break
        before, moves = squares, masses * moves
        np.put_along_axis(a, rank_a, np.add.reduceat(moves, first_left, 1), 1)  # each row's pull, in place
        np.put_along_axis(b, rank_b, np.add.reduceat(moves, first_right, 1), 1)
        directions = a @ ours - b @ theirs
    return torch.from_numpy(best), highest
