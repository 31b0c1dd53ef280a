"""Intervals by halving: what a metric says of either half of the samples shows how much it would vary."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor

from ganeval import linalg
from ganeval.errors import GanevalError
from ganeval.row_sample import content_numbers
from ganeval.summaries import Features, Labelled, Summary
from ganeval.uncertainty.estimates import POINT, Estimate, current_level, in_percent

_GIVEN = ("train",)  # what a model was trained on is no sample of anything
_LEAST = 8

Again = Callable[[Mapping[str, Summary]], Estimate]


def halving(*, splits: int = 10, most: int = 500) -> Callable[[Estimate, dict[str, Summary], Again], Estimate]:
    """An interval of the value at these counts: what as many new samples would give on average.

    Both sets are halved at random `splits` times (Shao and Wu 1989: a delete-half jackknife, right for neighbours and
    quantiles too). With a and b the values of the two halves, mean((a - b)^2) / 4 is the variance of the whole's value,
    except that interactions of pairs, all there is for degenerate statistics, count twice; var((a + b) / 2) is that
    part, and is taken off. At most `most` rows of a set take part, the spread is scaled by 1/sqrt(N) from there. A
    training set is taken as given, and so are random directions and draws.
    """

    def interval(found: Estimate, inputs: dict[str, Summary], again: Again) -> Estimate:
        drawn = _drawn(inputs, most)
        if not drawn:
            return found
        try:
            pairs = np.array([[again(inputs | half).value for half in both] for both in _halves(drawn, splits)])
        except GanevalError:
            return found  # half of the samples do not suffice for it
        error = _error(pairs) * math.sqrt(max(drawn[role].count / inputs[role].count for role in drawn))
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


def _error(pairs: np.ndarray) -> float:
    """Standard error of the whole's value from those of halves, (splits, 2)."""
    twice = float(np.square(pairs[:, 0] - pairs[:, 1]).mean()) / 4
    return math.sqrt(max(twice / 2, twice - float(pairs.mean(1).var(ddof=1))))


def _drawn(inputs: Mapping[str, Summary], most: int) -> dict[str, Features]:
    """At most `most` rows of each set that is a sample, whatever their order; nothing where one has none, or few."""
    sampled = {role: summary for role, summary in inputs.items() if role not in _GIVEN}
    features = {role: each for role, each in sampled.items() if isinstance(each, Features) and each.count >= _LEAST}
    return {role: _ordered(each, most) for role, each in features.items()} if len(features) == len(sampled) else {}


def _ordered(summary: Features, most: int) -> Features:
    order = torch.from_numpy(np.argsort(content_numbers(summary.rows), kind="stable")[:most])
    return _part(summary, order)


def _part(summary: Features, numbers: Tensor) -> Features:
    part = Features()
    part.update(summary.rows[numbers])
    return Labelled.of(part, summary.labels[numbers]) if isinstance(summary, Labelled) else part


def _halves(drawn: Mapping[str, Features], splits: int) -> Iterator[list[dict[str, Features]]]:
    """The two halves of each split, which know the distances between their rows from those of the whole."""
    whole = {
        (a, b): torch.cat([block for _, block in linalg.squared_distances(drawn[a].rows, drawn[b].rows)])
        for a, b in product(drawn, repeat=2)
    }
    for split in range(splits):
        rng = np.random.default_rng(split)
        shares = rng.random(max(each.count for each in drawn.values()))  # a copy of the other set is cut as that is
        numbers = {role: torch.from_numpy(np.argsort(shares[: each.count])) for role, each in drawn.items()}
        yield [_half(drawn, {role: order.chunk(2)[side] for role, order in numbers.items()}, whole) for side in (0, 1)]


def _half(
    drawn: Mapping[str, Features], numbers: Mapping[str, Tensor], whole: Mapping[tuple[str, str], Tensor]
) -> dict[str, Features]:
    parts = {role: _part(each, numbers[role].sort().values) for role, each in drawn.items()}
    for (a, b), distances in whole.items():
        rows, columns = (numbers[role].sort().values for role in (a, b))
        linalg.keep_distances(parts[a].rows, parts[b].rows, distances[rows][:, columns])
    return parts
