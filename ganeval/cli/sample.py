"""`ganeval sample`: images from a generator, as a grid, an array file or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ganeval.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ganeval.images import Images, ImageSource, Opening
    from ganeval.images.redrawn import Redraw, RedrawnSource
    from reference_models.checkpoint import Checkpoint

_AT_ONCE = 512
_COLUMNS = 8  # of a grid of reconstructions


@click.command("sample")
@click.argument("run")
@click.option("-n", "count", default=64, show_default=True, type=click.IntRange(min=1), help="Number of images.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A .png (grid), an .npz, or a folder.")
@click.option("--label", type=click.IntRange(min=0), help="Class of all images, for conditional models. Default: all.")
@options.redrawing
@click.option("--target", metavar="IMAGES", help="What --input should become, image by image: shown in the grid.")
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

    Of a model that translates, the grid has -n images, spread evenly over --input, each beside its translation; with
    --reconstruct, it has these images above their reconstructions. An .npz or a folder gets the images made only.
    """
    target = arguments.pop("target")
    opening = _opening(options.taken_redraw(arguments), **arguments)
    checkpoint = None if _is_elsewhere(run, raw_weights) else _checkpoint(run, opening, average=not raw_weights)
    if checkpoint is not None and _redraws(checkpoint, opening, target):
        _refuse_labels(label, by_label)
        return _redraw(_Redrawn(checkpoint, run, opening, target), out)
    made = _from_checkpoint(checkpoint, opening, label) if checkpoint else _from_elsewhere(run, opening, label)
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


def _opening(redraw: Redraw, count: int, seed: int, device: str, **calling: Any) -> Opening:
    from ganeval.device import choose_device
    from ganeval.images import Opening

    called = options.taken_calling(calling)
    return Opening(num_samples=count, seed=seed, device=choose_device(device), calling=called, redraw=redraw)


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
    from ganeval.images.redrawn import check_redrawn

    check_redrawn(run, opening.redraw)
    source = open_images(run, replace(opening, calling=replace(opening.calling, label=label)))
    if not isinstance(source, GeneratedSource):
        raise GanevalError(
            f"{run} is no generator: name a run of `ganeval train`, a .pt, .pt2 or .onnx file, or MODULE:CALLABLE"
        )
    for warning in source.warnings:
        click.secho(f"{run}: {warning}", fg="yellow", err=True)
    return _Generator(run, opening.calling.classes, lambda indices: torch.cat(list(source.read(indices))))


def _checkpoint(run: str, opening: Opening, *, average: bool) -> Checkpoint:
    from dataclasses import replace

    from ganeval.images.generated import check_called
    from reference_models.checkpoint import load_checkpoint
    from reference_models.truncation import truncated

    psi = opening.calling.truncation
    check_called((), replace(opening.calling, truncation=None))
    checkpoint = load_checkpoint(Path(run), opening.device, average=average)
    return checkpoint if psi is None else truncated(checkpoint, psi)


def _from_checkpoint(checkpoint: Checkpoint, opening: Opening, label: int | None) -> _Generator:
    from reference_models.checkpoint import generate_images

    _check_label(checkpoint, label)

    def read(indices: Sequence[int]) -> Images:
        return generate_images(checkpoint, indices, opening.seed, None if label is None else [label] * len(indices))

    classes = checkpoint.spec.classes if checkpoint.recipe.conditional else 0
    return _Generator(f"{checkpoint.recipe_name}, step {checkpoint.step}", classes, read)


def _redraws(checkpoint: Checkpoint, opening: Opening, target: str | None) -> bool:
    """Whether the checkpoint makes images of images, by itself or because it is asked to."""
    from ganeval.errors import GanevalError
    from ganeval.images.redrawn import SAMPLES

    translates = bool(checkpoint.recipe.source) and opening.redraw.way == "translate"
    if target is not None and not translates:
        raise GanevalError(f"--target {target} is for translations: leave it out")
    return translates or opening.redraw != SAMPLES


def _refuse_labels(label: int | None, by_label: bool) -> None:
    from ganeval.errors import GanevalError

    if label is not None or by_label:
        raise GanevalError("--label and --by-label are for samples, not for images made of images: leave them out")


class _Redrawn(NamedTuple):
    """Images made of images; `target` is what they should have become, where that was said."""

    checkpoint: Checkpoint
    run: str
    opening: Opening
    target: str | None


def _redraw(made: _Redrawn, out: Path) -> None:
    """`--out` gets images spread evenly over those given: a grid of them and of what is made of them, or the latter."""
    from dataclasses import replace

    from ganeval.images.grid import save_grid
    from ganeval.images.redrawn import RedrawnSource
    from reference_models.reconstruction import reconstruction_rows, spread

    source = RedrawnSource(made.checkpoint, made.run, replace(made.opening, num_samples=None))
    indices = spread(made.opening.num_samples or 0, len(source))
    named = f"{made.checkpoint.recipe_name}, step {made.checkpoint.step}"
    if out.suffix != ".png":
        parts = (indices[first : first + _AT_ONCE] for first in range(0, len(indices), _AT_ONCE))
        _write((images for part in parts for images in source.read(part)), out, 0)
        click.echo(f"{len(indices)} images of {source.inputs.name} by {named}: {out}")
    elif made.opening.redraw.way == "reconstruct":
        save_grid(reconstruction_rows(source.redraw, source.inputs, len(indices), _COLUMNS), out, _COLUMNS)
        click.echo(f"{source.inputs.name} above, and below as {named}, has it: {out}")
    else:
        _save_translations(source, indices, made, out)
        click.echo(f"{source.inputs.name}, beside each image its translation by {named}: {out}")


def _save_translations(source: RedrawnSource, indices: list[int], made: _Redrawn, out: Path) -> None:
    """Input | translation | target, if there is one, four times in a row."""
    import torch

    from ganeval.images.grid import save_grid
    from reference_models.sheets import ACROSS, beside

    parts = [source.given(indices), torch.cat(list(source.read(indices)))]
    target = _target(source, made)
    if target is not None:
        parts.append(source.seen(target, indices))
    save_grid(beside(parts), out, min(ACROSS, len(indices)) * len(parts))


def _target(source: RedrawnSource, made: _Redrawn) -> ImageSource | None:
    """The images named by `--target`; or, of a model that learnt from pairs and translates these, those it learnt."""
    from dataclasses import replace

    from ganeval.images.pairs import paired
    from ganeval.images.redrawn import images_at, remembered

    whole = replace(made.opening, num_samples=None)
    if made.target is not None:
        return paired(images_at(made.target, whole, "--target"), source.inputs).left
    if made.opening.redraw.images is None and made.checkpoint.recipe.source == "paired":
        return remembered(made.checkpoint, forward=False, opening=whole)
    return None


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
