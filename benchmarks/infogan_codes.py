"""What the codes of an InfoGAN run have come to mean: python benchmarks/infogan_codes.py RUN [--sweeps FILE.png]

How many real images Q puts into the category that stands for their class, when each category may stand for one class;
the lower bound of the mutual information between codes and generated images; and a grid for each code, swept.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import pad

from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opening, open_images
from ganeval.images.grid import save_grid
from reference_models.checkpoint import Checkpoint, draw_latents, load_checkpoint
from reference_models.gans.infogan import InfoGAN
from reference_models.reconstruction import fitted

AT_ONCE = 100
ROWS = 5

Table = npt.NDArray[np.int64]
"""(classes, categories): how many images of the class Q puts into the category."""


def explained(table: Table) -> tuple[float, dict[int, int]]:
    """Share of the images on the best one-to-one assignment (Hungarian method), and its class by category.

    >>> explained(np.array([[0, 8], [9, 3]]))
    (0.85, {1: 0, 0: 1})
    """
    classes, categories = linear_sum_assignment(table, maximize=True)
    share = float(table[classes, categories].sum() / table.sum())
    return share, dict(zip(categories.tolist(), classes.tolist()))


def confusion(checkpoint: Checkpoint, recipe: InfoGAN, source: ImageSource) -> Table:
    """Classes of real images against the categories that Q finds likeliest."""
    if source.labels is None:
        raise GanevalError(f"{source.name} has no labels to compare categories with: name a labelled set")
    found = torch.cat([recipe.recognise(checkpoint.nets, real).argmax(1) for real in _prepared(checkpoint, source)])
    table = np.zeros((int(source.labels.max()) + 1, recipe.categories), np.int64)
    np.add.at(table, (source.labels, found.numpy()), 1)
    return table


def bounds(checkpoint: Checkpoint, recipe: InfoGAN, count: int, seed: int) -> tuple[float, float]:
    """L_I of category and continuous codes in nats, over `count` generated images."""
    parts = []
    for first in range(0, count, AT_ONCE):
        latents = draw_latents(checkpoint, range(first, min(first + AT_ONCE, count)), seed)
        guesses = checkpoint.nets["D"](checkpoint.nets["G"](latents))[:, 1:]
        parts.append(len(latents) * torch.stack(recipe.bounds(guesses, latents)))
    category, continuous = (torch.stack(parts).sum(0) / count).tolist()
    return category, continuous


def save_sweeps(checkpoint: Checkpoint, recipe: InfoGAN, seed: int, path: Path) -> None:
    """One PNG per code beside `path`: rows are latents, columns the values of the code."""
    inner = slice(checkpoint.spec.margin, checkpoint.spec.size - checkpoint.spec.margin)
    latents = draw_latents(checkpoint, range(ROWS), seed)
    for code in range(recipe.continuous + 1):
        swept = recipe.sweep(latents, code)
        images = checkpoint.nets["G"](swept.flatten(0, 1))[..., inner, inner]
        pixels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        save_grid(pixels, path.with_stem(f"{path.stem}-{code}"), columns=swept.shape[1])


def measured(checkpoint: Checkpoint, recipe: InfoGAN, source: ImageSource, count: int, seed: int) -> dict[str, Any]:
    """All figures, JSON-able."""
    table = confusion(checkpoint, recipe, source)
    share, classes = explained(table)
    category, continuous = bounds(checkpoint, recipe, count, seed)
    return {
        "run": checkpoint.recipe_name,
        "step": checkpoint.step,
        "images": source.name,
        "explained": share,
        "class_of_category": classes,
        "confusion": table.tolist(),
        "category_nats": category,
        "category_share_of_entropy": category / math.log(recipe.categories),
        "continuous_nats": continuous,
    }


def _prepared(checkpoint: Checkpoint, source: ImageSource) -> Iterator[Tensor]:
    for images in source.batches(AT_ONCE):
        pixels = fitted(checkpoint, images).float() / 127.5 - 1
        yield pad(pixels, [checkpoint.spec.margin] * 4, value=-1.0)


def _report(figures: dict[str, Any]) -> None:
    count = sum(map(sum, figures["confusion"]))
    print(f"{figures['explained']:.1%} of {count} images of {figures['images']} are in their class's category:")
    for category, number in sorted(figures["class_of_category"].items()):
        row = figures["confusion"][number]
        print(f"  category {category} = class {number}, of which it holds {row[category] / max(sum(row), 1):.0%}")
    share = figures["category_share_of_entropy"]
    print(f"bound: category {figures['category_nats']:.3f} nats ({share:.1%} of its entropy), ", end="")
    print(f"continuous codes {figures['continuous_nats']:.3f} nats")


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run folder or checkpoint of infogan")
    parser.add_argument("--images", default="dataset:fashion-mnist-mini:test", help="labelled images")
    parser.add_argument("--data-root", type=Path, help="where named data sets are looked for first")
    parser.add_argument("--samples", type=int, default=2000, help="generated images for the bound")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sweeps", type=Path, metavar="FILE.png", help="a grid per code: FILE-0.png, FILE-1.png ...")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.run)
    source = open_images(arguments.images, Opening(data_root=arguments.data_root))
    if not isinstance(checkpoint.recipe, InfoGAN) or not isinstance(source, ImageSource):
        raise SystemExit(f"{arguments.run} has to be a run of infogan, and {arguments.images} a set of images")
    figures = measured(checkpoint, checkpoint.recipe, source, arguments.samples, arguments.seed)
    if arguments.json:
        print(json.dumps(figures))
    else:
        _report(figures)
    if arguments.sweeps is not None:
        save_sweeps(checkpoint, checkpoint.recipe, arguments.seed, arguments.sweeps)


if __name__ == "__main__":
    main()
