"""Which differences of a comparison are real: every pair of models in every column, tested as one family."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from torch import Tensor

from ganeval.compare import Cell, Comparison, Pairwise, Row
from ganeval.scorecard import Score, Scorecard
from ganeval.significance import (
    Difference,
    Pieces,
    between_seeds,
    holm,
    interval_of,
    letters,
    paired,
    unpaired,
)

Watch: TypeAlias = Callable[[int, int], None]
Found: TypeAlias = Mapping[tuple[str, str], Pieces]
"""(row, column key) -> a score in pieces: see `jackknife.jackknife`."""


def with_differences(comparison: Comparison, *, level: float = 0.95, pieces: Found | None = None) -> Comparison:
    """The comparison with its `differences`, and with letters on the cells of the models.

    Two models that share a letter in a column are not told apart there. P-values are adjusted by Holm over all pairs
    and columns. A pair is tested between training runs where both are means over several, else by `pieces` where it
    holds both (paired), else by the two intervals (unpaired). A column without any of these gets no letters.

    Args:
        pieces: from `paired_pieces`.
    """
    found = [
        (index, a, b, _difference(a, b, comparison.columns[index].key, level, pieces or {}))
        for index in range(len(comparison.columns))
        for a, b in itertools.combinations(_contestants(comparison, index), 2)
    ]
    tested = [(index, a, b, difference) for index, a, b, difference in found if difference is not None]
    adjusted = holm([difference.p for *_, difference in tested])
    differences = tuple(
        Pairwise(index, a[0].name, b[0].name, replace(difference, adjusted=p))
        for (index, a, b, difference), p in zip(tested, adjusted)
    )
    untested = {index for index, *_, difference in found if difference is None}
    marks = {
        index: _letters(comparison, index, differences, 1 - level)
        for index in {one.column for one in differences} - untested
    }
    rows = [
        replace(
            row, cells=tuple(_lettered(cell, marks.get(i, {}).get(row.name, "")) for i, cell in enumerate(row.cells))
        )
        for row in comparison.rows
    ]
    return replace(comparison, rows=tuple(rows), differences=differences, level=level)


def _contestants(comparison: Comparison, index: int) -> list[tuple[Row, Cell]]:
    """The models of a column, best first; those that do not belong there, and numbers that are none, left out."""
    found = [
        (row, cell)
        for row, cell in comparison.cells(index)
        if not row.yardstick and not cell.foreign and not math.isnan(cell.score.value)
    ]
    sign = -1 if comparison.columns[index].better == "higher" else 1
    return sorted(found, key=lambda pair: sign * pair[1].score.value)


def _difference(a: tuple[Row, Cell], b: tuple[Row, Cell], key: str, level: float, pieces: Found) -> Difference | None:
    x, y = a[1].score, b[1].score
    if "of_runs" in x.details or "of_runs" in y.details:
        both = "of_runs" in x.details and "of_runs" in y.details
        return between_seeds(x.details["of_runs"], y.details["of_runs"], level=level) if both else None
    count = x.counts.get("fake")
    left, right = pieces.get((a[0].name, key)), pieces.get((b[0].name, key))
    if left is not None and right is not None:
        found = paired(left, right, level=level, count=count)
        groups = len(left.parts["groups"])
        return replace(found, method=f"paired t-test on {groups} jackknife groups")
    intervals = interval_of(x), interval_of(y)
    if intervals[0] is None or intervals[1] is None:
        return None
    return unpaired(intervals[0], intervals[1], level=level, count=count)


def _letters(comparison: Comparison, index: int, differences: Sequence[Pairwise], alpha: float) -> dict[str, str]:
    names = [row.name for row, _ in _contestants(comparison, index)]
    real = [
        (names.index(one.first), names.index(one.second))
        for one in differences
        if one.column == index and one.real(alpha)
    ]
    return dict(zip(names, letters(len(names), real)))


def _lettered(cell: Cell | None, mark: str) -> Cell | None:
    return None if cell is None else replace(cell, letters=mark)


# --- the features behind the cards ------------------------------------------------------------------------------------


def paired_pieces(comparison: Comparison, *, watch: Watch = lambda done, total: None) -> Found:
    """The scores in pieces, of every model and column whose features are there: in the cache, or in the named file.

    Models are taken together where network, layer, and reference agree. What cannot be had is left out: metrics of more
    than a real and a generated set, cards whose features the cache does not hold.
    """
    from ganeval.jackknife import Asked, jackknife
    from ganeval.metrics.metric import registered

    known, found = registered(), dict[tuple[str, str], Pieces]()
    groups: dict[tuple[str, str], list[tuple[Row, Score]]] = {}
    for row in comparison.rows:
        for cell in row.cells if not row.yardstick else ():
            if cell is not None and not cell.foreign and cell.score.metric in known:
                groups.setdefault((cell.score.features, row.card.reference.fingerprint), []).append((row, cell.score))
    for (features, _), members in groups.items():
        rows = {row.name: row for row, _ in members}
        fakes = {name: rows_behind(row.card, features, "fake") for name, row in rows.items()}
        real = rows_behind(members[0][0].card, features, "real")
        here = {name: value for name, value in fakes.items() if value is not None}
        asked = {score.key: Asked(score.key, known[score.metric], score.options) for _, score in members}
        chosen = [ask for ask in asked.values() if ask.possible]
        if real is None or len(here) < 2 or not chosen:
            continue
        values = jackknife(real, list(here.values()), chosen, watch=watch)
        found |= {(name, key): value for name, each in zip(here, values) for key, value in each.items()}
    return found


def rows_behind(card: Scorecard, features: str, role: str) -> Tensor | None:
    """The feature rows float32 (N, D) that a card's scores on `features` were made of, or None where they are gone.

    Args:
        features: a tap, as a score names it.
        role: `real` or `fake`.
    """
    from ganeval.cache import Cache, folder
    from ganeval.summaries import Features

    record = card.fake if role == "fake" else card.reference
    networks: dict[str, str] = card.protocol.get("extractors", {})
    network = next((name for name in networks if features.startswith(f"{name}.")), None)
    if network is None:
        return _given(record.name, record.fingerprint)
    layer = features.removeprefix(f"{network}.")
    cache = Cache(folder())
    entry = cache.load(cache.key(record.fingerprint, networks[network], layer, Features.kind))
    if entry is None or entry.position != record.count or not isinstance(entry.summary, Features):
        return None
    return entry.summary.rows


def _given(name: str, fingerprint: str) -> Tensor | None:
    """The rows of the file, if it is still the same."""
    from pathlib import Path

    import torch

    from ganeval.errors import GanevalError
    from ganeval.images import FeatureSource

    try:
        source = FeatureSource(Path(name))
    except (GanevalError, OSError):
        return None
    if source.fingerprint != fingerprint:
        return None
    return torch.from_numpy(np.array(source.rows(), dtype=np.float32))
