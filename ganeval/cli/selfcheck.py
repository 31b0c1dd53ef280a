"""`ganeval selfcheck`: which metrics can be trusted for these images, these features and this number of images."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from ganeval.cli import options


@click.command("selfcheck")
@click.option("--reference", required=True, metavar="REAL", help="Real images, from which every set is drawn.")
@click.option("--features", default="", metavar="TAPS", help="Comma-separated. Default: every metric's usual ones.")
@click.option("--metrics", default="", metavar="NAMES", help="Comma-separated. Default: the standard suite.")
@options.settings
@click.option(
    "-n",
    "--num-samples",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Images per set that the answer is for. Default: 2000, or as many as REAL suffices for.",
)
@click.option("--spoilt", default=500, show_default=True, type=int, help="Images that are spoilt per step, at most.")
@click.option("--splits", default=10, show_default=True, type=int, help="Draws of disjoint sets of real images.")
@options.seed
@options.device
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1), help="Changes speed only.")
@options.weights
@options.data_root
@click.option("--no-cache", is_flag=True, help="Neither read nor write features of earlier passes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the page, Markdown and JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(out: Path | None, as_json: bool, **arguments: Any) -> None:
    """Which metrics can be trusted for these images, these features and this number of images?

    Scores real images against real images, and against images that get worse step by step: noise, blur, JPEG,
    occlusion, colours, lost and invented modes, copies, one odd feature. Every metric gets a green, yellow or red
    light, with the reason; docs/selfcheck.md has the rules. An interrupted check goes on from the cache.
    """
    from ganeval.selfcheck import selfcheck

    with options.progress_bars() as watch:
        found = selfcheck(_job(**arguments), watch)
    page = None
    if out is not None:
        from ganeval.selfcheck.report import write

        page = write(found, out, shlex.join(["ganeval", *sys.argv[1:]]))
    _show(found, page, as_json)


def _job(**rest: Any) -> Any:
    from ganeval.selfcheck import Job

    return Job(
        **options.taken_choices(rest),
        **rest,
    )


def _show(found: Any, page: Path | None, as_json: bool) -> None:
    from ganeval.reporting.terminal import plain_console
    from ganeval.selfcheck import report

    if as_json:
        click.echo(json.dumps(report.record(found), indent=2))
        return
    plain_console().print(report.table(found))
    click.echo(report.lead(found))
    if page is not None:
        click.echo(f"report: {page}")
