"""`ganeval demo`: train two models, score them next to four yardsticks, write the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli import options

if TYPE_CHECKING:
    from ganeval.demo import Moment

# About a minute of training on two cores. Counts of steps, not minutes, so that all machines train alike.
STEPS = {"dcgan": 1200, "wgan_gp": 900}


@click.command("demo")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default="reports/demo", show_default=True, help="Folder."
)
@click.option("--steps", type=click.IntRange(min=1), help="Training steps of each model. Default: about a minute.")
@click.option("--num-samples", type=click.IntRange(min=2), help="Images scored of each set. Default: 2,000.")
@options.seed
@options.device
def command(out: Path, steps: int | None, num_samples: int | None, seed: int, device: str) -> None:
    """Train dcgan and wgan_gp on embedded images, score them, and write a report.

    Runs in about five minutes on two cores, offline. Started again, it goes on where it was.
    """
    from ganeval import demo
    from ganeval.reporting import show, write_report
    from ganeval.scoring import Job, Networks

    runs = {name: _train(name, steps or STEPS[name], out / "runs" / name, seed, device) for name in STEPS}
    models = [demo.Entry(name, str(run), "trained for about a minute") for name, run in runs.items()]
    untrained = next(iter(runs.values())) / "step-00000000.json"
    entries = models + demo.yardsticks(str(untrained), out, seed)
    job = Job("", demo.REFERENCE, train=demo.TRAIN, num_samples=num_samples, seed=seed, device=device)
    networks: Networks = {}
    with options.progress_bars() as watch:
        cards, grids = demo.score_entries(entries, out, job, watch, networks)
        curves = [demo.curve(name, _moments(run), job, watch, networks) for name, run in runs.items()]
    page = demo.report(entries, cards, grids, curves)
    write_report(page, out)
    show(page.comparison)
    for flag in page.flags:
        click.secho(f"{flag.name}: {flag.text}", fg="yellow")
    click.echo(f"report: {out / 'index.html'}")


def _train(name: str, steps: int, run: Path, seed: int, device: str) -> Path:
    from ganeval.cli.train import Display
    from ganeval.demo import TRAIN
    from ganeval.images import open_images
    from reference_models.preparing import training_images
    from reference_models.registry import make_recipe
    from reference_models.trainer import TrainOptions, train

    third = max(1, steps // 3)
    training = TrainOptions(steps, seed=seed, device=device, save_every=third, keep_every=third, sample_every=third)
    with Display(name, training) as display:
        train(make_recipe(name, small=True), training_images(open_images(TRAIN)), run, training, display)
    return run


def _moments(run: Path) -> list[Moment]:
    from ganeval.demo import Moment
    from reference_models.checkpoint import checkpoints, read_record

    found = [(read_record(path)[1].seconds, str(path)) for path in checkpoints(run)]
    return [Moment(seconds, path) for seconds, path in found]
