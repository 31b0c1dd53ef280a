"""Divergences of histograms with corrections for the bias of few samples. Knows no metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from torch import Tensor

from ganeval.kernel_ratios import projected
from ganeval.ratios import LIMITS, Array, bounded
from ganeval.uncertainty import Estimate, normal_interval

Correction = Literal["miller_madow", "jackknife", "none"]
Binned = Literal["js", "kl", "kl_reverse", "tv"]


def histogram_divergence(
    real: Tensor, fake: Tensor, divergence: Binned, *, components: int, correction: Correction
) -> Estimate:
    """The divergence of two histograms on bins between quantiles of both sets together, along principal components.

    Binning can only lower a divergence. Samples too few for their bins raise it: by twice the expectation of the second
    derivative, which Miller and Madow (1955) subtract (for TV, which has none, use the jackknife of Quenouille 1956).
    """
    sides, how, warnings = projected(real, fake, components)
    counts = _counts(sides)
    value = _FORMULAS[divergence](*counts)
    if correction == "jackknife":
        value += _jackknife(_FORMULAS[divergence], counts)
    elif correction == "miller_madow" and divergence != "tv":
        value -= _second_order(divergence, *counts)
    method = f"interval of a histogram of {len(counts[0])} bins, correction {correction}, {how}"
    return bounded(normal_interval(value, _error(divergence, *counts), method), LIMITS[divergence], warnings)


def _counts(sides: Sequence[Array]) -> tuple[Array, Array]:
    """How many samples of either set lie in each bin that is not empty of both, (K,)."""
    width, smaller = sides[0].shape[1], min(map(len, sides))
    bins = max(2, round((4 * smaller) ** (1 / (width + 2))))
    both = np.concatenate(sides)
    index = np.zeros(len(both), np.int64)
    for axis in both.T:
        edges = np.quantile(axis, np.arange(1, bins) / bins)
        index = index * bins + np.searchsorted(edges, axis, side="right")
    _, place = np.unique(index, return_inverse=True)
    found = [
        np.bincount(part, minlength=place.max() + 1).astype(np.float64) for part in np.split(place, [len(sides[0])])
    ]
    return found[0], found[1]


def _shares(counts: Array) -> Array:
    found: Array = counts / counts.sum()
    return found


def _smoothed(counts: Array) -> Array:
    """With half a sample more in every bin, so that none is empty (Krichevsky and Trofimov 1981)."""
    return _shares(counts + 0.5)


def _xlogy(a: Array, b: Array) -> float:
    return float((a * np.log(np.where(a > 0, b, 1.0))).sum())


def _js(a: Array, b: Array) -> float:
    p, q = _shares(a), _shares(b)
    both = np.maximum(p + q, np.finfo(np.float64).tiny)  # leaving out a bin's only sample empties it
    return (_xlogy(p, 2 * p / both) + _xlogy(q, 2 * q / both)) / 2


def _kl(a: Array, b: Array) -> float:
    p = _shares(a)
    return _xlogy(p, p / _smoothed(b))


def _tv(a: Array, b: Array) -> float:
    return float(np.abs(_shares(a) - _shares(b)).sum()) / 2


_FORMULAS: dict[Binned, Callable[[Array, Array], float]] = {
    "js": _js,
    "kl": _kl,
    "kl_reverse": lambda a, b: _kl(b, a),
    "tv": _tv,
}


def _second_order(divergence: Binned, a: Array, b: Array) -> float:
    """Half the sum of second derivatives times the variances of the shares."""
    if divergence == "kl_reverse":
        a, b, divergence = b, a, "kl"
    p, q = _smoothed(a), _smoothed(b)
    spread_p, spread_q = p * (1 - p) / a.sum(), q * (1 - q) / b.sum()
    if divergence == "kl":
        return float((spread_p / p).sum() / 2 + (p * spread_q / q**2).sum() / 2)
    mixed = (spread_p + spread_q) / (p + q)
    return float((spread_p / p + spread_q / q - mixed).sum()) / 4


def _jackknife(formula: Callable[[Array, Array], float], counts: tuple[Array, Array]) -> float:
    """(n - 1) times the plain value less its mean with one sample left out, for each set."""
    plain, total = formula(*counts), 0.0
    for side in (0, 1):
        without = []
        for place in np.flatnonzero(counts[side]):
            fewer = [each.copy() for each in counts]
            fewer[side][place] -= 1
            without.append(counts[side][place] * formula(*fewer))
        number = counts[side].sum()
        total += (number - 1) * (plain - sum(without) / number)
    return float(total)


def _error(divergence: Binned, a: Array, b: Array) -> float:
    """From the first derivatives, whose variance under either set is what that set adds."""
    p, q = _smoothed(a), _smoothed(b)
    middle = (p + q) / 2
    slopes = {
        "js": (np.log(p / middle) / 2, np.log(q / middle) / 2),
        "kl": (np.log(p / q), -p / q),
        "kl_reverse": (-q / p, np.log(q / p)),
        "tv": (np.sign(p - q) / 2, np.sign(q - p) / 2),
    }[divergence]
    squares = [
        (float(share @ slope**2) - float(share @ slope) ** 2) / counts.sum()
        for slope, share, counts in zip(slopes, (p, q), (a, b))
    ]
    return math.sqrt(sum(squares))
