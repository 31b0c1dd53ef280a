"""The gate: requirements and comparisons with a baseline, decided on intervals. `docs/gate.md` defines every verdict.

The verdict depends on the scorecards and the arguments alone: no image, cache or clock is looked at.
"""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from scipy.special import ndtri

from ganeval.asking import HOLDS, Margin, Requirement
from ganeval.compare import compare
from ganeval.errors import GanevalError, unknown
from ganeval.scorecard import Score, Scorecard
from ganeval.significance import Difference, Interval, holm, interval_of, samples_needed, unpaired

Status: TypeAlias = Literal["pass", "fail", "undecided"]
Undecided: TypeAlias = Literal["report", "pass", "fail"]

EXIT_CODES: Mapping[Status, int] = {"pass": 0, "fail": 1, "undecided": 3}


@dataclass(frozen=True)
class Check:
    """One thing that was decided.

    Attributes:
        text: what was asked, as `fid <= 20` or `fid no worse, margin 2%`.
        score, baseline: the scores it rests on; None where the card has none, which is a failure.
        low, high: the interval that decided: of the score (a requirement), or of how much worse it is (a comparison).
        worse, margin: how much worse than the baseline, and how much was allowed, both in the metric's units.
        p: of a comparison, how likely noise alone looks this much worse than the margin, adjusted by Holm.
        count, needed: generated images now, and how many (of each set) would decide with 80 % power if the values stay;
            None where that is not known, or no affordable number would.
        why: what stood in the way of a decision by interval.
    """

    text: str
    metric: str
    status: Status
    score: Score | None = None
    baseline: Score | None = None
    low: float | None = None
    high: float | None = None
    worse: float | None = None
    margin: float | None = None
    p: float | None = None
    count: int | None = None
    needed: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Verdict:
    """All checks of one card, at one level."""

    card: str
    baseline: str | None
    level: float
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """`fail` if any check failed, else `undecided` if any is, else `pass`."""
        found = {check.status for check in self.checks}
        return "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"

    def exit_code(self, undecided: Undecided = "report") -> int:
        """0 pass, 1 fail, 3 undecided; `undecided` says what to make of the last."""
        if self.status == "undecided" and undecided != "report":
            return EXIT_CODES[undecided]
        return EXIT_CODES[self.status]


def judge(
    card: Scorecard,
    requirements: Sequence[Requirement] = (),
    *,
    baseline: Scorecard | None = None,
    no_worse: Mapping[str, Margin] | None = None,
    level: float = 0.95,
) -> Verdict:
    """Decide every requirement on `card`, and that it is no worse than `baseline` in every metric of `no_worse`.

    A requirement passes if the whole interval at `level` satisfies it, fails if the whole interval violates it, and is
    undecided otherwise. A comparison passes if the one-sided upper bound at `level` of how much worse the card is does
    not exceed the margin, and fails if being worse by more than the margin is significant at 1 - `level`, one-sided,
    after Holm's correction over all comparisons.

    Raises:
        GanevalError: nothing is asked; a metric that does not exist or is ambiguous; a baseline that was made by
            another protocol; a margin that has no meaning there; a level outside (0.5, 1).
    """
    guards = dict(no_worse or {})
    _check_asked(requirements, guards, baseline, level)
    cards = [card] if baseline is None else [card, baseline]
    _check_names([*(r.metric for r in requirements), *guards], cards)
    checks = [_required(card, requirement, level) for requirement in requirements]
    if baseline is not None:
        checks += _compared(card, baseline, guards, level)
    return Verdict(card.name, baseline.name if baseline else None, level, tuple(checks))


