"""`Followed` as a page: a chart of every score along training, what it says in words, and all numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from ganeval.analysis.page import Page, Part, png
from ganeval.analysis.training import Course, Followed, Moment, agreement, improved, warnings
from ganeval.metrics.metric import registered
from ganeval.reporting.numbers import format_score, format_value, shared_decimals
from ganeval.scorecard import Score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "ganeval/analysis/training/1"
SUMMARY = ("run", "first", "last", "best", "at step", "better than before")
Against = Literal["steps", "seconds"]
_LABELS = {"steps": "steps of training", "seconds": "seconds of training"}
_DASHES = ("-", "--", ":", "-.")


def header(followed: Followed) -> tuple[str, ...]:
    """Of the table of all checkpoints."""
    return ("run", "step", "seconds", *(_name(followed, key) for key in followed.keys))


def rows(followed: Followed) -> list[tuple[str, ...]]:
    """One for every checkpoint, and the yardstick's last."""
    decimals = {key: _decimals(followed, key) for key in followed.keys}
    found = [
        (
            course.name,
            f"{moment.step:,}",
            f"{moment.seconds:.0f}",
            *(_cell(moment.score(key), decimals[key]) for key in followed.keys),
        )
        for course in followed.courses
        for moment in course.moments
    ]
    if (card := followed.yardstick) is not None:
        scores = {score.key: score for score in card.scores}
        found.append((card.name, "", "", *(_cell(scores.get(key), decimals[key]) for key in followed.keys)))
    return found


def summary(followed: Followed, key: str) -> list[tuple[str, ...]]:
    """How one score moved in each run that has it."""
    decimals = _decimals(followed, key)
    told = []
    for course in followed.courses:
        if scored := course.scored(key):
            best = course.best(key)
            ends = (scored[0][1], scored[-1][1], best[1])
            steps = f"{best[0].step:,}", f"{improved(scored)} of {len(scored) - 1} times"
            told.append((course.name, *(format_score(end, decimals) for end in ends), *steps))
    return told


def record(followed: Followed) -> dict[str, Any]:
    """All scores as plain data."""
    return {
        "schema": SCHEMA,
        "reference": followed.cards[0].reference.model_dump(),
        "protocol": followed.cards[0].protocol,
        "runs": [
            {
                "name": course.name,
                "checkpoints": [
                    {"step": at.step, "seconds": at.seconds, "scores": [each.model_dump() for each in at.card.scores]}
                    for at in course.moments
                ],
            }
            for course in followed.courses
        ],
        "yardstick": None
        if followed.yardstick is None
        else {"name": followed.yardstick.name, "scores": [each.model_dump() for each in followed.yardstick.scores]},
        "warnings": list(warnings(followed)),
    }


def page(followed: Followed, command: str, against: Against = "steps") -> Page:
    """A part for every score, what they agree on, and all checkpoints."""
    names = [course.name for course in followed.courses]
    card, level = followed.cards[0], followed.kind(followed.keys[0]).level
    lead = (
        f"Checkpoints of {' and '.join(names)} along training, each by {card.fake.count or 0:,} generated images "
        f"against {card.reference.count or 0:,} of {card.reference.name}, scored alike."
    )
    if level:
        lead += f" Bands are the scores' own {level:.0%} intervals."
    parts = [_part(followed, key, against, index) for index, key in enumerate(followed.keys)]
    parts += _agreement(followed)
    parts.append(Part("All checkpoints", _counted(followed), header(followed), rows(followed)))
    return Page("Along training", lead, parts, record(followed), command, list(warnings(followed)))


def _part(followed: Followed, key: str, against: Against, index: int) -> Part:
    kind = followed.kind(key)
    known = registered().get(kind.metric)
    what = known.summary if known is not None else kind.metric
    better = "" if kind.better == "neither" else f" {kind.better.capitalize()} is better."
    return Part(
        _name(followed, key),
        f"{what}{better} On {kind.features}; {kind.method}.",
        SUMMARY,
        summary(followed, key),
        name=f"{index + 1}-{kind.metric}",
        picture=png(_figure(followed, key, against)),
    )


