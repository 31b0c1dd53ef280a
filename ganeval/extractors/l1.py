"""The plainest distance of two images: how far apart their pixels are."""

from __future__ import annotations

from collections.abc import Set

import torch
from torch import Tensor

from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.preparing import halves
from ganeval.extractors.registry import extractor


class AbsoluteDifference(Extractor):
    """Mean |x - y| over channels and pixels of values in [0, 1]: 0 for equal images, 1 for black beside white."""

    default, widths, resizer = "distance", {"distance": 1}, "none"
    name, fingerprint = "l1", "l1/1"

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def prepare(self, images: Tensor) -> Tensor:
        """Pairs (N, 2 or 6, H, W) => float32 (N, 1, 1, 1), so that pairs of any sizes can share a batch."""
        left, right = halves(images.to(self.device))
        return (left - right).abs().double().mean((1, 2, 3), keepdim=True).float() / 255

    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, 1, 1, 1) => {"distance": float32 (N, 1)}."""
        self.require(layers)
        return {layer: prepared.flatten(1).cpu() for layer in layers}


@extractor(
    "l1",
    layers=("distance",),
    default="distance",
    summary="mean absolute difference of the pixels of pairs of images, values in [0, 1]",
)
def load(setup: Setup) -> AbsoluteDifference:
    """`l1`: nothing to choose."""
    return AbsoluteDifference(setup.device)
