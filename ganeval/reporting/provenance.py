"""Sentences under a table: what made the numbers, what the brackets mean, and how to read them."""

from __future__ import annotations

from collections.abc import Iterable

from ganeval.compare import Comparison, flattened, plain
from ganeval.reporting.differences import letter_lines
from ganeval.reporting.numbers import ARROWS, format_count, short
from ganeval.scorecard import Scorecard


def reading_lines(comparison: Comparison) -> list[str]:
    """How to read the table, in two or three plain sentences."""
    better = {column.better for column in comparison.columns}
    arrows = [f"{ARROWS[kind]} {kind} is better" for kind in ("lower", "higher") if kind in better]
    lines = [f"{' and '.join(arrows)}." if arrows else "No column has a better direction."]
    if any(cell and cell.best for row in comparison.rows for cell in row.cells):
        lines[0] = lines[0].removesuffix(".") + "; the best model of each column is in bold."
    if any(row.yardstick for row in comparison.rows):
        lines.append(
            "Yardsticks are there for scale, not to compete: "
            "they show what real images would score, and what is reached without learning."
        )
    if any(cell and cell.score.low is not None for row in comparison.rows for cell in row.cells):
        unknown = len(comparison.rows) > 1 and not comparison.differences
        overlap = "; models whose intervals overlap may be equally good" if unknown else ""
        lines.append(f"Brackets hold an interval{overlap}.{_beside(comparison)}")
    return lines + letter_lines(comparison)


def _beside(comparison: Comparison) -> str:
    """Which intervals need not hold the value they stand beside, and why; empty where all do."""
    columns = enumerate(comparison.columns)
    corrected = {
        column.metric
        for index, column in columns
        for _, cell in comparison.cells(index)
        if "bias_corrected" in cell.score.details
    }
    if not corrected:
        return ""
    return (
        f" Those of {', '.join(sorted(corrected))} are for infinitely many images: without the bias of a limited "
        "number, which the value beside them has."
    )


def method_lines(comparison: Comparison) -> list[str]:
    """For every way in which a value or its interval was made: the metrics it belongs to."""
    methods: dict[str, list[str]] = {}
    for index, column in enumerate(comparison.columns):
        for _, cell in comparison.cells(index):
            metrics = methods.setdefault(plain(cell.score.method), [])
            if column.metric not in metrics:
                metrics.append(column.metric)
    if set(methods) <= {"point estimate"}:
        return ["All values are point estimates: no interval is known."] if methods else []
    return [f"{', '.join(metrics)}: {method}." for method, metrics in methods.items()]


def skipped_lines(comparison: Comparison) -> list[str]:
    """What a suite left out: one line per reason, with the metrics, and the models where it is not all of them."""
    left: dict[str, dict[str, list[str]]] = {}
    for row in comparison.rows:
        for metric, reason in row.card.skipped.items():
            left.setdefault(plain(reason), {}).setdefault(plain(metric), []).append(row.name)
    return [
        f"Not computed: {', '.join(metrics)}{_of(names, len(comparison.rows))}: {reason}."
        for reason, metrics in left.items()
        if (names := list(dict.fromkeys(name for rows in metrics.values() for name in rows)))
    ]


def _of(names: list[str], rows: int) -> str:
    return "" if len(names) == rows else f" of {', '.join(names)}"


def protocol_lines(comparison: Comparison) -> list[str]:
    """One line per protocol in the table: its name, digest, features, reference, counts and seed."""
    cards: dict[str, list[Scorecard]] = {}
    for row in comparison.rows:
        cards.setdefault(_protocol_line(row.card), []).append(row.card)
    several = len(cards) > 1
    names = {id(row.card): row.name for row in comparison.rows}
    return [
        f"{line} Generated images: {_counts(card.fake.count for card in group)}."
        + (f" Used for {', '.join(names[id(card)] for card in group)}." if several else "")
        for line, group in cards.items()
    ]


def protocol_facts(card: Scorecard) -> list[tuple[str, str]]:
    """Every leaf of the protocol, then the reference, as (name, value)."""
    facts = [(name, plain(str(value))) for name, value in flattened(card.protocol)]
    reference = card.reference
    shown = f"{plain(reference.name)}, {format_count(reference.count)} images, {short(reference.fingerprint)}"
    return [*facts, ("reference", shown)]


def _protocol_line(card: Scorecard) -> str:
    protocol = card.protocol
    features = ", ".join(dict.fromkeys(score.features for score in card.scores))
    parts = [
        f"Protocol {plain(str(protocol.get('preset', protocol.get('name', 'unnamed'))))}",
        f"fingerprint {plain(short(protocol.get('fingerprint', 'none')))}",
        f"features {plain(features)}",
        f"reference {plain(card.reference.name)} ({format_count(card.reference.count)} images)",
    ]
    seed = [f"seed {plain(str(protocol['seed']))}"] if "seed" in protocol else []
    return ", ".join([*parts, *seed]) + "."


def _counts(counts: Iterable[int | None]) -> str:
    return " or ".join(format_count(count) for count in sorted(set(counts), key=lambda count: count or 0))
