"""Images that a checkpoint makes of other images: translations and reconstructions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from ganeval.errors import GanevalError
from ganeval.images.source import Images, ImageSource

if TYPE_CHECKING:
    from ganeval.images.opening import Opening

_NAMED = {"translate": "--input", "reconstruct": "--reconstruct"}


@dataclass(frozen=True)
class Redraw:
    """What a checkpoint is given to make images of, where it does not draw them.

    Attributes:
        images: an image set; None for what the checkpoint was trained on.
        way: there (of models that translate), or there and back (these, and models with an encoder).
        direction: of a model that translates both ways, "forward" or "back".
    """

    images: str | None = None
    way: Literal["translate", "reconstruct"] = "translate"
    direction: str = "forward"


SAMPLES = Redraw()
"""Nothing is given: samples of a model that draws them."""


class RedrawnSource(ImageSource):
    """Image i is what the model makes of image i of `inputs`, of the size and the channels that the model has.

    Noise inside the model depends on (seed, i) alone.

    Attributes:
        inputs: the images given to it.
        redraw: what makes the images of them, a `reference_models.reconstruction.Redrawing`.
        labels: of the inputs, where a redrawn image shows the same thing: reconstructed, or translated in pairs.

    Raises:
        GanevalError: the model cannot do that, knows no such direction, or has forgotten what it was trained on.
    """

    read_ahead = False

    def __init__(self, checkpoint: Any, name: str, opening: Opening) -> None:
        from reference_models.reconstruction import Redrawing

        super().__init__()
        asked = opening.redraw
        self.redraw = Redrawing(checkpoint, asked.way, asked.direction)
        self.name, self._seed = name, opening.seed
        self.inputs = _opened(asked, opening) or remembered(
            checkpoint, forward=asked.direction == "forward", opening=opening
        )
        self.cacheable, self.skipped, self.warnings = self.inputs.cacheable, self.inputs.skipped, self.inputs.warnings
        parts = (asked.way, asked.direction, checkpoint.fingerprint, str(opening.seed), self.inputs.fingerprint)
        self.fingerprint = ":".join(("redrawn/1", *parts))
        if asked.way == "reconstruct" or checkpoint.recipe.source == "paired":
            self.labels, self.classes = self.inputs.labels, self.inputs.classes

    def __len__(self) -> int:
        return len(self.inputs)

    def given(self, indices: Sequence[int]) -> Images:
        """The inputs at `indices` as the model gets them, uint8 (n, C, S, S)."""
        return self.seen(self.inputs, indices)

    def seen(self, source: ImageSource, indices: Sequence[int]) -> Images:
        """Images of any set as the model would get them, uint8 (n, C, S, S)."""
        from reference_models.reconstruction import fitted

        return torch.cat([fitted(self.redraw.checkpoint, images) for images in source.read(indices)])

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """One batch, made together."""
        if len(indices):
            labels = None if self.inputs.labels is None else [int(self.inputs.labels[i]) for i in indices]
            yield self.redraw(self.given(indices), indices, labels=labels, seed=self._seed)


def remembered(checkpoint: Any, *, forward: bool, opening: Opening) -> ImageSource:
    """The images that a model was trained to translate, or (not `forward`) those it was trained to translate them into.

    Raises:
        GanevalError: they cannot be found by the name they had, or are others now.
    """
    record = checkpoint.info["data"] if not forward else checkpoint.info["data"]["source"]
    needed = f"give images to {checkpoint.recipe_name} with --input"
    if record is None:
        raise GanevalError(f"{needed} or --reconstruct")
    try:
        whole = images_at(record["name"], replace(opening, num_samples=None))
    except GanevalError as error:
        raise GanevalError(f"{needed}: {record['name']}, on which it was trained, is not here ({error})") from None
    if whole.fingerprint != record["fingerprint"]:
        raise GanevalError(f"{needed}: {record['name']}, on which it was trained, holds other images by now")
    return whole if opening.num_samples is None else images_at(record["name"], opening)


def check_redrawn(fake: object, redraw: Redraw) -> None:
    """Refuse a `redraw` that the image set does not heed: it would be ignored without a word.

    Raises:
        GanevalError: images to translate or to reconstruct were given, but no checkpoint.
    """
    if redraw != SAMPLES and not isinstance(fake, RedrawnSource):
        raise GanevalError(
            "--input, --reconstruct and --direction are for runs of `ganeval train` that translate or reconstruct "
            f"images, and {getattr(fake, 'name', fake)} is none: leave them out"
        )


def _opened(asked: Redraw, opening: Opening) -> ImageSource | None:
    if asked.images is None:
        return None
    return images_at(asked.images, opening, _NAMED[asked.way])


def images_at(location: str, opening: Opening, option: str = "--input") -> ImageSource:
    """The image set that an option names.

    Raises:
        GanevalError: it holds no images.
    """
    from ganeval.images.opening import open_images

    source = open_images(Path(location) if Path(location).exists() else location, replace(opening, redraw=SAMPLES))
    if not isinstance(source, ImageSource):
        raise GanevalError(f"{option} {location} holds no images: name a folder, an archive or dataset:NAME")
    return source
