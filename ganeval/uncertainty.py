"""What a score is: a value, an interval where one is known, and the method behind it."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import norm


@dataclass(frozen=True)
class Estimate:
    """`value` with `low` and `high`, None where no interval is known; `method` says how, and for what, it was made."""

    value: float
    low: float | None = None
    high: float | None = None
    method: str = "point estimate"


def normal_interval(value: float, standard_error: float, method: str, level: float = 0.95) -> Estimate:
    """A symmetric interval for an asymptotically normal estimate.

    >>> estimate = normal_interval(1.0, 0.5, "example")
    >>> round(estimate.low, 2), round(estimate.high, 2)
    (0.02, 1.98)
    """
    reach = float(norm.ppf((1 + level) / 2)) * standard_error
    return Estimate(value, value - reach, value + reach, f"{level:.0%} {method}")
