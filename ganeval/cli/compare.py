"""`ganeval compare`: scorecards side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ganeval.compare import Comparison
    from ganeval.reporting import Grid, Report

FORMATS = ("table", "markdown", "latex", "csv")


@click.command("compare")
@click.argument("cards", metavar="CARD...", nargs=-1, required=True)
@click.option("--out", metavar="DIR", help="Write index.html, comparison.md, comparison.tex and comparison.csv there.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="What to print.")
@click.option("--yardstick", "yardsticks", metavar="NAME", multiple=True, help="A row shown for scale; repeatable.")
@click.option("--force", is_flag=True, help="Show scores of different protocols together, with a mark.")
@click.option(
    "--paired", is_flag=True, help="Test on the cached features, which takes about 20 times a scoring's metrics."
)
@click.option("--each", is_flag=True, help="A row for every training run, also of one recipe.")
@click.option("--level", default=0.95, show_default=True, type=click.FloatRange(0.5, 1, min_open=True, max_open=True))
def command(cards: tuple[str, ...], out: str | None, form: str, each: bool, **rest: Any) -> None:
    """Put scorecards side by side, with letters that say which differences are real.

    Each CARD is a scorecard.json or a folder that holds one; a samples.png beside it is shown in the report.
    Scores that were made differently are refused, with everything that differs. Runs of one recipe, A/seed0 A/seed1,
    become one row: their mean, with an interval between runs.
    """
    from pathlib import Path

    from ganeval.compare import compare, distinct_names
    from ganeval.scorecard import load_scorecard
    from ganeval.seeds import gathered

    paths = [Path(card) for card in cards]
    loaded = [load_scorecard(path) for path in paths]
    distinct_names(loaded, paths)  # refuses one scorecard named twice
    if not each:
        loaded, paths = gathered(loaded, paths, level=rest["level"])
    names = distinct_names(loaded, paths)
    comparison = compare(loaded, names=names, yardsticks=frozenset(rest["yardsticks"]), force=rest["force"])
    comparison = _tested(comparison, rest["level"], rest["paired"])
    _print(comparison, form)
    if out is not None:
        from ganeval.reporting import write_report

        again = _command_line(cards, out=out, each=each, **rest)
        page = write_report(_report(comparison, _grids(names, paths), again), Path(out))[0]
        click.echo(f"report: {page}", err=form != "table")


def _tested(comparison: Comparison, level: float, paired: bool) -> Comparison:
    from ganeval.cli import options
    from ganeval.differences import paired_pieces, with_differences

    if not paired:
        return with_differences(comparison, level=level)
    with options.progress_bars() as watch:
        pieces = paired_pieces(comparison, watch=lambda done, total: watch("paired tests", done, total))
    if not pieces:
        click.echo(
            "no features of these cards are in the cache: the tests are unpaired. Score the models again", err=True
        )
    return with_differences(comparison, level=level, pieces=pieces)


def _print(comparison: Comparison, form: str) -> None:
    from ganeval.reporting.latex import latex
    from ganeval.reporting.markdown import markdown
    from ganeval.reporting.spreadsheet import csv_text
    from ganeval.reporting.terminal import show

    if form == "table":
        show(comparison)
    else:
        click.echo({"markdown": markdown, "latex": latex, "csv": csv_text}[form](comparison), nl=False)


def _report(comparison: Comparison, grids: Sequence[Grid], again: str) -> Report:
    from ganeval.reporting import Report
    from ganeval.reporting.differences import difference_section
    from ganeval.reporting.flags import flags

    names = [row.name for row in comparison.rows]
    title = " and ".join(names) if len(names) < 3 else f"{len(names)} models compared"
    found = [flag for row in comparison.rows for flag in flags(row.card, row.name)]
    tests = difference_section(comparison)
    return Report(
        title=title,
        lead=_lead(comparison),
        comparison=comparison,
        grids=grids,
        sections=[] if tests is None else [tests],
        flags=found,
        commands=[again],
    )


def _lead(comparison: Comparison) -> str:
    """Who is best at what, in one sentence."""
    wins: dict[str, list[str]] = {}
    for index, column in enumerate(comparison.columns):
        for row, cell in comparison.cells(index):
            if cell.best:
                wins.setdefault(row.name, []).append(column.key if comparison.several_features else column.metric)
    return " ".join(f"{name} is best in {', '.join(metrics)}." for name, metrics in wins.items())


def _grids(names: Sequence[str], paths: Sequence[Path]) -> list[Grid]:
    """The `samples.png` beside each scorecard that has one."""
    from ganeval.reporting import Grid

    files = [(path if path.is_dir() else path.parent) / "samples.png" for path in paths]
    return [Grid(name, "", file.read_bytes()) for name, file in zip(names, files) if file.is_file()]


def _command_line(cards: Sequence[str], *, out: str, yardsticks: Sequence[str], level: float, **flags: bool) -> str:
    import shlex

    options = [part for name in yardsticks for part in ("--yardstick", name)]
    options += [f"--{name}" for name, given in flags.items() if given]
    options += [] if level == 0.95 else ["--level", f"{level:g}"]
    return shlex.join(["ganeval", "compare", *cards, *options, "--out", out])
