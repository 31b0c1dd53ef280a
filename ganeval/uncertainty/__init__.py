"""What a score is: a value, an interval, and the method behind it; and how intervals are made."""

from ganeval.uncertainty.estimates import (
    POINT,
    Estimate,
    accuracy_interval,
    at_level,
    between_runs,
    current_level,
    in_percent,
    mean_interval,
    normal_interval,
    quantile,
    share_interval,
    squared_interval,
    within,
)

__all__ = [
    "POINT",
    "Estimate",
    "accuracy_interval",
    "at_level",
    "between_runs",
    "current_level",
    "in_percent",
    "mean_interval",
    "normal_interval",
    "quantile",
    "share_interval",
    "squared_interval",
    "within",
]
