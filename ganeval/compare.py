"""Scorecards side by side: one row per model, one column per score, and never two protocols in one column."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ganeval.errors import GanevalError, unknown
from ganeval.protocol import behind
from ganeval.scorecard import Score, Scorecard
from ganeval.significance import Difference

_MISSING = "nothing"
_Reasons: TypeAlias = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Column:
    """One kind of score: a metric on its features."""

    key: str
    metric: str
    features: str
    better: Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Cell:
    """One score in its place. `best` among the models of its column; `foreign` if only `force` let it stand there.

    Models that share one of their `letters` in a column are not told apart there; empty where nothing was tested.
    """

    score: Score
    best: bool = False
    foreign: bool = False
    letters: str = ""


@dataclass(frozen=True)
class Pairwise:
    """The difference of two rows in one column, `first` minus `second`, its p-value adjusted over all tests."""

    column: int
    first: str
    second: str
    difference: Difference

    def real(self, alpha: float) -> bool:
        """Whether the adjusted p-value is below `alpha`."""
        adjusted = self.difference.adjusted
        return adjusted is not None and adjusted < alpha


@dataclass(frozen=True)
class Row:
    """One model, or one yardstick (real images, an untrained generator): shown for scale and never called best."""

    name: str
    card: Scorecard
    cells: tuple[Cell | None, ...]
    yardstick: bool = False


@dataclass(frozen=True)
class Comparison:
    """A table of scores: `rows[i].cells[j]` belongs to `columns[j]`. Models come first, then the yardsticks.

    Attributes:
        footnotes: for every row with a foreign cell, what sets it apart; empty unless the comparison was forced.
        differences: pairs of models that were tested (`differences.with_differences`), at `level`.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...] = ()
    differences: tuple[Pairwise, ...] = ()
    level: float = 0.95

    @property
    def several_features(self) -> bool:
        """Whether a column needs its features beside its metric to be told from the others."""
        return len({column.features for column in self.columns}) > 1

    def column(self, name: str) -> int:
        """The index of the column with this key, or else of the first with this metric's name."""
        keys, metrics = [c.key for c in self.columns], [c.metric for c in self.columns]
        if name not in keys and name not in metrics:
            raise unknown("metric", name, metrics)
        return keys.index(name) if name in keys else metrics.index(name)

    def cells(self, column: int) -> list[tuple[Row, Cell]]:
        """The filled cells of one column with their rows, in the order of the rows."""
        return [(row, cell) for row in self.rows if (cell := row.cells[column]) is not None]


def compare(
    cards: Sequence[Scorecard],
    *,
    names: Sequence[str] | None = None,
    yardsticks: AbstractSet[str] = frozenset(),
    force: bool = False,
) -> Comparison:
    """Put scorecards side by side; columns stand in the order in which their scores are first seen.

    Two scores share a column only where protocol, reference, sample counts and options agree; the first card that has
    the score sets the standard.

    Args:
        names: one per card, where the cards' own names will not do (see `distinct_names`).
        yardsticks: names of the rows that are there for scale.
        force: keep scores that do not belong together, marked and explained in the footnotes.

    Raises:
        GanevalError: no cards, two rows of one name, a yardstick that is no row, or (without `force`) scores that do
            not belong in one column, with everything that differs.
    """
    rows = _rows(cards, names, yardsticks)
    columns = _columns(rows)
    bases = [next(row for row in rows if _find(row.card, column.key)) for column in columns]
    strangers = _strangers(rows, columns, bases)
    if strangers and not force:
        raise GanevalError(_refusal(strangers))
    filled = [replace(row, cells=_cells(row, columns, strangers)) for row in rows]
    ordered = sorted(filled, key=lambda row: row.yardstick)
    return _with_best(Comparison(columns, tuple(ordered), tuple(_footnote(s) for s in strangers)))


