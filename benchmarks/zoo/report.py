"""The report: one page, the same as Markdown and LaTeX, from what lies in the report folder and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.zoo import collapse, verdicts
from benchmarks.zoo.making import STUDIES
from benchmarks.zoo.results import SAMPLES, Entry, require
from benchmarks.zoo.settings import Settings
from ganeval.compare import Comparison, compare
from ganeval.files import replace_text
from ganeval.reporting.flags import flags
from ganeval.reporting.markdown import escape, markdown, sections_markdown
from ganeval.reporting.report import Curve, Flag, Grid, Report, Section
from ganeval.reporting.write import write_report

TOGETHER = 6
"""Curves in one chart."""
ALONG = "fd along training"


def write(settings: Settings, found: Sequence[Entry]) -> Path:
    """Write index.html, comparison.md, .tex and .csv, and README.md; returns the page.

    Raises:
        GanevalError: there is nothing to report, or scores that do not belong together.
    """
    require(found)
    report = made(settings, found)
    page = write_report(report, settings.report)[0]
    replace_text(settings.report / "README.md", readme(report))
    return page


def made(settings: Settings, found: Sequence[Entry]) -> Report:
    """The report of these entries."""
    scored = [entry for entry in found if entry.result.kind != "translator"]
    notes = verdicts.read_notes(settings.report, [entry.name for entry in found])
    return Report(
        title=f"The zoo on {settings.data.removeprefix('dataset:')}",
        lead=verdicts.lead(scored, settings.minutes),
        comparison=table(scored),
        main=("fd",),
        grids=[Grid(entry.name, _caption(entry), (entry.folder / SAMPLES).read_bytes()) for entry in scored],
        flags=[flag for entry in scored for flag in _flags(entry)],
        sections=sections(found, notes, settings.report.parent),
        notes=_notes(settings),
        commands=_commands(settings, verdicts.cores(scored)),
    )


def table(found: Sequence[Entry]) -> Comparison:
    """All scores; fitted models and real images are there for scale."""
    scale = {entry.name for entry in found if entry.result.kind in ("fitted", "real")}
    return compare([entry.card for entry in found], names=[entry.name for entry in found], yardsticks=scale)


def sections(found: Sequence[Entry], notes: dict[str, str], reports: Path) -> list[Section]:
    """Verdicts, curves along training, what the studies tell, and what another report in the folder `reports` found."""
    studies = [study.tell(found) for study in STUDIES]
    told = [verdicts.tell(found, notes), along(found), *studies, collapse.tell(reports)]
    return [section for section in told if section is not None]


def along(found: Sequence[Entry]) -> Section | None:
    """The main score along training, the best models first, a few in each chart."""
    models = [entry for entry in sorted(found, key=verdicts.score_of) if entry.result.moments]
    if not models:
        return None
    charts = -(-len(models) // TOGETHER)
    titles = [f"{ALONG} ({number + 1} of {charts})" if charts > 1 else ALONG for number in range(charts)]
    curves = [_curve(entry, titles[place // TOGETHER]) for place, entry in enumerate(models)]
    return Section(
        "Along training",
        ["fd of fewer samples than in the table, so it is higher there; models in the order of their final score."],
        curves=curves,
    )


def _curve(entry: Entry, title: str) -> Curve:
    moments = entry.result.moments
    return Curve(entry.name, [each.seconds for each in moments], [each.fd for each in moments], title)


def readme(report: Report) -> str:
    """The report as GitHub shows a folder: the lead, the table and the sections."""
    parts = [
        f"# {escape(report.title)}",
        escape(report.lead),
        "Samples, curves and figures: [index.html](index.html), one file. The table for papers: "
        "[comparison.tex](comparison.tex).",
        *(f"- {escape(flag.name)}: {escape(flag.text)}" for flag in report.flags),
        f"## Scores\n\n{markdown(report.comparison).strip()}",
        sections_markdown(report.sections).strip(),
        "## How\n\n" + "\n\n".join(map(escape, report.notes)),
        "```\n" + "\n".join(report.commands) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _caption(entry: Entry) -> str:
    result = entry.result
    if result.kind == "real":
        return result.title
    if result.kind == "fitted":
        return f"{result.title}: fitted"
    return f"{result.title}: {result.step:,} steps in {result.seconds / 60:.1f} minutes"


def _flags(entry: Entry) -> list[Flag]:
    stopped = [Flag(entry.name, "warning", entry.result.stopped)] if entry.result.stopped else []
    return [*stopped, *flags(entry.card, entry.name)]


def _notes(settings: Settings) -> tuple[str, ...]:
    return (
        f"Every recipe of reference_models/gans with its small options, on {settings.data}: the training images but "
        "the last ones, which are held out, as many as samples are scored. Reference: all test images. Images are "
        "padded to 32x32 for training and cut back before they are scored.",
        f"{settings.minutes:g} minutes of training for each model on the machine named under Environment, with as many "
        "cores to itself as that has threads; scoring and loading do not count. Every score is of the same number of "
        "samples, drawn by one seed.",
        "authpct and nearest_training look for copies among all training images; the copy of training images shows "
        "what copies score.",
    )


def _commands(settings: Settings, threads: int | None) -> tuple[str, ...]:
    cores = f"OMP_NUM_THREADS={threads} " if threads else ""
    return (
        f"{cores}python -m benchmarks.zoo --data {settings.data} --minutes {settings.minutes:g} "
        f"--samples {settings.samples} --seed {settings.seed} --out {settings.report.as_posix()}",
    )
