"""A timm classifier as an extractor: its own preprocessing, `pool` (what the classifier reads) and `logits`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import Module
from torchvision.transforms.functional import center_crop

from ganeval.errors import GanevalError
from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.networks.batching import in_fixed_batches
from ganeval.extractors.preparing import RESIZERS, antialiased, checked, parse_resize, rgb
from ganeval.images.source import Images

ROWS = 16
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Preprocessing:
    """How images become the network's input.

    Attributes:
        size: height and width of the input.
        mean, std: per channel, in units of 0..255.
        interpolation: antialiased `bilinear` or `bicubic`, or one of `RESIZERS` for a square size without a crop.
        crop: fraction of the resized image that the central crop keeps.
        fit: `squash` resizes both sides to the crop; `center` resizes the shorter side and crops the longer.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"
    crop: float = 1.0
    fit: Literal["squash", "center"] = "squash"

    @property
    def fingerprint(self) -> str:
        """All of it, and the version of its code, in one string."""
        return "resize/1:" + ",".join(map(str, astuple(self)))

    @property
    def words(self) -> str:
        """The resize, for people."""
        known = RESIZERS.get(self.interpolation)
        words = known.words if known else f"torch {self.interpolation}, antialiased"
        cropped = "" if self.fit == "squash" and self.crop == 1 else f", {self.fit} of {self.crop:g}"
        return f"{words}, to {'x'.join(map(str, self.size))}{cropped}"

    def resized_by(self, text: str) -> Preprocessing:
        """The same with the resizer `NAME` or `NAME:SIZE` instead; nothing changes where `text` is empty."""
        if not text:
            return self
        resizer, side = parse_resize(text)
        square = (side or self.size[0],) * 2
        return replace(self, size=square, interpolation=resizer.name, crop=1.0, fit="squash")

    def __call__(self, images: Images) -> Tensor:
        """uint8 (N, 1 or 3, H, W) => float32 (N, 3, *size)."""
        resized = self._resize(checked(images))
        mean, std = (images.new_tensor(v, dtype=torch.float32).view(-1, 1, 1) for v in (self.mean, self.std))
        cropped: Tensor = center_crop(rgb(resized), list(self.size))
        return (cropped - mean) / std

    def _resize(self, images: Images) -> Tensor:
        """uint8 (N, C, H, W) => float32 in [0, 255], before the crop."""
        if self.interpolation in RESIZERS:
            return RESIZERS[self.interpolation].resize(images, self.size[0])
        return antialiased(images, self._resized(images.shape[2], images.shape[3]), self.interpolation)

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """Size before the crop."""
        target = tuple(math.floor(side / self.crop) for side in self.size)
        if self.fit == "squash":
            return target[0], target[1]
        if target[0] * width >= target[1] * height:  # the height is what just fits
            return target[0], max(target[1], target[0] * width // height)
        return target[1] * height // width, target[1]


class Classifier(Extractor):
    """A timm model with a pooled layer before its classifier."""

    default = "pool"

    def __init__(self, name: str, network: Module, preprocessing: Preprocessing, setup: Setup, weights: str) -> None:
        self.name, self.preprocessing = name, preprocessing.resized_by(setup.resize)
        self.resizer = self.preprocessing.words
        self.fingerprint = f"{name}:{weights}:{self.preprocessing.fingerprint}:{setup.precision}"
        self.device, self.dtype = setup.device, DTYPES[setup.precision]
        self.network: Any = network.eval().requires_grad_(False).to(self.device, self.dtype)
        self.network.to(memory_format=torch.channels_last)
        self.widths = self._measure()

    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, 1 or 3, H, W) => float32 (N, 3, *size), normalised."""
        return self.preprocessing(images.to(self.device))

    @torch.no_grad()
    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, 3, *size) => {"pool": (N, D), "logits": (N, classes)}, those asked for."""
        self.require(layers)
        return in_fixed_batches(lambda images: self._run(images, layers), prepared, ROWS)

    def _run(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        x = prepared.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        maps = self.network.forward_features(x)
        heads = {layer: self.network.forward_head(maps, pre_logits=layer == "pool") for layer in sorted(layers)}
        return {layer: rows.float().cpu() for layer, rows in heads.items()}

    def _measure(self) -> Mapping[str, int]:
        """Widths from one image. A model without a classifier has no `logits`."""
        self.widths = {"pool": 0} if self.network.num_classes == 0 else {"pool": 0, "logits": 0}
        with torch.no_grad():
            rows = self._run(torch.zeros(1, 3, *self.preprocessing.size), set(self.widths))
        wrong = [layer for layer, values in rows.items() if values.ndim != 2]
        if wrong:
            raise GanevalError(f"{self.name} gives no pooled rows at {wrong}: choose a model with a pooled head")
        return {layer: rows[layer].shape[1] for layer in self.widths}
