"""What a run folder shows of a model while it trains."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import ModuleDict

from ganeval.images.grid import by_class
from ganeval.images.source import Images
from reference_models.checkpoint import device_of, in_rows, render
from reference_models.feed import TrainingImages
from reference_models.recipe import Recipe, Translator
from reference_models.reconstruction import spread

GRID = 64
"""Samples in a grid; the same latents at every step."""
TRANSLATED, ACROSS = 24, 4
"""Images that are translated in a grid, and how many stand side by side."""


def sheet(recipe: Recipe, nets: ModuleDict, data: TrainingImages, seed: int) -> tuple[Images, int | None]:
    """Samples from fixed noise, of conditional models a row of each class if there are few; or fixed images translated.

    Args:
        nets: in evaluation mode.

    Returns:
        uint8 (N, C, H, W), and how many stand in a row; None for a square.
    """
    if isinstance(recipe, Translator):
        return translations(recipe, nets, data, seed)
    spec = data.spec()
    classes = spec.classes if recipe.conditional else 0
    columns = GRID // classes if classes else 0
    images = render(recipe, nets, spec, range(columns * classes or GRID), seed)
    return (by_class(images, classes), columns) if columns else (images, None)


def translations(recipe: Translator, nets: ModuleDict, data: TrainingImages, seed: int) -> tuple[Images, int]:
    """Source | translated | the image that belongs to it; or, of two sets that are not paired, each | translated."""
    assert data.source is not None
    parts = [*_translated(recipe, nets, data.source, "forward", seed)]
    if recipe.source == "paired":
        parts.append(_shown(data))
    elif "back" in recipe.directions:
        parts += _translated(recipe, nets, data, "back", seed)
    least = min(len(part) for part in parts)
    return beside([part[:least] for part in parts]), ACROSS * len(parts)


def beside(parts: list[Images]) -> Images:
    """Sets of N images each => (parts * N, ...): the first of each set, then the second, and so on."""
    return torch.stack(parts, 1).flatten(0, 1)


def _shown(data: TrainingImages) -> Images:
    return torch.from_numpy(data.pixels[spread(TRANSLATED, len(data.pixels))])


def _translated(
    recipe: Translator, nets: ModuleDict, data: TrainingImages, direction: str, seed: int
) -> tuple[Images, Images]:
    """Images spread over the set, and their translations."""
    inputs, device = data.floats(np.array(spread(TRANSLATED, len(data.pixels)))), device_of(nets)

    def make(places: list[int]) -> Tensor:
        return recipe.translate(nets, inputs[places].to(device), direction)

    return _shown(data), in_rows(make, data.spec(), range(len(inputs)), seed, device)
