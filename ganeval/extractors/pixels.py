"""The pixels themselves as features: the plainest yardstick, and a check of everything else."""

from __future__ import annotations

from collections.abc import Mapping, Set

import torch
from torch import Tensor

from ganeval.errors import GanevalError, ImageError
from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.preparing import antialiased, checked, rgb
from ganeval.extractors.registry import extractor
from ganeval.images.source import Images


class Pixels(Extractor):
    """Flattened RGB pixels in [0, 1], antialiased to `size` x `size` if one is given.

    Grey images are repeated to three channels, so a grey file and the same picture saved as RGB score alike. Without
    a size, the first images decide it: until then the width of `flat` is 0, and images of another size are an error.
    """

    default = "flat"

    def __init__(self, size: int | None, device: torch.device) -> None:
        self.device = device
        self.shape = None if size is None else (size, size)
        self.name = "pixels" if size is None else f"pixels:{size}"
        self.fingerprint = f"pixels/1:{size or 'native'}"

    @property
    def widths(self) -> Mapping[str, int]:  # type: ignore[override]
        """{"flat": 3 * height * width}."""
        return {"flat": 0 if self.shape is None else 3 * self.shape[0] * self.shape[1]}

    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, C, H, W) => float32 (N, 3, size, size) in [0, 1].

        Raises:
            ImageError: no size was given and these images differ in size from earlier ones.
        """
        images = checked(images).to(self.device)
        if self.name != "pixels":
            assert self.shape is not None
            return rgb(antialiased(images, self.shape) / 255)
        got = (int(images.shape[2]), int(images.shape[3]))
        self.shape = self.shape or got
        if got != self.shape:
            raise ImageError(
                f"pixels compares images of one size, got {got[0]}x{got[1]} after {self.shape[0]}x{self.shape[1]}: "
                f"name a common size, such as pixels:{min(*got, *self.shape)}"
            )
        return rgb(images.float() / 255)

    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, 3, S, S) => {"flat": float32 (N, 3 * S * S)}."""
        self.require(layers)
        return {layer: prepared.flatten(1).cpu() for layer in layers}


@extractor(
    "pixels",
    layers=("flat",),
    default="flat",
    summary="the pixels themselves, at their own or a given size",
    variant="[SIZE]",
)
def load(setup: Setup) -> Pixels:
    """`pixels`, or `pixels:16` for images resized to 16x16."""
    if not setup.variant:
        return Pixels(None, setup.device)
    if not setup.variant.isdecimal() or int(setup.variant) == 0:
        raise GanevalError(f"pixels:{setup.variant} needs a size of 1 or more: write pixels:16, say")
    return Pixels(int(setup.variant), setup.device)
