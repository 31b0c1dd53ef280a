"""Who beats the yardsticks, who copies, and why not: the report's first table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.zoo.bench import MAIN
from benchmarks.zoo.results import Entry
from ganeval.errors import GanevalError, unknown
from ganeval.reporting.flags import COPIED
from ganeval.reporting.numbers import format_value
from ganeval.reporting.report import Section, Table

NOTES = "notes.toml"
TO_BEAT = ("gaussian", "mixture")


def read_notes(report: Path, names: Sequence[str]) -> dict[str, str]:
    """`NAME = "text"` by model, from notes.toml in the report folder: what a person has found out about a result.

    Raises:
        GanevalError: no TOML, a name of no model, or a note that is no text.
    """
    file = report / NOTES
    if not file.is_file():
        return {}
    try:
        notes = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise GanevalError(f'{file} is no TOML: {error}. Write lines such as gan = "Why."') from None
    for name, text in notes.items():
        if name not in names:
            raise unknown(f"model in {file}", name, names)
        if not isinstance(text, str):
            raise GanevalError(f'{file}: the note of {name} is {text!r}, expected text: {name} = "Why."')
    return notes


def beaten(entry: Entry, entries: Sequence[Entry]) -> dict[str, bool]:
    """Whether the entry's score is below that of each yardstick that is there."""
    bars = {each.name: score_of(each) for each in entries if each.name in TO_BEAT}
    return {name: score_of(entry) < bars[name] for name in TO_BEAT if name in bars}


def score_of(entry: Entry, metric: str = MAIN) -> float:
    """One score of an entry; not a number where it has none."""
    score = entry.card.score(metric)
    return float("nan") if score is None else score.value


def losers(entries: Sequence[Entry], bar: str) -> list[str]:
    """GANs that do not beat the yardstick of that name."""
    return [each.name for each in entries if each.result.kind == "gan" and not beaten(each, entries)[bar]]


def copiers(entries: Sequence[Entry]) -> list[str]:
    """Rows that the check for copies flags."""
    return [each.name for each in entries if score_of(each, "authpct") < COPIED]


def lead(entries: Sequence[Entry], minutes: float) -> str:
    """What came out, in a few sentences."""
    gans = [entry for entry in entries if entry.result.kind == "gan"]
    sentences = [f"{len(gans)} GANs, {minutes:g} minutes of training each{_cores(gans)}."]
    if gans:
        bars = [name for name in TO_BEAT if name in {entry.name for entry in entries}]
        sentences += [_against(name, losers(entries, name)) for name in bars]
    flagged = copiers(entries)
    sentences.append(f"Flagged as copies of training images: {_listed(flagged)}." if flagged else "Nothing is flagged.")
    return " ".join(sentences)


def tell(entries: Sequence[Entry], notes: Mapping[str, str]) -> Section | None:
    """A row for each trained model: its score beside the yardsticks', its speed, and what is known of it."""
    models = [entry for entry in entries if entry.result.kind in ("gan", "model")]
    if not models:
        return None
    bars = {each.name: score_of(each) for each in entries if each.name in TO_BEAT}
    rows = [_row(entry, entries, bars, notes) for entry in sorted(models, key=score_of)]
    told = ", ".join(f"{name} {format_value(value)}" for name, value in bars.items())
    return Section(
        "Does it beat what needs no learning?",
        [
            f"{MAIN} of every trained model, best first, against fitted yardsticks: {told or 'none is there'}. A model "
            "that does not beat a Gaussian has learnt less than means and covariances."
        ],
        Table(["model", MAIN, *(f"beats {name}" for name in bars), "steps", "minutes", "note"], rows),
    )


def _row(entry: Entry, entries: Sequence[Entry], bars: Mapping[str, float], notes: Mapping[str, str]) -> list[str]:
    won = beaten(entry, entries)
    note = " ".join(text for text in (entry.result.stopped, notes.get(entry.name, "")) if text)
    return [
        entry.name,
        format_value(score_of(entry)),
        *("yes" if won[name] else "no" for name in bars),
        f"{entry.result.step:,}",
        f"{entry.result.seconds / 60:.1f}",
        note or ("" if all(won.values()) else "not explained yet"),
    ]


def cores(entries: Sequence[Entry]) -> int | None:
    """How many threads the GANs' cards say they had; None where these differ, or do not say."""
    known = {entry.card.environment.get("threads") for entry in entries if entry.result.kind == "gan"}
    return known.pop() if len(known) == 1 else None


def _cores(entries: Sequence[Entry]) -> str:
    threads = cores(entries)
    return "" if threads is None else f" on {threads} core" + "s" * (threads != 1)


def _against(bar: str, missing: Sequence[str]) -> str:
    return f"All but {_listed(missing)} beat {bar} in {MAIN}." if missing else f"All beat {bar} in {MAIN}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
