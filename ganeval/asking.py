"""What a gate is asked: requirements such as `fid<=20`, and margins such as `fid=2%`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ganeval.errors import GanevalError

HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
"""Whether a value and a bound satisfy a comparison."""
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NAME = r"[A-Za-z]\w*(?:@[^\s<>=]+)?"


@dataclass(frozen=True)
class Requirement:
    """`metric operator bound`, as in `fid<=20`; `metric` may say on which features: `precision@inception`."""

    metric: str
    operator: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.bound:g}"


@dataclass(frozen=True)
class Margin:
    """How much worse than the baseline still counts as no worse: `amount`, or that share of the baseline's value."""

    amount: float = 0.0
    relative: bool = False

    def __str__(self) -> str:
        return f"{self.amount * 100:g}%" if self.relative else f"{self.amount:g}"


def parse_requirement(text: str) -> Requirement:
    """`METRIC[@FEATURES] OP NUMBER` with OP one of <= < >= >.

    Raises:
        GanevalError: anything else.

    >>> print(parse_requirement("recall>=0.4"))
    recall >= 0.4
    """
    found = re.fullmatch(rf"\s*({_NAME})\s*([<>=!~]+)\s*(\S*)\s*", text)
    if found is None:
        raise GanevalError(f"'{text}' is no requirement: write METRIC, one of <= < >= >, and a number, as in 'fid<=20'")
    metric, sign, number = found.groups()
    if sign not in HOLDS:
        near = {"=<": "<=", "=>": ">="}.get(sign)
        raise GanevalError(
            f"'{sign}' in '{text}' is no comparison: "
            + (f"did you mean '{near}'?" if near else "expected <= < >= or >; a value with noise is never equal")
        )
    if not re.fullmatch(_NUMBER, number):
        raise GanevalError(f"'{number}' in '{text}' is no number: expected one such as 20, 0.4 or 1e-3")
    return Requirement(metric, sign, float(number))


def parse_margin(text: str) -> tuple[str, Margin]:
    """`METRIC=AMOUNT` or `METRIC=SHARE%`: the metric, and its margin.

    Raises:
        GanevalError: anything else, or a margin below 0.

    >>> parse_margin("fid=2%")
    ('fid', Margin(amount=0.02, relative=True))
    """
    metric, equals, amount = text.partition("=")
    if not equals or not re.fullmatch(_NAME, metric.strip()):
        raise GanevalError(
            f"'{text}' is no margin: write METRIC=AMOUNT or METRIC=SHARE%, as in 'kid=0.001' or 'fid=2%'"
        )
    return metric.strip(), margin_of(amount)


def margin_of(amount: str) -> Margin:
    """`0.001` or `2%` as a margin.

    Raises:
        GanevalError: no number, or one below 0.
    """
    number, relative = amount.strip().removesuffix("%"), amount.strip().endswith("%")
    if not re.fullmatch(_NUMBER, number):
        raise GanevalError(f"'{amount}' is no margin: expected a number such as 0.5, or a share such as 2%")
    value = float(number) / (100 if relative else 1)
    if value < 0:
        raise GanevalError(f"the margin {amount} is below 0: it says how much worse is still accepted")
    return Margin(value, relative)
