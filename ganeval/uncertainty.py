"""What a score is: a value, an interval where one is known, and the method behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm


@dataclass(frozen=True)
class Estimate:
    """`value` with `low` and `high`, None where no interval is known; `method` says how, and for what, it was made.

    `details` holds what stands behind the value and fits into JSON: per class, per sample, per level.
    """

    value: float
    low: float | None = None
    high: float | None = None
    method: str = "point estimate"
    details: Mapping[str, Any] = field(default_factory=dict)


def normal_interval(value: float, standard_error: float, method: str, level: float = 0.95) -> Estimate:
    """A symmetric interval for an asymptotically normal estimate.

    >>> estimate = normal_interval(1.0, 0.5, "example")
    >>> round(estimate.low, 2), round(estimate.high, 2)
    (0.02, 1.98)
    """
    reach = float(norm.ppf((1 + level) / 2)) * standard_error
    return Estimate(value, value - reach, value + reach, f"{level:.0%} {method}")


def mean_interval(values: npt.ArrayLike, method: str, level: float = 0.95) -> Estimate:
    """The mean of independent values, (N,) with N > 1, and its normal interval from their standard deviation.

    >>> estimate = mean_interval([0.0, 2.0], "example")
    >>> estimate.value, round(estimate.high, 2)
    (1.0, 2.96)
    """
    numbers = np.asarray(values, dtype=np.float64)
    return normal_interval(float(numbers.mean()), float(numbers.std(ddof=1)) / math.sqrt(len(numbers)), method, level)


def accuracy_interval(right: tuple[float, float], of: tuple[int, int], method: str, level: float = 0.95) -> Estimate:
    """The mean of a two-class test's accuracies on either class, `right` out of `of`, with a binomial interval.

    Each class gets one more right and one more wrong answer for the variance, so that it is not 0 where none is wrong.

    >>> estimate = accuracy_interval((60.0, 50.0), (100, 100), "example")
    >>> estimate.value, round(estimate.low, 3), round(estimate.high, 3)
    (0.55, 0.481, 0.619)
    """
    value = sum(hits / n for hits, n in zip(right, of, strict=True)) / 2
    shares = [(hits + 1) / (n + 2) for hits, n in zip(right, of, strict=True)]
    error = math.sqrt(sum(share * (1 - share) / n for share, n in zip(shares, of, strict=True))) / 2
    return within(normal_interval(value, error, method, level), 0.0, 1.0)


def share_interval(hits: int, of: int, method: str, level: float = 0.95) -> Estimate:
    """A share, `hits` out of `of` independent trials, with Wilson's interval (1927), which stays within [0, 1].

    >>> estimate = share_interval(9, 10, "example")
    >>> estimate.value, round(estimate.low, 4), round(estimate.high, 4)
    (0.9, 0.5958, 0.9821)
    """
    z, share = float(norm.ppf((1 + level) / 2)), hits / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    reach = z * math.sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2) / (1 + z**2 / of)
    return Estimate(share, max(0.0, middle - reach), min(1.0, middle + reach), f"{level:.0%} {method}")


def within(estimate: Estimate, least: float, most: float) -> Estimate:
    """The estimate with its interval cut to the values that are possible."""
    low = None if estimate.low is None else min(max(estimate.low, least), most)
    high = None if estimate.high is None else min(max(estimate.high, least), most)
    return replace(estimate, low=low, high=high)
