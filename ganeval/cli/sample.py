"""`ganeval sample`: images from a trained model, as a grid, an array file or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganeval.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganeval.images import Images
    from reference_models.checkpoint import Checkpoint

_AT_ONCE = 512


@click.command("sample")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-n", "count", default=64, show_default=True, type=click.IntRange(min=1), help="Number of images.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A .png (grid), an .npz, or a folder.")
@click.option("--label", type=click.IntRange(min=0), help="Class of all images, for conditional models. Default: all.")
@click.option("--raw-weights", is_flag=True, help="The weights last trained instead of their moving average.")
@options.seed
@options.device
def command(run: Path, count: int, out: Path, label: int | None, raw_weights: bool, seed: int, device: str) -> None:
    """Sample images from RUN, a run folder (its newest checkpoint) or a step-*.json file.

    Image number i depends on the weights, the seed and i alone. The .npz holds `arr_0`, uint8 (N, H, W, C).
    """
    from ganeval.device import choose_device
    from reference_models.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(run, choose_device(device), average=not raw_weights)
    _check_label(checkpoint, label)
    _write(_batches(checkpoint, count, seed, label), out)
    click.echo(f"{count} images of {checkpoint.recipe_name}, step {checkpoint.step}: {out}")


def _check_label(checkpoint: Checkpoint, label: int | None) -> None:
    from ganeval.errors import GanevalError

    if label is None:
        return
    if not checkpoint.recipe.conditional:
        raise GanevalError(f"--label {label}: {checkpoint.recipe_name} is not conditional, leave --label out")
    if label >= checkpoint.spec.classes:
        raise GanevalError(f"--label {label}: the model knows classes 0 to {checkpoint.spec.classes - 1}")


def _batches(checkpoint: Checkpoint, count: int, seed: int, label: int | None) -> Iterator[Images]:
    from reference_models.checkpoint import generate_images

    for first in range(0, count, _AT_ONCE):
        indices = range(first, min(first + _AT_ONCE, count))
        yield generate_images(checkpoint, indices, seed, None if label is None else [label] * len(indices))


def _write(batches: Iterator[Images], out: Path) -> None:
    import numpy as np
    import torch

    from ganeval.files import replacing
    from ganeval.images.grid import save_grid, save_png

    if out.suffix == ".png":
        save_grid(torch.cat(list(batches)), out)
    elif out.suffix == ".npz":
        with replacing(out) as temporary:
            np.savez_compressed(temporary, torch.cat(list(batches)).permute(0, 2, 3, 1).numpy())
    else:
        numbered = enumerate(image for images in batches for image in images.permute(0, 2, 3, 1).numpy())
        for index, image in numbered:
            save_png(image, out / f"{index:06d}.png")