def distinct_names(cards: Sequence[Scorecard], paths: Sequence[Path]) -> list[str]:
    """The cards' names, with as much of the card's place behind each name that occurs twice as tells them apart.

    Raises:
        GanevalError: one scorecard is named twice.
    """
    clean = [plain(card.name) for card in cards]
    folders = [(path.parent if path.name == "scorecard.json" else path).resolve() for path in paths]
    for folder, count in Counter(folders).items():
        if count > 1:
            raise GanevalError(f"the scorecard {folder} is named {count} times: name each scorecard once")
    twice = {name for name, count in Counter(clean).items() if count > 1}
    return [
        f"{name} ({_tail(folder, [f for f, n in zip(folders, clean) if n == name])})" if name in twice else name
        for name, folder in zip(clean, folders)
    ]


def _tail(folder: Path, others: Sequence[Path]) -> str:
    """The shortest end of `folder` that no other of `others` ends with."""
    for length in range(1, len(folder.parts) + 1):
        tail = folder.parts[-length:]
        if sum(other.parts[-length:] == tail for other in others) == 1:
            return "/".join(tail)
    return str(folder)


def plain(text: str) -> str:
    """`text` on one line, without the control and direction characters that could disguise it on a terminal or page.

    >>> plain("a\\n\\x1b[31mb")
    'a [31mb'
    """
    kept = ("" if unicodedata.category(c) == "Cf" else " " if unicodedata.category(c) == "Cc" else c for c in text)
    return " ".join("".join(kept).split())


def _rows(cards: Sequence[Scorecard], names: Sequence[str] | None, yardsticks: AbstractSet[str]) -> list[Row]:
    if not cards:
        raise GanevalError("nothing to compare: got no scorecard, expected at least one")
    shown = [plain(name) for name in (names or [card.name for card in cards])]
    if len(shown) != len(cards):
        raise GanevalError(f"got {len(shown)} names for {len(cards)} scorecards: give one name per card")
    for name, count in Counter(shown).items():
        if count > 1:
            raise GanevalError(f"{count} scorecards are called '{name}': give each its own name")
    for name in yardsticks:
        if plain(name) not in shown:
            raise unknown("yardstick", name, shown)
    scale = {plain(name) for name in yardsticks}
    return [Row(name, card, (), name in scale) for name, card in zip(shown, cards)]


def _columns(rows: Iterable[Row]) -> tuple[Column, ...]:
    columns: dict[str, Column] = {}
    for row in rows:
        for key, count in Counter(score.key for score in row.card.scores).items():
            if count > 1:
                raise GanevalError(f"the scorecard of '{row.name}' holds {key} {count} times: score it once per card")
        for score in row.card.scores:
            columns.setdefault(score.key, Column(score.key, score.metric, score.features, score.better))
    return tuple(columns.values())


def _find(card: Scorecard, key: str) -> Score | None:
    return next((score for score in card.scores if score.key == key), None)


def _cells(row: Row, columns: Sequence[Column], strangers: Sequence[_Stranger]) -> tuple[Cell | None, ...]:
    foreign = {key for stranger in strangers if stranger.row == row.name for key in stranger.keys}
    scores = [_find(row.card, column.key) for column in columns]
    return tuple(None if score is None else Cell(score, foreign=score.key in foreign) for score in scores)


# --- what may stand in one column -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stranger:
    """A row that does not belong with `base` in the columns `keys`, and (what, in base, in row) for each reason."""

    row: str
    base: str
    keys: tuple[str, ...]
    reasons: _Reasons
    everywhere: bool

    @property
    def where(self) -> str:
        """The columns, unless they are all that the row has."""
        return "" if self.everywhere else f" in {', '.join(self.keys)}"


def _strangers(rows: Sequence[Row], columns: Sequence[Column], bases: Sequence[Row]) -> list[_Stranger]:
    """Every row that differs from its column's standard, columns with the same reasons together."""
    groups: dict[tuple[str, str, _Reasons], list[str]] = {}
    scores = {row.name: len(row.card.scores) for row in rows}
    for row in rows:
        for column, base in zip(columns, bases):
            reasons = _differences(base.card, row.card, column.key)
            if reasons:
                groups.setdefault((row.name, base.name, reasons), []).append(column.key)
    return [
        _Stranger(row, base, tuple(keys), reasons, everywhere=len(keys) == scores[row])
        for (row, base, reasons), keys in groups.items()
    ]