def _agreement(followed: Followed) -> list[Part]:
    """Whether scores prefer the same checkpoints, where there are two of them and enough checkpoints."""
    found = [
        (
            f"{_name(followed, one)}, {_name(followed, other)}",
            *(_tau(course, one, other) for course in followed.courses),
        )
        for one, other in combinations(followed.keys, 2)
    ]
    if not any(cell != "–" for row in found for cell in row[1:]):
        return []
    text = (
        "Kendall's tau over each run's checkpoints: 1 where two scores put them in the same order, better to worse, 0 "
        "where knowing one says nothing of the other, −1 where each prefers what the other rejects."
    )
    return [Part("Do the scores agree?", text, ("scores", *(course.name for course in followed.courses)), found)]


def _tau(course: Course, one: str, other: str) -> str:
    found = agreement(course, one, other)
    return "–" if found is None else f"{found:.2f}".replace("-", "−")


def _counted(followed: Followed) -> str:
    most = max(len(course.moments) for course in followed.courses)
    shown = f"Up to {most} checkpoints of each run"
    if followed.yardstick is None:
        return f"{shown}."
    return f"{shown}; last, for scale, {followed.yardstick.name}, real images scored like a checkpoint."


def _name(followed: Followed, key: str) -> str:
    """The metric's name, with its features where it stands on several."""
    metrics = [followed.kind(each).metric for each in followed.keys]
    return key if metrics.count(followed.kind(key).metric) > 1 else followed.kind(key).metric


def _decimals(followed: Followed, key: str) -> int:
    return shared_decimals(score.value for course in followed.courses for _, score in course.scored(key))


def _cell(score: Score | None, decimals: int) -> str:
    return "–" if score is None else format_score(score, decimals)


def _figure(followed: Followed, key: str, against: Against) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure((8, 3.8), layout="constrained")
    axes: Any = figure.subplots()
    for index, course in enumerate(followed.courses):
        if scored := course.scored(key):
            _draw(axes, course.name, scored, against, index)
    _level(axes, followed, key)
    kind = followed.kind(key)
    axes.set(xlabel=_LABELS[against], ylabel=kind.metric)
    axes.set_ylim(*_room(followed, key))
    axes.margins(x=0.02)
    axes.grid(alpha=0.25)
    axes.legend()
    return figure


def _draw(axes: Any, name: str, scored: Sequence[tuple[Moment, Score]], against: Against, index: int) -> None:
    """One run: a line through its values, and a band where there are intervals."""
    xs = [moment.step if against == "steps" else moment.seconds for moment, _ in scored]
    ends = [(score.low, score.high) for _, score in scored]
    colour = f"C{index % 10}"
    if all(low is not None and high is not None for low, high in ends):
        axes.fill_between(
            xs, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.2, linewidth=0
        )
    values = [score.value for _, score in scored]
    style = _DASHES[index % len(_DASHES)]
    axes.plot(xs, values, style, marker="o", markersize=3.5, color=colour, label=name)


def _level(axes: Any, followed: Followed, key: str) -> None:
    """The yardstick as a horizontal line, its value in the legend."""
    card = followed.yardstick
    found = None if card is None else next((score for score in card.scores if score.key == key), None)
    if card is not None and found is not None and math.isfinite(found.value):
        label = f"{card.name}: {format_value(found.value)}"
        axes.axhline(found.value, color="0.4", linewidth=1.2, linestyle=(0, (4, 3)), label=label)


def _room(followed: Followed, key: str) -> tuple[float, float]:
    """From 0, or below all that is drawn, to a little above all values. A single wild interval is cut, not a value."""
    scores = [score for course in followed.courses for _, score in course.scored(key)]
    values = [score.value for score in scores]
    ends = [end for score in scores for end in (score.low, score.high) if end is not None and math.isfinite(end)]
    low, high = min([0.0, *values]), max([0.0, *values])
    reach = (high - low) or 1.0
    bottom = max(min([low, *ends]), low - 0.3 * reach)
    return bottom - 0.02 * reach * (bottom < 0), min(max([high, *ends]), high + 0.3 * reach) + 0.04 * reach
