"""What a feature extractor is: uint8 images in, float32 rows per named layer out; it owns its preprocessing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ganeval.errors import unknown
from ganeval.images.source import Images

Precision = Literal["fp32", "bf16"]
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Setup:
    """Everything that decides which extractor is made, besides its name.

    Attributes:
        variant: the text behind the colon of `timm:resnet18`, `discriminator:RUN` or `module:callable`, else empty.
        weights: network name -> file the user named for it (any hash is accepted and recorded as custom).
        resize: another resizer than the network's own, as `NAME` or `NAME:SIZE` (`preparing.RESIZERS`).
    """

    variant: str = ""
    weights: Mapping[str, Path] = field(default_factory=dict)
    device: torch.device = CPU
    precision: Precision = "fp32"
    resize: str = ""


class Extractor(ABC):
    """A network (or a simple map) that turns images into feature rows.

    Attributes:
        name: as the user writes it: `inception`, `timm:resnet18`.
        fingerprint: weights sha256 + preprocessing version + precision, in one string.
        widths: layer -> number of columns D.
        default: the layer meant when only the extractor is named.
        resizer: how images are brought to the network's size, in words.
        cacheable: False where the weights cannot be known (a user's callable): its rows are never taken from a cache.
        one_size: whether the first images decide the size of all others, so that another job has to load it again.
    """

    name: str
    fingerprint: str
    widths: Mapping[str, int]
    default: str
    resizer: str = "its own"
    cacheable: bool = True
    one_size: bool = False

    @abstractmethod
    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, C, H, W) => float32 (N, C', S, S). Rows of differently sized images can then share a batch."""

    @abstractmethod
    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """Prepared images => float32 (N, D) on the CPU for each layer asked for, in one pass."""

    def __call__(self, images: Images, layers: Set[str]) -> dict[str, Tensor]:
        """uint8 (N, C, H, W) => {layer: float32 (N, D)}."""
        return self.forward(self.prepare(images), layers)

    def require(self, layers: Set[str]) -> None:
        """Raise GanevalError, with the nearest match, for a layer that this extractor does not have."""
        for layer in sorted(layers - set(self.widths)):
            raise unknown(f"layer of {self.name}", layer, self.widths)
