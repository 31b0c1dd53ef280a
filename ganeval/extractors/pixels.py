"""The pixels themselves as features: the plainest yardstick, and a check of everything else."""

from __future__ import annotations

from collections.abc import Mapping, Set

import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.preparing import OneSize, antialiased, checked, rgb
from ganeval.extractors.registry import extractor
from ganeval.images.source import Images


class Pixels(Extractor):
    """Flattened RGB pixels in [0, 1], antialiased to `size` x `size` if one is given.

    Grey images are repeated to three channels, so a grey file and the same picture saved as RGB score alike. Without
    a size, the first images decide it: until then the width of `flat` is 0, and images of another size are an error.
    """

    default = "flat"

    def __init__(self, size: int | None, device: torch.device) -> None:
        self.size, self.device, self.one_size = size, device, size is None
        self.name = "pixels" if size is None else f"pixels:{size}"
        self.fingerprint = f"pixels/1:{size or 'native'}"
        self._native = OneSize(self.name)

    @property
    def widths(self) -> Mapping[str, int]:  # type: ignore[override]
        """{"flat": 3 * height * width}."""
        height, width = (self.size, self.size) if self.size else self._native.size or (0, 0)
        return {"flat": 3 * height * width}

    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, C, H, W) => float32 (N, 3, size, size) in [0, 1].

        Raises:
            ImageError: no size was given and these images differ in size from earlier ones.
        """
        images = checked(images).to(self.device)
        if self.size is None:
            self._native.check(images)
        size = (self.size, self.size) if self.size else (int(images.shape[2]), int(images.shape[3]))
        return rgb(antialiased(images, size) / 255)

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
