"""The moving average of a network's weights: samples from it are better than from the weights of any one step."""

from __future__ import annotations

import torch
from torch import nn

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
    """average <- decay * average + (1 - decay) * net, running statistics included; integers are copied."""
    for old, new in zip(average.state_dict().values(), net.state_dict().values()):
        if old.is_floating_point():
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
