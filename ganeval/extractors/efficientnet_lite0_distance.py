"""A deep distance of two images that needs no download: LPIPS's formula on EfficientNet-Lite0, without learnt heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganeval.extractors.efficientnet_lite0 import MEAN, NAME, STD, folded_network
from ganeval.extractors.extractor import Setup
from ganeval.extractors.preparing import antialiased
from ganeval.extractors.registry import extractor

if TYPE_CHECKING:
    from ganeval.extractors.networks.deep_distance import DeepDistance

VERSION = "distance/1"
SIZE = 112
_CHANNELS = (16, 24, 40, 80, 112, 192, 320)  # of the seven stages


@extractor(
    f"{NAME}_distance",
    layers=("distance",),
    default="distance",
    summary="uncalibrated deep distance of pairs of images, on EfficientNet-Lite0 at 112x112; not LPIPS; ready to use",
)
def load(setup: Setup) -> DeepDistance:
    """`efficientnet_lite0_distance`: squared differences of unit channel vectors, the mean over the seven stages.

    From 0 to 4; unlike LPIPS's, its weights were not fitted to people's judgments, so the two do not compare.
    """
    from ganeval.extractors.networks.deep_distance import DeepDistance

    network, weights = folded_network(setup)
    network.eval().requires_grad_(False).to(setup.device).to(memory_format=torch.channels_last)
    return DeepDistance(
        f"{NAME}_distance",
        f"{VERSION}:{weights}:{SIZE}",
        scale=lambda images: _scaled(images.to(setup.device)),
        stages=lambda images: _stages(network, images),
        weights=[torch.full((width,), 1 / len(_CHANNELS), device=setup.device) for width in _CHANNELS],
        resizer=f"torch bilinear, antialiased, to {SIZE}x{SIZE}",
    )


def _scaled(images: Tensor) -> Tensor:
    mean, std = (images.new_tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
    return (antialiased(images, (SIZE, SIZE)) - mean) / std


def _stages(network: Any, images: Tensor) -> list[Tensor]:
    """(N, 3, 112, 112) => maps of 56, 28, 14, 7, 7, 4 and 4 places a side."""
    maps = [network.bn1(network.conv_stem(images))]
    for block in network.blocks:
        maps.append(block(maps[-1]))
    return maps[1:]