def _check_asked(
    requirements: Sequence[Requirement], guards: Mapping[str, Margin], baseline: Scorecard | None, level: float
) -> None:
    if not 0.5 < level < 1:
        raise GanevalError(f"the level is {level:g}, expected one between 0.5 and 1, such as 0.95")
    if guards and baseline is None:
        raise GanevalError("no worse than what? Give the scorecard to compare with: --baseline CARD")
    if baseline is not None and not guards:
        raise GanevalError("a baseline alone decides nothing: say in which metric to be no worse, --no-worse METRIC")
    if not requirements and not guards:
        raise GanevalError("nothing to decide: give --require 'METRIC<=NUMBER', or --baseline CARD --no-worse METRIC")


def _check_names(names: Iterable[str], cards: Sequence[Scorecard]) -> None:
    """Every metric exists: here, where each has a file of its own, or on a card of another version."""
    from ganeval import metrics

    here = {info.name for info in pkgutil.iter_modules(metrics.__path__)} - {"metric"}
    known = {*here, *(score.metric for card in cards for score in card.scores)}
    for name in names:
        metric = name.partition("@")[0]
        if metric not in known:
            raise unknown("metric", metric, known)


def _find(card: Scorecard, name: str) -> Score | None:
    """The card's score of `METRIC` or `METRIC@FEATURES`, where FEATURES is a tap or its network.

    Raises:
        GanevalError: several scores go by this name.
    """
    metric, _, features = name.partition("@")
    found = [
        score
        for score in card.scores
        if score.metric == metric and (not features or f"{score.features}.".startswith(f"{features}."))
    ]
    if len(found) > 1:
        names = ", ".join(f"{metric}@{score.features}" for score in found)
        raise GanevalError(f"{card.name} has {name} on several features: say which, {names}")
    return found[0] if found else None


def _missing(card: Scorecard, text: str, name: str) -> Check:
    metric, _, features = name.partition("@")
    reason = next((why for left, why in card.skipped.items() if left.split(" ")[0] == metric), "")
    on = f" on {features}" if features else ""
    return Check(text, metric, "fail", why=f"{card.name} has no {metric}{on}" + (f": {reason}" if reason else ""))


def _required(card: Scorecard, asked: Requirement, level: float) -> Check:
    score, text = _find(card, asked.metric), str(asked)
    if score is None:
        return _missing(card, text, asked.metric)
    check = Check(text, score.metric, "fail", score, count=score.counts.get("fake"))
    holds, interval = HOLDS[asked.operator], interval_of(score)
    if math.isnan(score.value):
        return replace(check, why="the value is not a number")
    if interval is None:
        return replace(
            check,
            status="pass" if holds(score.value, asked.bound) else "fail",
            why="no interval is known, so the value alone decided",
        )
    at = interval.at(level)
    low, high = at.centre - at.below, at.centre + at.above
    both = {holds(low, asked.bound), holds(high, asked.bound)}
    status: Status = "undecided" if len(both) > 1 else "pass" if both == {True} else "fail"
    needed = _needed_to_require(at, asked.bound, check.count) if status == "undecided" else None
    return replace(check, status=status, low=low, high=high, needed=needed)


def _needed_to_require(at: Interval, bound: float, count: int | None) -> int | None:
    down, up = at.errors()
    error = up if bound > at.centre else down
    quantile = float(ndtri((1 + at.level) / 2))
    return None if count is None else samples_needed(count, bound - at.centre, error, quantile)


def _compared(card: Scorecard, baseline: Scorecard, guards: Mapping[str, Margin], level: float) -> list[Check]:
    checks = [_against(card, baseline, name, margin, level) for name, margin in guards.items()]
    adjusted = iter(holm([check.p for check in checks if check.p is not None]))
    return [check if check.p is None else _settled(check, next(adjusted), level) for check in checks]


def _settled(check: Check, p: float, level: float) -> Check:
    """The check with its p-value adjusted, and its status after that."""
    assert check.high is not None
    assert check.margin is not None
    status: Status = "pass" if check.high <= check.margin else "fail" if p < 1 - level else "undecided"
    return replace(check, p=p, status=status, needed=check.needed if status == "undecided" else None)


