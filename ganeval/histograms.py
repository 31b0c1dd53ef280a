"""Divergences of histograms with corrections for the bias of few samples. Knows no metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ganeval.kernel_ratios import projected
from ganeval.ratios import LIMITS, Array, bounded, reaching
from ganeval.uncertainty import Estimate, normal_interval

Correction = Literal["miller_madow", "jackknife", "none"]
Binned = Literal["js", "kl", "kl_reverse", "tv"]
_COARSE = 0.15  # of the value: what coarser bins may lose
_FOLDS = 3
_LONELY, _NEXT_TO_NONE = 0.02, 5  # of the samples, that may lie in bins of fewer samples of the other set


def histogram_divergence(
    real: Tensor, fake: Tensor, divergence: Binned, *, components: int, correction: Correction
) -> Estimate:
    """The divergence of two histograms on bins between quantiles of both sets together, along principal components.

    Binning can only lower a divergence. Samples too few for their bins raise it: by twice the expectation of the second
    derivative, which Miller and Madow (1955) subtract. TV has none: there the interval reaches down to what is left
    where other samples than a bin's own say which set has more of it. Bins lose at most in proportion to their width,
    as at a border: the interval reaches up by what coarser bins say of that.
    """
    sides, how, warnings = projected(real, fake, components)
    bins = max(2, round((4 * min(map(len, sides))) ** (1 / (sides[0].shape[1] + 2))))
    places = _places(sides, bins)
    counts = _counts(places)
    value = _corrected(divergence, counts, correction)
    coarser = {
        number: value - _corrected(divergence, _counts(_places(sides, number)), correction) for number in _fewer(bins)
    }
    lost = max((abs(less) / (bins / number - 1) for number, less in coarser.items()), default=0.0)
    method = f"interval of a histogram of {len(counts[0])} bins, correction {correction}, {how}"
    found = reaching(normal_interval(value, _error(divergence, *counts), method), lost)
    if divergence == "tv":
        found = reaching(found, min(0.0, _crossed_tv(places) - value))
    warnings += (*_coarse(value, max(coarser.values(), default=0.0), bins), *_unmet(divergence, *counts))
    return bounded(found, LIMITS[divergence], warnings)


def _fewer(bins: int) -> set[int]:
    """Numbers of coarser bins, half and two thirds: the borders of one may fall where it does not matter."""
    return {max(2, bins // 2), max(2, bins * 2 // 3)} - {bins}


def _corrected(divergence: Binned, counts: tuple[Array, Array], correction: Correction) -> float:
    value = _FORMULAS[divergence](*counts)
    if correction == "jackknife":
        value += _jackknife(_FORMULAS[divergence], counts)
    elif correction == "miller_madow" and divergence != "tv":
        value -= _second_order(divergence, *counts)
    return value


def _coarse(value: float, lost: float, bins: int) -> Iterator[str]:
    """A warning where bins are too wide for what happens within them."""
    if lost > _COARSE * value:
        yield (
            f"coarser bins lose {lost:.3g} of {value:.3g}: {bins} bins along an axis may lose as much "
            "of the truth, and the value is too low; use more samples, or kernels"
        )


def _unmet(divergence: Binned, a: Array, b: Array) -> Iterator[str]:
    """A warning where bins of one set hold next to nothing of the other, and no count says how little."""
    sides = {"kl": (a, b), "kl_reverse": (b, a)}.get(divergence)
    share = 0.0 if sides is None else float(sides[0][sides[1] < _NEXT_TO_NONE].sum() / sides[0].sum())
    if share > _LONELY:
        yield (
            f"{share:.0%} of the samples lie in bins with fewer than {_NEXT_TO_NONE} of the other set: how much fewer "
            "is what KL asks for, and half a sample stands in for it; JS and Wasserstein distances do not need it"
        )


def _places(sides: Sequence[Array], bins: int) -> list[npt.NDArray[np.int64]]:
    """The number of each sample's bin, of those that are not empty of both sets, (N,) for either."""
    both = np.concatenate(sides)
    index = np.zeros(len(both), np.int64)
    for axis in both.T:
        edges = np.quantile(axis, np.arange(1, bins) / bins)
        index = index * bins + np.searchsorted(edges, axis, side="right")
    _, place = np.unique(index, return_inverse=True)
    return np.split(place.astype(np.int64), [len(sides[0])])


def _counts(places: Sequence[npt.NDArray[np.int64]]) -> tuple[Array, Array]:
    """How many samples of either set lie in each bin, (K,)."""
    most = max(int(side.max()) for side in places) + 1
    a, b = (np.bincount(side, minlength=most).astype(np.float64) for side in places)
    return a, b


def _crossed_tv(places: Sequence[npt.NDArray[np.int64]]) -> float:
    """TV by the signs of p - q that other samples show: too high by chance only, where the plain value always is."""
    whole = _counts(places)
    found = []
    for fold in range(_FOLDS):
        own = [np.bincount(side[fold::_FOLDS], minlength=len(whole[0])).astype(np.float64) for side in places]
        p, q = (_shares(all_of - part) for all_of, part in zip(whole, own))
        found.append(float(np.sign(p - q) @ (_shares(own[0]) - _shares(own[1]))) / 2)
    return float(np.mean(found))


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
