"""The moving average of a network's weights: samples from it are better than from the weights of any one step."""

from __future__ import annotations

import torch
from torch import nn

SPECTRAL_VECTORS = ("._u", "._v")
RAMP_UP = 0.05
"""The half-life is at most this share of the images seen, so that early averages forget the untrained weights."""


def decay(images: int, batch_size: int, halflife: float) -> float:
    """The weight of the old average after `images` images, of which `batch_size` came in this step.

    >>> decay(images=1_000_000, batch_size=100, halflife=100)
    0.5
    >>> decay(images=100, batch_size=100, halflife=0)
    0.0
    """
    halflife = min(halflife, images * RAMP_UP)
    return float(0.5 ** (batch_size / halflife)) if halflife > 0 else 0.0


@torch.no_grad()
def move_towards(average: nn.Module, net: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * net, running statistics included; the rest is copied.

    That is integers, and the vectors of spectral norms (`_u` and `_v`), which have length 1: means of them are shorter
    where they turn, so that what they measure would be taken for smaller than it is, and divided by too little.
    """
    for (name, old), new in zip(average.state_dict().items(), net.state_dict().values()):
        if old.is_floating_point() and not name.endswith(SPECTRAL_VECTORS):
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
