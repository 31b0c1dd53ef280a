"""The interval of a Frechet distance: without its bias, from moments and a bounded sample of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ganeval import linalg
from ganeval.keeping import Kept
from ganeval.summaries import Features, Moments, Summary
from ganeval.uncertainty.estimates import POINT, Estimate, in_percent, normal_interval

_SPLITS = 2
"""Random halvings behind the bias. At two, the noise they add to the corrected value and the part of the variance that
the influences count twice cancel to 4 %."""
_LEAST = 8  # rows of a side that can be quartered
_TINY = 1e-7  # singular values below this share of the largest are rounding of 0
_kept: Kept[tuple[float, float] | None] = Kept()  # several metrics of the same sets ask


def population_frechet(
    found: Estimate, inputs: Mapping[str, Summary], again: Callable[[Mapping[str, Summary]], Estimate]
) -> Estimate:
    """`found` with an interval of the Frechet distance of the two populations, and its bias-corrected value.

    The plug-in value T_n lies above the population's by about c/n (d^2/n where features are white), for d near n by
    many standard errors: an interval around it would hold the truth never. Instead

    - the distances of disjoint halves and quarters of the samples, less what their rows' influences say of them, give
      the bias: lines and parabolas through them, against 1/n on both sides, end above and below the truth where n is
      not many times d (theirs is the error of the next order, of opposite signs), so their mean is the centre;
    - the variance is that of the influence function of mean and covariance in both sets (the delta method). Computed
      from the sample it was made from, it counts the variance of second order, all there is for equal populations,
      twice. That is what a centre from two random halvings has on top, so nothing is left to correct.
    - a sixth of the gap between line and parabola is added as the standard error of the extrapolation.

    A reference of given moments is taken as the population. Nothing is extracted, or summed, again: covariances of
    the whole sets, and at most 4,096 rows of each.
    """
    sides = [_moments(inputs[role]) for role in ("real", "fake")]
    known = _kept.get(sides, lambda: _population(sides), *(side.count for side in sides))
    if known is None:
        return found
    centre, error = known
    given = "" if all(len(side.sample) for side in sides) else ", the reference's moments taken as given"
    interval = normal_interval(centre, error, "")
    assert interval.level is not None
    method = (
        f"{in_percent(interval.level)} interval of the population value, which lies around the bias-corrected value "
        f"in `details`, not around the value at these counts{given}; influence functions, bias by halves and quarters"
    )
    told = method if found.method == POINT else f"{found.method}; {method}"
    details = {**found.details, "bias_corrected": centre, "standard_error": error}
    return replace(found, low=interval.low, high=interval.high, method=told, details=details, level=interval.level)


def population_w2(
    found: Estimate, inputs: Mapping[str, Summary], again: Callable[[Mapping[str, Summary]], Estimate]
) -> Estimate:
    """The same of the root of a Frechet distance: the roots of that interval's ends."""
    squared = population_frechet(replace(found, value=found.value**2), inputs, again)
    if squared.low is None or squared.high is None:
        return found
    corrected = math.sqrt(max(0.0, squared.details["bias_corrected"]))
    low, high = (math.sqrt(max(0.0, end)) for end in (squared.low, squared.high))
    details = {**found.details, "bias_corrected": corrected}
    return replace(squared, value=found.value, low=low, high=high, details=details)


def _moments(summary: Summary) -> Moments:
    if isinstance(summary, Moments):
        return summary
    assert isinstance(summary, Features)
    return summary.moments


def _population(sides: list[Moments]) -> tuple[float, float] | None:
    """The bias-corrected distance and its standard error; None where there are no samples, or too few."""
    rows = [side.sample.double() for side in sides]
    if not any(map(len, rows)) or any(0 < len(part) < _LEAST for part in rows):
        return None
    fits = [_Fit.of(side, part) for side, part in zip(sides, rows, strict=True)]
    whole, influences = _delta(fits, rows)
    variance = sum(
        float(part.var()) / max(side.count, len(part))
        for side, part in zip(sides, influences, strict=True)
        if len(part)
    )
    centre, gap = _extrapolated(whole, fits, rows, influences)
    return centre, math.sqrt(variance + (gap / 6) ** 2)


@dataclass(frozen=True)
class _Fit:
    """A Gaussian: mean (D,), and a factor (K, D) of its covariance; `count` is 0 where it is a population."""

    mean: Tensor
    factor: Tensor
    count: int

    @classmethod
    def of(cls, moments: Moments, sample: Tensor) -> _Fit:
        if len(sample) and moments.count == len(sample) <= sample.shape[1]:
            return cls.fitted(sample)  # in the order of the sample, which its influences need
        return cls(moments.mean, moments.factor(), moments.count if len(sample) else 0)

    @classmethod
    def fitted(cls, rows: Tensor) -> _Fit:
        mean = rows.mean(0)
        centred = (rows - mean) / math.sqrt(len(rows) - 1)
        return cls(mean, centred if len(rows) <= rows.shape[1] else linalg.root(linalg.gram(centred)), len(rows))


