"""What a score is: a value, an interval where one is known, and the method behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from scipy.stats import t as student

POINT = "point estimate"
_level: ContextVar[float] = ContextVar("level", default=0.95)


@contextmanager
def at_level(level: float) -> Iterator[None]:
    """Intervals made inside, by this thread, have this level unless they are told another.

    >>> with at_level(0.5):
    ...     normal_interval(0.0, 1.0, "example").method
    '50% example'
    """
    token = _level.set(level)
    try:
        yield
    finally:
        _level.reset(token)


def current_level() -> float:
    """The level that intervals have now: 0.95 unless `at_level` says otherwise."""
    return _level.get()


def in_percent(level: float) -> str:
    """0.95 as "95%", 0.995 as "99.5%"."""
    return f"{100 * level:.6g}%"


@dataclass(frozen=True)
class Estimate:
    """`value` with `low` and `high`, None where no interval is known; `method` says how, and for what, it was made.

    An interval is for the population value, which `value` need not lie near where it is biased (`fd`), or for the value
    at these counts: what the same number of new samples would give on average. `method` says which.

    `details` holds what stands behind the value and fits into JSON: per class, per sample, per level; `level` is the
    probability that the interval holds its target.
    """

    value: float
    low: float | None = None
    high: float | None = None
    method: str = POINT
    details: Mapping[str, Any] = field(default_factory=dict)
    level: float | None = None


def quantile(level: float | None = None) -> float:
    """Standard errors on either side of a normal estimate: 1.96 for 95 %."""
    return float(norm.ppf((1 + (level or current_level())) / 2))


def normal_interval(value: float, standard_error: float, method: str, level: float | None = None) -> Estimate:
    """A symmetric interval for an asymptotically normal estimate.

    >>> estimate = normal_interval(1.0, 0.5, "example")
    >>> round(estimate.low, 2), round(estimate.high, 2)
    (0.02, 1.98)
    """
    level = level or current_level()
    reach = quantile(level) * standard_error
    return Estimate(value, value - reach, value + reach, f"{in_percent(level)} {method}", level=level)


def squared_interval(
    value: float, errors: tuple[float, float], method: str, *, shift: float = 0.0, level: float | None = None
) -> Estimate:
    """For an unbiased estimate of a squared distance, which varies the more the larger its target is.

    Its variance is that for equal populations, and grows from there in proportion to the target. The interval holds
    every target that the estimate is within so many of the *target's* standard errors from (as Wilson's does for a
    share), so it reaches further up than down. Around value +- error it would lie too low: both are small together.

    Args:
        errors: the standard error, and what it is for equal populations; not above the first.
        shift: is added to the value and to both ends.

    >>> estimate = squared_interval(1.0, (0.5, 0.3), "example")
    >>> round(estimate.low, 3), round(estimate.high, 3)
    (0.28, 2.334)
    """
    level = level or current_level()
    square = quantile(level) ** 2
    growth = (errors[0] ** 2 - errors[1] ** 2) / max(value, errors[1]) if errors[0] > errors[1] else 0.0
    middle = value + square * growth / 2
    reach = math.sqrt(square * errors[0] ** 2 + (square * growth / 2) ** 2)
    low, high = middle - reach + shift, middle + reach + shift
    return Estimate(value + shift, low, high, f"{in_percent(level)} {method}", level=level)


def mean_interval(values: npt.ArrayLike, method: str, level: float | None = None) -> Estimate:
    """The mean of independent values, (N,) with N > 1, and its normal interval from their standard deviation.

    >>> estimate = mean_interval([0.0, 2.0], "example")
    >>> estimate.value, round(estimate.high, 2)
    (1.0, 2.96)
    """
    numbers = np.asarray(values, dtype=np.float64)
    return normal_interval(float(numbers.mean()), float(numbers.std(ddof=1)) / math.sqrt(len(numbers)), method, level)


def accuracy_interval(
    right: tuple[float, float], of: tuple[int, int], method: str, level: float | None = None
) -> Estimate:
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


def share_interval(hits: int, of: int, method: str, level: float | None = None) -> Estimate:
    """A share, `hits` out of `of` independent trials, with Wilson's interval (1927), which stays within [0, 1].

    >>> estimate = share_interval(9, 10, "example")
    >>> estimate.value, round(estimate.low, 4), round(estimate.high, 4)
    (0.9, 0.5958, 0.9821)
    """
    level = level or current_level()
    z, share = quantile(level), hits / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    reach = z * math.sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2) / (1 + z**2 / of)
    low, high = max(0.0, middle - reach) if hits else 0.0, min(1.0, middle + reach) if hits < of else 1.0
    return Estimate(share, low, high, f"{in_percent(level)} {method}", level=level)


def within(estimate: Estimate, least: float, most: float) -> Estimate:
    """The estimate with its interval cut to the values that are possible."""
    low = None if estimate.low is None else min(max(estimate.low, least), most)
    high = None if estimate.high is None else min(max(estimate.high, least), most)
    return replace(estimate, low=low, high=high)


def between_runs(estimates: Sequence[Estimate], level: float | None = None) -> Estimate:
    """What a recipe scores on average over training seeds, from one estimate for each of two or more seeds.

    The spread between runs holds both sources of noise, seeds and finite samples, so no within-run error is added; with
    few runs the quantile is Student's. `details` splits the variance: `sampling`, the mean of the runs' own, and
    `seeds`, what is left (0 at least). Intervals of runs that share a reference do not hold the reference's noise here.

    >>> runs = [Estimate(9.0, 8.0, 10.0, level=0.95), Estimate(11.0, 10.0, 12.0, level=0.95)]
    >>> found = between_runs(runs)
    >>> found.value, round(found.high, 1), round(found.details["seeds"], 2)
    (10.0, 22.7, 1.74)
    """
    assert len(estimates) > 1, "a spread between runs needs two of them"
    level = level or current_level()
    values = np.array([estimate.value for estimate in estimates])
    spread, own = float(values.var(ddof=1)), _sampling_variance(estimates)
    reach = float(student.ppf((1 + level) / 2, len(values) - 1)) * math.sqrt(spread / len(values))
    details = {"runs": len(values), "spread": math.sqrt(spread)}
    if own is not None:
        details |= {"sampling": own, "seeds": max(0.0, spread - own)}
    value = float(values.mean())
    method = f"{in_percent(level)} interval of the mean over training seeds, from {len(values)} runs"
    return Estimate(value, value - reach, value + reach, method, details, level)


def _sampling_variance(estimates: Sequence[Estimate]) -> float | None:
    reaches = [(e.high - e.low) / 2 / quantile(e.level) for e in estimates if e.low is not None and e.high is not None]
    return float(np.mean(np.square(reaches))) if len(reaches) == len(estimates) else None
