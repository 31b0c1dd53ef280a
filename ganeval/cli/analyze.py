"""`ganeval analyze`: a closer look at the game that a run played."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ganeval.cli import options

as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
out_folder = click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for a report.")


@click.group("analyze")
def command() -> None:
    """Look at the game between generator and discriminator."""


@command.command("discriminator")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", required=True, metavar="IMAGES", help="Real images that the run has not learnt from.")
@click.option("--steps", default=300, show_default=True, type=click.IntRange(min=0), help="Of training D further.")
@click.option("--num-samples", default=4000, show_default=True, type=click.IntRange(min=20), help="Images at most.")
@click.option("--average", is_flag=True, help="Judge the averaged generator, not the one that D played against.")
@out_folder
@as_json
@options.seed
@options.device
@options.data_root
def discriminator(out: Path | None, as_json: bool, device: str, **given: Any) -> None:
    """What the discriminator of RUN knows: V(G, D) on held-out images, and how far D is from the best one, D*.

    D* is a copy of D, trained further with G unchanged on one half of the images and measured on the other, so that
    log 2 + V(G, D*) / 2 is at most the Jensen-Shannon divergence of data and generated images. RUN is a run folder or a
    checkpoint of gan, dcgan or another recipe whose D gives the logit of an image being real; critics are refused.
    Nothing of the run is changed.
    """
    from ganeval.analysis.discriminator import Job, analyse
    from ganeval.analysis.discriminator_page import HEADER, page, record, rows, words
    from ganeval.device import choose_device

    with options.progress_bars() as watch:
        judged = analyse(Job(device=choose_device(device), **given), lambda done, of: watch("D*", done, of))
    if as_json:
        click.echo(json.dumps(record(judged), indent=1))
    else:
        _show(HEADER, rows(judged), words(judged), judged.warnings)
    if out is not None:
        from ganeval.analysis.page import write

        click.echo(f"report: {write(page(judged, shlex.join(['ganeval', *sys.argv[1:]])), out)}", err=as_json)


@command.command("game")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--loss", type=click.Choice(["nonsaturating", "minimax"]), default="nonsaturating", show_default=True)
@click.option("--steps", default=1000, show_default=True, type=click.IntRange(min=1), help="Of the generator.")
@click.option("--discriminator-steps", default=5, show_default=True, type=click.IntRange(min=1), help="For each.")
@click.option("--mean", default=3.0, show_default=True, help="Of the data.")
@click.option("--deviation", default=1.0, show_default=True, help="Of the data.")
@click.option("--shown", default="0,30,100,300", show_default=True, metavar="LIST", help="Steps drawn, and the last.")
@click.option("--samples", default=1000, show_default=True, type=click.IntRange(min=20), help="For the estimates.")
@click.option("--save", type=click.Path(path_type=Path, file_okay=False), help="Folder to keep the game in, as a RUN.")
@out_folder
@as_json
@options.seed
@click.pass_context
def game(context: click.Context, /, out: Path | None, as_json: bool, samples: int, shown: str, **given: Any) -> None:
    """Play the textbook's GAN on a line: z uniform, x Gaussian, by the losses and turns of the recipe gan.

    Draws densities, D, D* and z -> G(z) at some steps (--out), measures JS, KL, W1 and the accuracy of D along training
    by integrals, sets estimates from samples beside them, and shows saturating against non-saturating gradients.

    RUN is a game that --save kept: it is looked at again, at the steps that are there, and nothing is trained but D at
    the start.
    """
    from ganeval.analysis.game_page import HEADER, PULLS, page, pull_rows, record, rows
    from ganeval.analysis.seen import seen
    from ganeval.analysis.start import pulls

    with options.progress_bars() as watch:
        games = _games(context, _steps(shown), samples, watch, **given)
    first = games[0].game
    estimates = [seen(first, step, made) for step, made in games[0].samples.items()]
    found = pulls(first)
    if as_json:
        click.echo(json.dumps(record(games, estimates, found), indent=1))
    else:
        _show(HEADER, rows(games[0], estimates), f"{first.loss}; KL(generated, data); by samples: {samples:,} of each")
        _show(PULLS, pull_rows(found), "At the start: D trained alone, and the gradient that either loss gives G")
    if out is not None:
        from ganeval.analysis.page import write

        made = page(games, estimates, found, shlex.join(["ganeval", *sys.argv[1:]]))
        click.echo(f"report: {write(made, out)}", err=as_json)


def _games(
    context: click.Context, shown: tuple[int, ...], samples: int, watch: Any, run: Path | None, save: Path | None,
    **given: Any,
) -> list[Any]:  # fmt: skip
    """The game of RUN, or one played now, and one by the other loss beside it."""
    from ganeval.analysis.game import Game, play
    from ganeval.analysis.game_run import keeper, replay
    from ganeval.errors import GanevalError

    if run is not None:
        said = [name for name in (*given, "save") if context.get_parameter_source(name) == ParameterSource.COMMANDLINE]
        if said:
            flags = ", ".join("--" + name.replace("_", "-") for name in said)
            raise GanevalError(f"{flags}: RUN was played already; leave {flags} out, or leave RUN out to play anew")
        return [replay(run, shown, lambda done, of: watch(str(run), done, of), samples=samples)]
    first = Game(snapshots=shown, **given)
    second = replace(first, loss="minimax" if first.loss == "nonsaturating" else "nonsaturating")
    keep = None if save is None else keeper(save, first)
    return [
        play(each, lambda done, of, name=each.loss: watch(name, done, of), samples=samples, keep=kept)  # type: ignore[misc]
        for each, kept in ((first, keep), (second, None))
    ]


@command.command("training")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--reference", required=True, metavar="REAL", help="Real images (or statistics) to compare with.")
@click.option("--metrics", default="fd,js_classifier,w1_critic", show_default=True, metavar="LIST", help="By commas.")
@click.option("--features", default="", metavar="LIST", help="Networks to score on. Default: the metrics' own.")
@click.option("--protocol", default="ganeval", show_default=True, help="See `ganeval list protocols`.")
@options.settings
@click.option("--train", metavar="IMAGES", help="What the runs learnt from, for metrics of memorisation.")
@click.option("--yardstick", metavar="IMAGES", help="Other real images, scored as well: the level to come down to.")
@click.option("--checkpoints", "most", default=10, show_default=True, type=click.IntRange(min=2), help="Most of a run.")
@click.option("--num-samples", default=2000, show_default=True, type=click.IntRange(min=2), help="Images of each set.")
@click.option("--against", type=click.Choice(["steps", "seconds"]), default="steps", show_default=True)
@click.option("--level", default=0.95, show_default=True, type=click.FloatRange(0, 1, max_open=True), help="0: none.")
@options.weights
@options.data_root
@click.option("--no-cache", is_flag=True, help="Neither read nor write summaries of earlier passes.")
@out_folder
@as_json
@options.seed
@options.device
def training(runs: tuple[Path, ...], out: Path | None, as_json: bool, against: Any, **given: Any) -> None:
    """Score the checkpoints of every RUN along its training: curves with intervals, and which checkpoint is best.

    RUN is a run folder; `ganeval train --save-every N --keep-every N` leaves checkpoints along the way. All are scored
    like `ganeval score RUN --reference REAL`. What is cached is not computed again, so an interrupted command goes on.
    """
    from ganeval.analysis.training import follow, warnings
    from ganeval.analysis.training_page import header, page, record, rows
    from ganeval.scoring import Job

    most, yardstick = given.pop("most"), given.pop("yardstick")
    job = Job("", **options.taken_choices(given), **given)
    with options.progress_bars() as watch:
        followed = follow(runs, job, most=most, yardstick=yardstick, watch=watch)
    if as_json:
        click.echo(json.dumps(record(followed), indent=1))
    else:
        _show(header(followed), rows(followed), f"against {followed.cards[0].reference.name}", warnings(followed))
    if out is not None:
        from ganeval.analysis.page import write

        made = page(followed, shlex.join(["ganeval", *sys.argv[1:]]), against)
        click.echo(f"report: {write(made, out)}", err=as_json)


def _steps(text: str) -> tuple[int, ...]:
    from ganeval.errors import GanevalError

    if not all(part.isdecimal() for part in options.commas(text)):
        raise GanevalError(f"--shown {text}: expected steps by commas, such as 0,100,300")
    return tuple(int(part) for part in options.commas(text))


def _show(header: Any, rows: Any, words: str, warnings: Any = ()) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, box=None)
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console = Console()
    console.print(table)
    console.print(words, style="dim", highlight=False, markup=False)
    for text in warnings:
        click.secho(text, fg="yellow")
