"""Images as a model that takes images makes them anew: translated, or reconstructed and shown beside the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from ganeval.errors import GanevalError, unknown
from ganeval.images.packing import squares, with_channels
from ganeval.images.source import Images, ImageSource
from reference_models.checkpoint import Checkpoint, device_of, in_rows
from reference_models.recipe import Encoder, Recipe, Translator
from reference_models.registry import recipes


def fitted(checkpoint: Checkpoint, images: Images) -> Images:
    """uint8 (N, 1 or 3, H, W) => (N, C, S, S) as the model was trained on them, without its margin."""
    spec = checkpoint.spec
    return squares(with_channels(images, spec.channels), spec.size - 2 * spec.margin)


@dataclass(frozen=True)
class Redrawing:
    """What a checkpoint makes of images, and in which direction if it translates.

    Attributes:
        way: "translate", or "reconstruct": G(E(x)) of a model with an encoder; there and back of one that translates
            both ways.

    Raises:
        GanevalError: the model cannot do that, or knows no such direction.
    """

    checkpoint: Checkpoint
    way: Literal["translate", "reconstruct"]
    direction: str = "forward"

    def __post_init__(self) -> None:
        recipe, name = self.checkpoint.recipe, self.checkpoint.recipe_name
        if self.way == "translate" and not isinstance(recipe, Translator):
            raise GanevalError(f"{name} does not translate images: take a run of {_named(_translates)}")
        if self.way == "reconstruct" and not _reconstructs(type(recipe)):
            raise GanevalError(f"{name} cannot reconstruct images: take a run of {_named(_reconstructs)}")
        directions = recipe.directions if isinstance(recipe, Translator) else ("forward",)
        if self.direction not in directions:
            raise unknown(f"direction of {name}", self.direction, directions)

    def __call__(
        self,
        images: Images,
        indices: Sequence[int] | None = None,
        *,
        labels: Sequence[int] | None = None,
        seed: int = 0,
    ) -> Images:
        """uint8 (N, C, S, S) without the margin => images of the same shape.

        Args:
            indices: the numbers of these images, on which noise depends, and the seed; by default from 0.
            labels: class of each image, for conditional models; 0 by default.
        """
        spec, device = self.checkpoint.spec, device_of(self.checkpoint.nets)
        classes = torch.tensor(labels if labels is not None else [0] * len(images))

        def make(places: list[int]) -> Tensor:
            padded = pad(images[places].float() / 127.5 - 1, [spec.margin] * 4, value=-1.0)
            return self._make(padded.to(device), classes[places].to(device))

        return in_rows(make, spec, range(len(images)) if indices is None else indices, seed, device)

    def _make(self, images: Tensor, labels: Tensor) -> Tensor:
        recipe, nets = self.checkpoint.recipe, self.checkpoint.nets
        if isinstance(recipe, Translator):
            make = recipe.translate if self.way == "translate" else recipe.there_and_back
            return make(nets, images, self.direction)
        assert isinstance(recipe, Encoder)
        return recipe.reconstruct(nets, images, labels)


def _translates(kind: type[Recipe]) -> bool:
    return issubclass(kind, Translator)


def _reconstructs(kind: type[Recipe]) -> bool:
    return issubclass(kind, Encoder) or (issubclass(kind, Translator) and len(kind.directions) > 1)


def _named(able: Callable[[type[Recipe]], bool]) -> str:
    return ", ".join(name for name, kind in recipes().items() if able(kind))


def spread(count: int, of: int) -> list[int]:
    """`count` numbers, or all, spread evenly over 0 to `of` - 1.

    >>> spread(3, 9)
    [0, 4, 8]
    """
    return torch.linspace(0, of - 1, min(count, of)).round().int().tolist()


def reconstruction_rows(redraw: Redrawing, source: ImageSource, count: int, columns: int) -> Images:
    """`count` images spread evenly over the source, `columns` in a row, below each row its reconstructions.

    The last row may be shorter: black images fill it. => uint8 (2 * rows * columns, C, S, S), for `save_grid`.
    """
    indices = spread(count, len(source))
    real = torch.cat([fitted(redraw.checkpoint, images) for images in source.read(indices)])
    labels = [int(source.labels[index]) for index in indices] if source.labels is not None else None
    both = torch.stack([real, redraw(real, labels=labels)])
    missing = -len(real) % columns
    filled = torch.cat([both, both.new_zeros(2, missing, *real.shape[1:])], dim=1)
    return torch.cat([image for row in torch.split(filled, columns, dim=1) for image in row])
