"""LPIPS: learned perceptual distance of two images.

Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR
2018, https://arxiv.org/abs/1801.03924. The backbones' weights are torchvision's, the heads (version 0.1) lie in the
package `lpips`, of which nothing else is used.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import Sequential, functional

from ganeval.errors import GanevalError, ImageError, WeightsError, unknown
from ganeval.extractors.extractor import Setup
from ganeval.extractors.preparing import OneSize
from ganeval.extractors.registry import extractor
from ganeval.extractors.weights import find, read_state, sha256_of

if TYPE_CHECKING:
    from ganeval.extractors.networks.deep_distance import DeepDistance

VERSION = "lpips/0.1"
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of inputs in [-1, 1]
INSTEAD = "The metrics perceptual_* measure an uncalibrated distance with weights that are installed with the package"


@dataclass(frozen=True)
class Backbone:
    """A torchvision network, also the name of its weights: where its `features` are read, and an image's least side."""

    model: str
    stops: tuple[int, ...]
    least: int


BACKBONES = {
    "alex": Backbone("alexnet", (2, 5, 8, 10, 12), least=31),
    "squeeze": Backbone("squeezenet1_1", (2, 5, 8, 10, 11, 12, 13), least=17),
    "vgg": Backbone("vgg16", (4, 9, 16, 23, 30), least=16),
}


@extractor(
    "lpips",
    layers=("distance",),
    default="distance",
    summary="LPIPS of pairs of images, NET one of alex, squeeze, vgg, at the images' size or resized to SIZE",
    variant="NET[@SIZE]",
    weights="lpips:NET",
)
def load(setup: Setup) -> DeepDistance:
    """`lpips:alex`, or `lpips:vgg@64` for images resized to 64x64 first."""
    from ganeval.extractors.networks.deep_distance import DeepDistance

    net, at, text = setup.variant.partition("@")
    if net not in BACKBONES:
        raise unknown("network of lpips", net, BACKBONES)
    if at and (not text.isdecimal() or int(text) < BACKBONES[net].least):
        raise GanevalError(f"lpips:{setup.variant} needs a size of {BACKBONES[net].least} or more: write {net}@64, say")
    try:
        weights = find(BACKBONES[net].model, named=setup.weights)
        heads, digest = _heads(net)
    except WeightsError as error:
        raise WeightsError(f"lpips:{net}: {error}. {INSTEAD}") from None
    stages = _stages(net, weights.path)
    for stage in stages:
        stage.to(setup.device).to(memory_format=torch.channels_last)
    distance = DeepDistance(
        f"lpips:{setup.variant}",
        f"{VERSION}:{weights.fingerprint}:{digest}",
        scale=_Scale(net, int(text) if at else None, setup.device),
        stages=lambda images: _maps(stages, images),
        weights=[head.to(setup.device) for head in heads],
        resizer=f"torch area downwards, bilinear upwards, to {text}x{text}" if at else "none",
    )
    distance.one_size = not at
    return distance


class _Scale:
    """To [-1, 1], then by the constants of the package. Without a `size`, all images must share one."""

    def __init__(self, net: str, size: int | None, device: torch.device) -> None:
        self.net, self.size, self.device = net, size, device
        self._native = OneSize(f"lpips:{net}", f"let it resize them with lpips:{net}@64, say")

    def __call__(self, images: Tensor) -> Tensor:
        if self.size is None:
            self._check(images)
        shift, scale = (torch.tensor(v, device=self.device).view(-1, 1, 1) for v in (SHIFT, SCALE))
        scaled = (images.to(self.device) / 127.5 - 1 - shift) / scale
        return scaled if self.size is None else _resized(scaled, self.size)

    def _check(self, images: Tensor) -> None:
        height, width = images.shape[2:]
        if min(height, width) < BACKBONES[self.net].least:
            raise ImageError(
                f"lpips:{self.net} takes images of {BACKBONES[self.net].least} pixels a side or more, got "
                f"{height}x{width}: let it resize them with lpips:{self.net}@64, say"
            )
        self._native.check(images)


def _resized(images: Tensor, size: int) -> Tensor:
    """By area where both sides shrink, else bilinear: as torch-fidelity does for the path length."""
    if min(images.shape[2:]) > size:
        return functional.interpolate(images, (size, size), mode="area")
    return functional.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def _maps(stages: Sequence[Sequential], images: Tensor) -> list[Tensor]:
    maps = [images]
    for stage in stages:
        maps.append(stage(maps[-1]))
    return maps[1:]


def _stages(net: str, path: Path) -> list[Sequential]:
    """The backbone's `features`, cut after each stop."""
    from torchvision import models

    backbone = BACKBONES[net]
    with torch.device("meta"):  # draws no weights: they are replaced
        features = getattr(models, backbone.model)(weights=None).features
    state = {
        key.removeprefix("features."): value for key, value in read_state(path).items() if key.startswith("features.")
    }
    try:
        features.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"{path} is not torchvision's {backbone.model}, which lpips:{net} needs: {error}") from None
    features = features.float().eval().requires_grad_(False)
    return [features[first:last] for first, last in pairwise((0, *backbone.stops))]


def _heads(net: str) -> tuple[list[Tensor], str]:
    """The learnt weights of the channels of each stage, float32 (C,), and the sha256 of their file."""
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        raise WeightsError("its heads come with the package `lpips`: pip install 'ganeval[lpips]'")
    path = Path(package.origin).parent / "weights" / "v0.1" / f"{net}.pth"
    if not path.is_file():
        raise WeightsError(f"the installed package `lpips` has no {path}: install version 0.1.4")
    state = read_state(path)
    return [state[f"lin{k}.model.1.weight"].flatten() for k in range(len(state))], sha256_of(path)
