"""Batch norms folded into the convolutions before them: the same function, one pass over the activations less."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch.nn import BatchNorm2d, Conv2d, Identity, Module, Parameter


def fold_batch_norms(network: Module) -> None:
    """Fold every batch norm in place. For networks that run in the order in which they were built, in eval mode.

    Scales are computed in float64 and rounded once. A batch norm that carries an activation (timm's) leaves it behind.
    """
    steps = [(name, module) for name, module in network.named_modules() if isinstance(module, Conv2d | BatchNorm2d)]
    for (_, convolution), (name, norm) in pairwise(steps):
        if isinstance(convolution, Conv2d) and isinstance(norm, BatchNorm2d):
            _fold(convolution, norm)
            network.set_submodule(name, getattr(norm, "act", Identity()))


@torch.no_grad()
def _fold(convolution: Conv2d, norm: BatchNorm2d) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() - norm.running_mean.double() * scale
    if convolution.bias is not None:
        bias += convolution.bias.double() * scale
    weight = convolution.weight.double() * scale[:, None, None, None]
    convolution.weight = Parameter(weight.float(), requires_grad=False)
    convolution.bias = Parameter(bias.float(), requires_grad=False)
