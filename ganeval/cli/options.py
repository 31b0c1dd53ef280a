"""Options that several commands share, and the progress that they show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]

device = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps; auto takes a GPU if any."
)
seed = click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Decides every random draw."
)
data_root = click.option(
    "--data-root", type=click.Path(path_type=Path), help="Folder with data sets in torchvision's layout."
)
weights = click.option(
    "--weights", multiple=True, metavar="NAME=PATH", help="A network's weights file, e.g. inception=PATH. Repeatable."
)
settings = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="One option. Repeatable.")


_CALLING = (
    click.option("--latent-dim", metavar="N", help="Width of a generator's latents, or their shape: 100x1x1."),
    click.option(
        "--latent", "law", default="normal", show_default=True, help="Law: normal, uniform (-1 to 1), sphere."
    ),
    click.option("--truncation", type=float, metavar="PSI", help="Normal latents within [-PSI, PSI]; of StyleGAN, w."),
    click.option("--num-classes", "classes", default=0, metavar="N", help="Call a generator with labels: i mod N."),
    click.option("--output-range", default="-1,1", show_default=True, help="Of floats made: -1,1 or 0,1 or 0,255."),
)


def taken_choices(arguments: dict[str, Any]) -> dict[str, Any]:
    """Take what `score` and `selfcheck` both ask out of the arguments, by the names that jobs have for it."""
    pop = arguments.pop
    return {
        "metrics": commas(pop("metrics")),
        "features": commas(pop("features")),
        "options": assignments(pop("settings")),
        "weights": {name: Path(path) for name, path in assignments(pop("weights")).items()},
        "cached": not pop("no_cache"),
    }


def calling(command: Command) -> Command:
    """Add the options that say how a generator from elsewhere is called; `taken_calling` reads them."""
    for option in reversed(_CALLING):
        command = option(command)
    return command


def taken_calling(arguments: dict[str, Any]) -> Any:
    """Take the options of `calling` out of the arguments, as a `Calling`."""
    from ganeval.images.calling import Calling, parse_shape

    latent_dim = arguments.pop("latent_dim")
    rest = {name: arguments.pop(name) for name in ("law", "truncation", "classes", "output_range")}
    return Calling(shape=None if latent_dim is None else parse_shape(latent_dim), **rest)


_REDRAWING = (
    click.option("--input", "given", metavar="IMAGES", help="To be translated by RUN. Default: what it learnt from."),
    click.option("--reconstruct", metavar="IMAGES", help="To be encoded and decoded, or translated there and back."),
    click.option(
        "--direction",
        default="forward",
        show_default=True,
        type=click.Choice(["forward", "back"]),
        help="Of a model that translates both ways.",
    ),
)


def redrawing(command: Command) -> Command:
    """Add the options that give images to a model which makes images of images; `taken_redraw` reads them."""
    for option in reversed(_REDRAWING):
        command = option(command)
    return command


def taken_redraw(arguments: dict[str, Any]) -> Any:
    """Take the options of `redrawing` out of the arguments, as a `Redraw`."""
    from ganeval.errors import GanevalError
    from ganeval.images.redrawn import Redraw

    given, reconstruct, direction = (arguments.pop(name) for name in ("given", "reconstruct", "direction"))
    if given is not None and reconstruct is not None:
        raise GanevalError("--input and --reconstruct make two different image sets: give one of them")
    return Redraw(reconstruct or given, "reconstruct" if reconstruct else "translate", direction)


def assignments(items: Iterable[str]) -> dict[str, str]:
    """("a=1", "b=2") => {"a": "1", "b": "2"}."""
    from ganeval.options import split_assignment

    return dict(split_assignment(item) for item in items)


def commas(text: str) -> tuple[str, ...]:
    """ "fid, kid" => ("fid", "kid")."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A function (name, done, total) that shows a bar per name on standard error while the context is open."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, Any] = {}

        def watch(name: str, done: int, total: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=total)
            progress.update(bars[name], completed=done)

        yield watch