def _distance(real: _Fit, fake: _Fit) -> float:
    product = real.factor @ fake.factor.T
    if min(product.shape) <= 256:
        shared = float(torch.linalg.svdvals(product).sum())
    else:
        squares = linalg.gram(product.T if product.shape[0] <= product.shape[1] else product)
        shared = float(torch.linalg.eigvalsh(squares).clamp(min=0).sqrt().sum())
    return _outside(real, fake) - 2 * shared


def _outside(real: _Fit, fake: _Fit) -> float:
    means = float((real.mean - fake.mean).square().sum())
    return means + float(real.factor.square().sum()) + float(fake.factor.square().sum())


def _delta(fits: list[_Fit], rows: list[Tensor]) -> tuple[float, list[Tensor]]:
    """The plug-in distance, and the influence of each of `rows`, centred, (N,) on either side; none of no rows."""
    real, fake = fits
    polar, shared = _polar(real.factor @ fake.factor.T)
    sides = ((real, fake, rows[0], polar @ fake.factor), (fake, real, rows[1], polar.T @ real.factor))
    influences = [_influence(own, other, part, pulled) for own, other, part, pulled in sides]
    return _outside(real, fake) - 2 * shared, influences


def _polar(product: Tensor) -> tuple[Tensor, float]:
    """U V^T and the sum of s of the singular value decomposition U s V^T."""
    tall = product.shape[0] >= product.shape[1]
    matrix = product if tall else product.T
    if not matrix.shape[1]:  # a side without any spread
        return torch.zeros_like(product), 0.0
    squares, vectors = torch.linalg.eigh(linalg.gram(matrix))
    values = squares.clamp(min=0).sqrt()
    kept = values > _TINY * values[-1]
    polar = matrix @ (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    return polar if tall else polar.T, float(values.sum())


def _influence(own: _Fit, other: _Fit, rows: Tensor, pulled: Tensor) -> Tensor:
    """d FD / d weight of each row x: 2 (m - m').(x - m) + |x - m|^2 - (x - m).A(x - m), A the map between Gaussians."""
    if not len(rows):
        return rows.new_zeros(0)
    centred = rows - own.mean
    moved = (_coordinates(own, centred) * (centred @ pulled.T)).sum(1)
    influence = 2 * centred @ (own.mean - other.mean) + centred.square().sum(1) - moved
    return influence - influence.mean()


def _coordinates(own: _Fit, centred: Tensor) -> Tensor:
    """C (N, K) with C @ factor = the centred rows."""
    factor = own.factor
    if own.count == len(centred) == len(factor) and len(factor) <= factor.shape[1]:
        return math.sqrt(own.count - 1) * torch.eye(len(factor), dtype=factor.dtype)
    if factor.shape[0] == factor.shape[1]:
        upper: Tensor = torch.linalg.solve_triangular(factor, centred, upper=True, left=False)
        return upper
    solved: Tensor = torch.linalg.solve(factor @ factor.T, factor @ centred.T).T
    return solved


def _extrapolated(whole: float, fits: list[_Fit], rows: list[Tensor], influences: list[Tensor]) -> tuple[float, float]:
    """The distance at infinitely many samples: mean of line and parabola, and line minus parabola."""
    at = [sum(1 / fit.count for fit in fits if fit.count)]
    at += [sum(1 / (len(part) // parts) for part in rows if len(part)) for parts in (2, 4)]
    values = [whole] + [
        float(np.mean([_pieces(parts, s, fits, rows, influences) for s in range(_SPLITS)])) for parts in (2, 4)
    ]
    line = values[0] - (values[1] - values[0]) * at[0] / (at[1] - at[0])
    parabola = sum(
        value * math.prod(x / (x - here) for x in at if x != here) for value, here in zip(values, at, strict=True)
    )
    return (line + parabola) / 2, line - parabola


def _pieces(parts: int, seed: int, fits: list[_Fit], rows: list[Tensor], influences: list[Tensor]) -> float:
    """Mean distance of `parts` disjoint pieces, less their mean influence: what is left differs by bias alone."""
    orders = [torch.from_numpy(np.random.default_rng(seed).permutation(len(part))) for part in rows]
    found = []
    for piece in range(parts):
        taken = [order[piece * (len(order) // parts) :][: len(order) // parts] for order in orders]
        fitted = [_Fit.fitted(part[own]) if len(own) else fit for part, own, fit in zip(rows, taken, fits, strict=True)]
        linear = sum(float(part[own].mean()) for part, own in zip(influences, taken, strict=True) if len(own))
        found.append(_distance(*fitted) - linear)
    return float(np.mean(found))
