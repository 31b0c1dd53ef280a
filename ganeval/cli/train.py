"""`ganeval train`: a reference model on one's own images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganeval.cli import options

if TYPE_CHECKING:
    from reference_models.feed import TrainingImages
    from reference_models.recipe import Recipe
    from reference_models.trainer import TrainOptions


@click.command("train")
@click.argument("recipe")
@click.option("--data", required=True, metavar="IMAGES", help="The images to learn from.")
@click.option("--source", metavar="IMAGES", help="The images to translate into those of --data, by models that do.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The run folder.")
@click.option("--steps", type=click.IntRange(min=1), help="Iterations, over all resumptions.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Time, over all resumptions.")
@click.option("--small", is_flag=True, help="Options for two cores instead of the paper's; --set still wins.")
@options.settings
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in --out.")
@click.option("--size", type=int, help="A power of two from 16 up. Default: what fits the images.")
@options.seed
@options.device
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True)
@click.option(
    "--ema-halflife-images", type=click.FloatRange(min=0), help="Half-life of the averaged weights; 0 for none."
)
@click.option("--save-every", type=click.IntRange(min=1), help="Steps between checkpoints.")
@click.option("--keep-every", type=click.IntRange(min=1), help="Keep the checkpoints of every so many steps.")
@click.option("--sample-every", type=click.IntRange(min=1), help="Steps between grids of samples.")
@options.data_root
def command(recipe: str, data: str, out: Path, small: bool, settings: tuple[str, ...], **rest: Any) -> None:
    """Train RECIPE (`ganeval list recipes`) on images.

    The run folder gets checkpoints, log.csv, TensorBoard events where tensorboard is installed, and sample grids.
    Ctrl-C saves before leaving; --resume ends with the same weights as a run that was never stopped.

    pix2pix learns from pairs: image i of --source belongs to image i of --data. cyclegan takes any two sets.
    """
    from ganeval.images import Opening, open_images
    from reference_models.preparing import training_images
    from reference_models.recipe import Fitted
    from reference_models.registry import make_recipe

    resume, size, source = rest.pop("resume"), rest.pop("size"), rest.pop("source")
    opening = Opening(data_root=rest.pop("data_root"))
    model = make_recipe(recipe, options.assignments(settings), small=small)
    _check_folder(out, resume)
    others = None if source is None else open_images(source, opening)
    images = training_images(open_images(data, opening), size, source=others, pairing=model.source or "unpaired")
    if isinstance(model, Fitted):
        from reference_models.fitting import fit

        last = fit(model, images, out, seed=rest["seed"])
    else:
        last = _train(recipe, model, images, out, rest)
    click.echo(f"{last.with_suffix('')} is the last checkpoint. See samples: ganeval sample {out} --out samples.png")


def _train(name: str, recipe: Recipe, images: TrainingImages, out: Path, given: dict[str, Any]) -> Path:
    from reference_models.trainer import TrainOptions, train

    training = TrainOptions(**{name: value for name, value in given.items() if value is not None})
    with Display(name, training) as display:
        return train(recipe, images, out, training, display)


def _check_folder(out: Path, resume: bool) -> None:
    from ganeval.errors import GanevalError

    if not resume and out.is_dir() and any(out.iterdir()):
        raise GanevalError(f"{out} is not empty: add --resume to go on with the run in it, or choose another --out")


class Display:
    """Live progress on standard error: the terms, the speed, and the time left."""

    def __init__(self, recipe: str, training: TrainOptions) -> None:
        from rich.console import Console
        from rich.live import Live

        self.recipe, self.training = recipe, training
        self.live = Live(console=Console(stderr=True), refresh_per_second=4)
        self.first: tuple[int, float] | None = None
        self.shown = 0.0

    def __enter__(self) -> Display:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def on_step(self, step: int, seconds: float, terms: dict[str, float], images_per_second: float) -> None:
        """Show this step, at most four times a second, and the last one always."""
        self.first = self.first or (step, seconds)
        left = self._left(step, seconds)
        if seconds - self.shown < 0.25 and left:
            return
        from rich.columns import Columns

        self.shown = seconds
        cells = {
            self.recipe: f"step {step}",
            **{name: f"{value:.4g}" for name, value in terms.items()},
            "images/s": f"{images_per_second:.0f}",
            "left": "" if left is None else f"{int(left // 60)}:{int(left % 60):02d}",
        }
        self.live.update(Columns([f"[bold]{name}[/bold] {value}" for name, value in cells.items()], padding=(0, 3)))

    def _left(self, step: int, seconds: float) -> float | None:
        """Seconds until the end; None while the speed is not known."""
        assert self.first is not None
        ends = [] if self.training.minutes is None else [60 * self.training.minutes - seconds]
        done, spent = step - self.first[0], seconds - self.first[1]
        if self.training.steps is not None and done:
            ends.append((self.training.steps - step) * spent / done)
        return max(0.0, min(ends)) if ends else None
