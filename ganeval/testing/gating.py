"""The gate as assertions, for test suites: `assert_requirements` and `assert_no_worse`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from ganeval.asking import Margin, margin_of, parse_requirement
from ganeval.gate import Verdict, judge
from ganeval.scorecard import Scorecard, load_scorecard

Card: TypeAlias = Scorecard | Path | str
"""A scorecard, its file, or the folder that holds it."""
Amount: TypeAlias = float | str
"""A margin in the metric's units, 0.5, or as a share of the baseline's value, "2%"."""


def assert_requirements(
    card: Card, requirements: Iterable[str], *, level: float = 0.95, undecided: Literal["fail", "pass"] = "fail"
) -> None:
    """Assert that the card satisfies all of `requirements`, such as `["fid<=20", "recall>=0.4"]`.

    Raises:
        AssertionError: a requirement fails, or is undecided (unless `undecided="pass"`), with the reasons.
        GanevalError: the requirements cannot be asked of this card.
    """
    verdict = judge(_loaded(card), [parse_requirement(text) for text in requirements], level=level)
    _assert(verdict, undecided)


def assert_no_worse(
    card: Card,
    baseline: Card,
    metrics: Iterable[str],
    *,
    margin: Amount | Mapping[str, Amount] = 0.0,
    level: float = 0.95,
    undecided: Literal["fail", "pass"] = "fail",
) -> None:
    """Assert that the card is no worse than the baseline in all of `metrics`, by more than the margin.

    Args:
        margin: for all of the metrics, or by metric (0 for one that is not named).
        undecided: "pass" lets only proven differences fail.

    Raises:
        AssertionError: a metric is worse, or it is undecided (unless `undecided="pass"`), with the reasons.
        GanevalError: the cards cannot be compared, or a margin is for a metric that is not.
    """
    names = list(metrics)
    verdict = judge(_loaded(card), baseline=_loaded(baseline), no_worse=_margins(names, margin), level=level)
    _assert(verdict, undecided)


def _loaded(card: Card) -> Scorecard:
    return card if isinstance(card, Scorecard) else load_scorecard(Path(card))


def _margins(names: list[str], margin: Amount | Mapping[str, Amount]) -> dict[str, Margin]:
    from ganeval.errors import unknown

    if not isinstance(margin, Mapping):
        return {name: margin_of(str(margin)) for name in names}
    for name in margin:
        if name not in names:
            raise unknown("metric with a margin", name, names)
    return {name: margin_of(str(margin.get(name, 0.0))) for name in names}


def _assert(verdict: Verdict, undecided: Literal["fail", "pass"]) -> None:
    from ganeval.reporting.verdict import headline, sentence

    if verdict.exit_code(undecided):
        lines = [f"{check.status}: {check.text}: {sentence(check)}" for check in verdict.checks]
        raise AssertionError("\n".join([headline(verdict), *lines]))