def _against(card: Scorecard, baseline: Scorecard, name: str, margin: Margin, level: float) -> Check:
    """The check with its unadjusted p-value, where there is one to be adjusted."""
    text = f"{name} no worse, margin {margin}"
    ours, theirs = _find(card, name), _find(baseline, name)
    if ours is None or theirs is None:
        return _missing(card if ours is None else baseline, text, name)
    _check_comparable((card, ours), (baseline, theirs))
    if ours.better == "neither":
        raise GanevalError(f"{ours.metric} has no better direction: 'no worse' means nothing, use --require")
    check = Check(text, ours.metric, "undecided", ours, theirs, count=ours.counts.get("fake"))
    if math.isnan(ours.value):
        return replace(check, status="fail", why="the value is not a number")
    if card.fake.fingerprint == baseline.fake.fingerprint and ours.value == theirs.value:
        return replace(check, status="pass", worse=0.0, why="these are the same images with the same score")
    x, y = interval_of(ours), interval_of(theirs)
    if x is None or y is None:
        return replace(
            check, why="no interval is known: a difference of two values without their noise decides nothing"
        )
    return _tested(check, x, y, margin, level)


def _tested(check: Check, x: Interval, y: Interval, margin: Margin, level: float) -> Check:
    assert check.score is not None
    allowed = _allowed(check.metric, y.centre, margin)
    share = margin.amount if margin.relative else 0.0
    over = _excess(x, y, share, 0.0 if margin.relative else allowed, check.score.better == "lower", level)
    one_sided = over.p / 2 if over.value > 0 else 1 - over.p / 2
    quantile = float(ndtri(level))
    return replace(
        check,
        low=over.low + allowed,
        high=over.high + allowed,
        worse=over.value + allowed,
        margin=allowed,
        p=one_sided,
        needed=None if check.count is None else samples_needed(check.count, over.value, over.error, quantile),
    )


def _excess(x: Interval, y: Interval, share: float, fixed: float, lower: bool, level: float) -> Difference:
    """How much worse than the margin: positive is too much. A share of the baseline moves with the baseline's noise."""
    ends = 2 * level - 1  # a two-sided interval of one-sided bounds at `level`
    if lower:
        return unpaired(_moved(x, 1.0, -fixed), _moved(y, 1 + share, 0.0), level=ends)
    return unpaired(_moved(y, 1 - share, -fixed), x, level=ends)


def _moved(interval: Interval, factor: float, by: float) -> Interval:
    """factor * interval + by, for a factor of 0 or more; below 0 the two sides change places."""
    sides = (interval.below, interval.above) if factor >= 0 else (interval.above, interval.below)
    return Interval(interval.centre * factor + by, sides[0] * abs(factor), sides[1] * abs(factor), interval.level)


def _allowed(metric: str, base: float, margin: Margin) -> float:
    if margin.relative and base <= 0:
        raise GanevalError(
            f"{margin} of the baseline's {metric} of {base:g} is no margin: give it in the metric's own units, "
            f"--margin {metric}=0.001"
        )
    return margin.amount * base if margin.relative else margin.amount


def _check_comparable(ours: tuple[Scorecard, Score], theirs: tuple[Scorecard, Score]) -> None:
    """Refuse scores of different protocols, references, counts or options, with all that differs."""
    alone = [card.model_copy(update={"scores": [score]}) for card, score in (ours, theirs)]
    names = [f"{ours[0].name} (card)", f"{theirs[0].name} (baseline)"]
    try:
        found = compare(alone, names=names)
    except GanevalError as error:
        text = str(error).rsplit("\n", 1)[0]
        raise GanevalError(f"{text}\nScore both the same way: the gate compares nothing else.") from None
    if len(found.columns) > 1:
        raise GanevalError(
            f"{ours[1].metric} is on {ours[1].features} in the card and on {theirs[1].features} in the baseline: "
            "score both on the same features"
        )
