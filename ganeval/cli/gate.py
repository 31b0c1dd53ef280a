"""`ganeval gate`: exit code 0 if a scorecard is good enough, 1 if not, 3 if that cannot be told yet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ganeval.asking import Margin
    from ganeval.gate import Undecided, Verdict

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("gate")
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--require", "required", multiple=True, metavar="METRIC<=N", help="Also < >= >. Repeatable.")
@click.option("--baseline", type=click.Path(path_type=Path), help="The scorecard to be no worse than.")
@click.option("--no-worse", multiple=True, metavar="METRIC", help="No worse than the baseline in this. Repeatable.")
@click.option("--margin", "margins", multiple=True, metavar="METRIC=M", help="Worse by 0.5, or 2%, is accepted.")
@click.option("--level", default=0.95, show_default=True, type=float, help="Confidence of every verdict.")
@click.option(
    "--undecided",
    type=click.Choice(["report", "pass", "fail"]),
    default="report",
    show_default=True,
    help="What an undecided gate exits with: 3, 0 or 1.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option("--junit", type=_FILE, help="Write a JUnit report.")
@click.option("--summary", type=_FILE, help="Write a Markdown summary. $GITHUB_STEP_SUMMARY is appended to anyway.")
def command(
    card: Path, baseline: Path | None, as_json: bool, junit: Path | None, summary: Path | None, **asked: Any
) -> None:
    """Decide whether CARD, a scorecard.json or its folder, is good enough.

    Exit codes: 0 pass, 1 fail, 2 the question is wrong, 3 undecided, with the number of images that would decide.
    docs/gate.md says exactly when a requirement passes.
    """
    from ganeval.asking import parse_requirement
    from ganeval.gate import judge
    from ganeval.scorecard import load_scorecard

    verdict = judge(
        load_scorecard(card),
        [parse_requirement(text) for text in asked["required"]],
        baseline=None if baseline is None else load_scorecard(baseline),
        no_worse=_guards(asked["no_worse"], asked["margins"]),
        level=asked["level"],
    )
    undecided: Undecided = asked["undecided"]
    _write(verdict, undecided, junit, summary)
    _show(verdict, undecided, as_json)
    click.get_current_context().exit(verdict.exit_code(undecided))


def _guards(no_worse: tuple[str, ...], margins: tuple[str, ...]) -> dict[str, Margin]:
    from ganeval.asking import Margin, parse_margin
    from ganeval.errors import GanevalError

    guards = {name.strip(): Margin() for name in no_worse}
    given: set[str] = set()
    for name, margin in map(parse_margin, margins):
        if name not in guards:
            raise GanevalError(f"a margin for {name}, which is not compared: add --no-worse {name}")
        if name in given:
            raise GanevalError(f"two margins for {name}: give one")
        given.add(name)
        guards[name] = margin
    return guards


def _write(verdict: Verdict, undecided: Undecided, junit: Path | None, summary: Path | None) -> None:
    from ganeval.files import replace_text
    from ganeval.reporting import verdict as reporting

    if junit is not None:
        replace_text(junit, reporting.junit(verdict, undecided))
    step = os.environ.get("GITHUB_STEP_SUMMARY")
    if step:
        with Path(step).open(
            "a", encoding="utf-8"
        ) as file:  # the runner's file, which other parts of a step write, too
            file.write(reporting.markdown(verdict))
    if summary is not None and (not step or summary.resolve() != Path(step).resolve()):
        replace_text(summary, reporting.markdown(verdict))


def _show(verdict: Verdict, undecided: Undecided, as_json: bool) -> None:
    import json

    from ganeval.reporting import verdict as reporting
    from ganeval.reporting.terminal import plain_console

    if as_json:
        click.echo(json.dumps(reporting.as_json(verdict, verdict.exit_code(undecided)), indent=2))
    else:
        plain_console().print(reporting.table(verdict))
        click.echo(reporting.headline(verdict))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in reporting.workflow_commands(verdict, undecided):
            click.echo(line, err=True)