def _differences(base: Scorecard, other: Scorecard, key: str) -> _Reasons:
    """(what, in base, in other) for all that differs between two scores, or nothing where they may share a column."""
    ours, theirs = _find(base, key), _find(other, key)
    if ours is None or theirs is None or _standard(base, ours) == _standard(other, theirs):
        return ()
    left, right = dict(_facts(base, ours)), dict(_facts(other, theirs))
    differing = [what for what in {**left, **right} if left.get(what) != right.get(what)]
    return tuple((what, _value(left, what), _value(right, what)) for what in differing)


def _standard(card: Scorecard, score: Score) -> tuple[Any, ...]:
    """What decides: equal for two scores exactly if they may be compared."""
    protocol = behind(card.protocol, score.features, score.counts)
    return protocol, _reference(card, score).get("fingerprint"), score.better, score.counts, score.options


def _reference(card: Scorecard, score: Score) -> dict[str, Any]:
    """The reference, if the score looks at it at all."""
    return card.reference.model_dump(include={"name", "fingerprint", "count"}) if "real" in score.counts else {}


def _facts(card: Scorecard, score: Score) -> Iterator[tuple[str, Any]]:
    """Everything worth naming when two scores cannot be compared."""
    yield from flattened({"protocol": behind(card.protocol, score.features, score.counts)})
    yield from flattened({"reference": _reference(card, score)})
    yield from flattened({"samples": score.counts, "options": score.options, "better": score.better})


def flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings with their dotted paths.

    >>> dict(flattened({"a": {"b": 1}, "c": 2}))
    {'a.b': 1, 'c': 2}
    """
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _value(facts: Mapping[str, Any], what: str) -> str:
    return plain(str(facts[what])) if what in facts else _MISSING


def _refusal(strangers: Sequence[_Stranger]) -> str:
    lines = []
    for stranger in strangers:
        lines.append(f"'{stranger.row}' and '{stranger.base}' do not belong together{stranger.where}:")
        lines += [
            f"  {what}: {stranger.base} has {ours}, {stranger.row} has {theirs}"
            for what, ours, theirs in stranger.reasons
        ]
    advice = "Score them the same way, or use --force to show them together with a mark."
    return "\n".join(["these scores are not comparable", *lines, advice])


def _footnote(stranger: _Stranger) -> str:
    reasons = "; ".join(f"{what} {theirs} instead of {ours}" for what, ours, theirs in stranger.reasons)
    return f"{stranger.row} is not comparable with {stranger.base}{stranger.where}: {reasons}"


# --- the best of a column ---------------------------------------------------------------------------------------------


def _with_best(comparison: Comparison) -> Comparison:
    winners = [_winners(comparison, index) for index in range(len(comparison.columns))]
    rows = [
        replace(row, cells=tuple(_crowned(cell, row.name in won) for cell, won in zip(row.cells, winners)))
        for row in comparison.rows
    ]
    return replace(comparison, rows=tuple(rows))


def _crowned(cell: Cell | None, best: bool) -> Cell | None:
    return None if cell is None else replace(cell, best=best)


def _winners(comparison: Comparison, index: int) -> set[str]:
    """Names of the rows with the best value; none where there is no contest: one model, or no better direction."""
    better = comparison.columns[index].better
    values = {
        row.name: cell.score.value
        for row, cell in comparison.cells(index)
        if not row.yardstick and not cell.foreign and not math.isnan(cell.score.value)
    }
    if better == "neither" or len(values) < 2:
        return set()
    best = min(values.values()) if better == "lower" else max(values.values())
    return {name for name, value in values.items() if value == best}
