"""`ganeval sample`: images from a generator, as a grid, an array file or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ganeval.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ganeval.images import Images, Opening
    from reference_models.checkpoint import Checkpoint

_AT_ONCE = 512
_COLUMNS = 8  # of a grid of reconstructions


@click.command("sample")
@click.argument("run")
@click.option("-n", "count", default=64, show_default=True, type=click.IntRange(min=1), help="Number of images.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A .png (grid), an .npz, or a folder.")
@click.option("--label", type=click.IntRange(min=0), help="Class of all images, for conditional models. Default: all.")
@click.option("--reconstruct", "images", metavar="IMAGES", help="Rows of these, and as an encoder has them.")
@click.option("--by-label", is_flag=True, help="Rows of the grid, or folders, or arr_1 in the .npz, are the classes.")
@click.option("--raw-weights", is_flag=True, help="The weights last trained instead of their moving average.")
@options.calling
@options.seed
@options.device
def command(run: str, out: Path, label: int | None, by_label: bool, raw_weights: bool, **arguments: Any) -> None:
    """Sample images from RUN.

    RUN is a run folder (its newest checkpoint), a checkpoint's file, or a generator from elsewhere: TorchScript (.pt,
    .ts), torch.export (.pt2), ONNX (.onnx), or MODULE:CALLABLE, which runs that code. Image number i depends on the
    weights, the seed and i alone. The .npz holds `arr_0`, uint8 (N, H, W, C).

    Image i of a conditional model is of class i modulo their number, unless --label names one. --by-label sorts the
    same images by class, as many of each: -n is rounded up.
    """
    images = arguments.pop("images")
    opening = _opening(**arguments)
    if images is not None:
        return _reconstruct(run, images, opening, out, average=not raw_weights)
    made = _from_elsewhere(run, opening, label) if _is_elsewhere(run, raw_weights) else None
    made = made or _from_checkpoint(run, opening, label, average=not raw_weights)
    classes = _classes(made, label) if by_label else 0
    count = -(-arguments["count"] // classes) * classes if classes else arguments["count"]
    _write((made.read(range(first, min(first + _AT_ONCE, count))) for first in range(0, count, _AT_ONCE)), out, classes)
    click.echo(f"{count} images of {made.name}: {out}")


class _Generator(NamedTuple):
    """Image i by its number; `classes` is 0 where no label is heeded."""

    name: str
    classes: int
    read: Callable[[Sequence[int]], Images]


def _classes(made: _Generator, label: int | None) -> int:
    from ganeval.errors import GanevalError

    if label is not None:
        raise GanevalError(f"--by-label sorts images of all classes, and --label {label} asks for one: leave one out")
    if not made.classes:
        raise GanevalError(f"--by-label: {made.name} is not conditional, leave --by-label out")
    return made.classes


def _opening(count: int, seed: int, device: str, **calling: Any) -> Opening:
    from ganeval.device import choose_device
    from ganeval.images import Opening

    return Opening(num_samples=count, seed=seed, device=choose_device(device), calling=options.taken_calling(calling))


def _is_elsewhere(run: str, raw_weights: bool) -> bool:
    from ganeval.errors import GanevalError
    from ganeval.images.generator import is_checkpoint

    path = Path(run)
    elsewhere = path.is_file() and not is_checkpoint(path) if path.exists() else ":" in run
    if elsewhere and raw_weights:
        raise GanevalError(f"--raw-weights is for checkpoints of `ganeval train`: {run} has one set of weights")
    return elsewhere


def _from_elsewhere(run: str, opening: Opening, label: int | None) -> _Generator:
    from dataclasses import replace

    import torch

    from ganeval.errors import GanevalError
    from ganeval.images import open_images
    from ganeval.images.generated import GeneratedSource

    source = open_images(run, replace(opening, calling=replace(opening.calling, label=label)))
    if not isinstance(source, GeneratedSource):
        raise GanevalError(
            f"{run} is no generator: name a run of `ganeval train`, a .pt, .pt2 or .onnx file, or MODULE:CALLABLE"
        )
    for warning in source.warnings:
        click.secho(f"{run}: {warning}", fg="yellow", err=True)
    return _Generator(run, opening.calling.classes, lambda indices: torch.cat(list(source.read(indices))))


def _from_checkpoint(run: str, opening: Opening, label: int | None, *, average: bool) -> _Generator:
    from ganeval.images.generated import check_called
    from reference_models.checkpoint import generate_images, load_checkpoint

    check_called((), opening.calling)
    checkpoint = load_checkpoint(Path(run), opening.device, average=average)
    _check_label(checkpoint, label)

    def read(indices: Sequence[int]) -> Images:
        return generate_images(checkpoint, indices, opening.seed, None if label is None else [label] * len(indices))

    classes = checkpoint.spec.classes if checkpoint.recipe.conditional else 0
    return _Generator(f"{checkpoint.recipe_name}, step {checkpoint.step}", classes, read)


def _reconstruct(run: str, images: str, opening: Opening, out: Path, *, average: bool) -> None:
    from ganeval.errors import GanevalError
    from ganeval.images import ImageSource, open_images
    from ganeval.images.grid import save_grid
    from reference_models.checkpoint import load_checkpoint
    from reference_models.reconstruction import reconstruction_rows

    source = open_images(images)
    if not isinstance(source, ImageSource):
        raise GanevalError(f"--reconstruct {images} holds no images: name a folder, an archive or dataset:NAME")
    if out.suffix != ".png":
        raise GanevalError(f"--out {out}: rows of images and their reconstructions are a grid, name a .png file")
    checkpoint = load_checkpoint(Path(run), opening.device, average=average)
    save_grid(reconstruction_rows(checkpoint, source, opening.num_samples or 0, _COLUMNS), out, _COLUMNS)
    click.echo(f"{images} above, and below as {checkpoint.recipe_name}, step {checkpoint.step}, has it: {out}")


def _check_label(checkpoint: Checkpoint, label: int | None) -> None:
    from ganeval.errors import GanevalError

    if label is None:
        return
    if not checkpoint.recipe.conditional:
        raise GanevalError(f"--label {label}: {checkpoint.recipe_name} is not conditional, leave --label out")
    if label >= checkpoint.spec.classes:
        raise GanevalError(f"--label {label}: the model knows classes 0 to {checkpoint.spec.classes - 1}")


def _write(batches: Iterator[Images], out: Path, classes: int) -> None:
    """The images of one generator; image i is of class i modulo `classes`, unless that is 0."""
    import numpy as np
    import torch

    from ganeval.files import replacing
    from ganeval.images.grid import by_class, save_grid, save_png

    if out.suffix == ".png":
        images = torch.cat(list(batches))
        save_grid(by_class(images, classes) if classes else images, out, len(images) // classes if classes else None)
    elif out.suffix == ".npz":
        arrays = [torch.cat(list(batches)).permute(0, 2, 3, 1).numpy()]
        labels = [np.arange(len(arrays[0])) % classes] if classes else []
        with replacing(out) as temporary:
            np.savez_compressed(temporary, *arrays, *labels)
    else:
        numbered = enumerate(image for images in batches for image in images.permute(0, 2, 3, 1).numpy())
        for index, image in numbered:
            save_png(image, out / (str(index % classes) if classes else "") / f"{index:06d}.png")
