"""Intervals by halving: what a metric says of either half of the samples shows how much it would vary."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from scipy.stats import t as student

from ganeval.errors import GanevalError
from ganeval.keeping import Kept
from ganeval.row_sample import draw
from ganeval.summaries import Features, Summary
from ganeval.uncertainty.estimates import POINT, Estimate, current_level, in_percent

_GIVEN = ("train",)  # what a model was trained on is no sample of anything
_LEAST = 8

Again = Callable[[Mapping[str, Summary]], Estimate]


def halving(
    *, splits: int = 10, most: int = 500, power: int = 1
) -> Callable[[Estimate, dict[str, Summary], Again], Estimate]:
    """An interval of the value at these counts: what as many new samples would give on average.

    Both sets are halved at random `splits` times (Shao and Wu 1989: a delete-half jackknife, right for neighbours and
    quantiles too). The values of the two halves, a and b, are independent, so mean((a - b)^2) / 4 is half of what a
    half varies by: the variance of the whole's value wherever that falls as 1/N, and twice that for squared distances
    between equal populations, where it falls as 1/N^2. At most `most` rows of a set take part, the spread is scaled by
    1/sqrt(N) from there. A training set is taken as given, and so are random directions and draws.

    With `power` above 1 the metric is a distance whose `power` is what averages over samples. Bias makes distances of
    halves larger than the whole's, and the root is flatter there: the spread of the roots would be too small. So the
    spread is that of the powers, made one of the distance where the whole's lies (delta method).
    """

    def interval(found: Estimate, inputs: dict[str, Summary], again: Again) -> Estimate:
        taken = _taken(inputs, most)
        if not taken:
            return found
        try:
            pairs = np.array([[again(inputs | half).value for half in both] for both in _halves(taken, splits)])
        except GanevalError:
            return found  # half of the samples do not suffice for it
        error = _error(pairs, found.value, power) * math.sqrt(max(each.share for each in taken.values()))
        if not error:
            return found  # no half differs from another: that shows how coarse the metric is here, not how certain
        level = current_level()
        reach = float(student.ppf((1 + level) / 2, splits)) * error
        method = f"{in_percent(level)} interval of the value at these counts, from {splits} random halvings"
        told = method if found.method == POINT else f"{method}; {found.method}"
        details = {**found.details, "standard_error": error}
        low, high = found.value - reach, found.value + reach
        return replace(found, low=low, high=high, method=told, details=details, level=level)

    return interval


def _error(pairs: np.ndarray, value: float, power: int) -> float:
    """Standard error of the whole's value from those of halves, (splits, 2)."""
    powers = pairs**power
    least = float(pairs.mean()) / 2 ** (1 / power)  # the whole's where all of it is bias, which falls as 1/N
    slope = power * max(value, least) ** (power - 1) if power > 1 else 1.0
    return math.sqrt(float(np.square(powers[:, 0] - powers[:, 1]).mean()) / 4) / (slope or 1.0)


def _halves(taken: Mapping[str, _Taken], splits: int) -> Iterator[list[dict[str, Features]]]:
    """The two halves of each split."""
    for split in range(splits):
        yield [{role: each.halves(split)[side] for role, each in taken.items()} for side in (0, 1)]


def _taken(inputs: Mapping[str, Summary], most: int) -> dict[str, _Taken]:
    """Of each set that is a sample, the rows that take part; nothing where one has none, or few."""
    sampled = {role: summary for role, summary in inputs.items() if role not in _GIVEN}
    features = {role: each for role, each in sampled.items() if isinstance(each, Features) and each.count >= _LEAST}
    if len(features) < len(sampled):
        return {}
    return {role: _kept.get([each], partial(_Taken, each, most), most, each.count) for role, each in features.items()}


class _Taken:
    """At most `most` rows of a set, whatever their order, and their halves, which all metrics that ask share."""

    def __init__(self, summary: Features, most: int) -> None:
        self._rows = summary.part(torch.from_numpy(draw(summary.rows, most)))
        self._halves: dict[int, tuple[Features, Features]] = {}
        self._cutting = threading.Lock()
        self.share = self._rows.count / summary.count

    def halves(self, split: int) -> tuple[Features, Features]:
        """Both halves of the rows as `split` cuts them; a copy of another set is cut as that is."""
        with self._cutting:
            if split not in self._halves:
                order = torch.from_numpy(np.argsort(np.random.default_rng(split).random(self._rows.count)))
                first, second = (self._rows.part(side.sort().values) for side in order.chunk(2))
                self._halves[split] = first, second
            return self._halves[split]


_kept: Kept[_Taken] = Kept()
