"""Blocks that at least three models share; what only one or two have stays in their own files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.nn.utils.parametrizations import spectral_norm

from reference_models.recipe import DataSpec

Norm = Callable[[int], nn.Module]
"""Feature maps => the layer that normalises them."""

Net = TypeVar("Net", bound=nn.Module)


def stage_widths(size: int, filters: int) -> list[int]:
    """Feature maps at sizes size/2, size/4, ..., 4, doubling up to 8 x `filters`.

    >>> stage_widths(64, 16)
    [16, 32, 64, 128]
    """
    return [filters * min(2**stage, 8) for stage in range(size.bit_length() - 3)]


def up(inputs: int, outputs: int, kernel: int, bias: bool = True) -> nn.Module:
    """A fractionally strided convolution that doubles the size for every kernel width."""
    return nn.ConvTranspose2d(inputs, outputs, kernel, 2, (kernel - 1) // 2, kernel % 2, bias=bias)


def upward_stack(
    inputs: int, spec: DataSpec, filters: int, *, kernel: int = 4, norm: Norm = nn.BatchNorm2d
) -> nn.Sequential:
    """DCGAN's generator: (N, inputs) => images (N, C, S, S) in [-1, 1], one stage per doubling from 4x4.

    Args:
        norm: before every ReLU, the projection's included.
    """
    widths = stage_widths(spec.size, filters)[::-1]
    layers: list[nn.Module] = [nn.Linear(inputs, widths[0] * 16), nn.Unflatten(1, (widths[0], 4, 4))]
    for width, narrow in zip(widths, [*widths[1:], spec.channels]):
        layers += [norm(width), nn.ReLU(inplace=True), up(width, narrow, kernel)]
    return nn.Sequential(*layers, nn.Tanh())


def downward_stack(
    inputs: int, spec: DataSpec, filters: int, *, kernel: int = 4, norm: Norm | None = nn.BatchNorm2d
) -> nn.Sequential:
    """DCGAN's discriminator without its verdict: maps (N, inputs, S, S) => `stack_features` (N, F).

    Args:
        norm: before every leaky ReLU but the first, which sees the pixels; None for no normalisation.
    """
    layers: list[nn.Module] = []
    for stage, wide in enumerate(stage_widths(spec.size, filters)):
        normed = [norm(wide)] if norm and stage else []
        layers += [nn.Conv2d(inputs, wide, kernel, 2, (kernel - 1) // 2), *normed, nn.LeakyReLU(0.2, inplace=True)]
        inputs = wide
    return nn.Sequential(*layers, nn.Flatten())


def stack_features(spec: DataSpec, filters: int) -> int:
    """How many features `downward_stack` makes of an image: its last 4x4 maps."""
    return 16 * stage_widths(spec.size, filters)[-1]


def verdict(stack: nn.Sequential, features: int) -> nn.Sequential:
    """The stack with a linear score on top of its features: images (N, C, S, S) => scores (N,)."""
    return nn.Sequential(*stack, nn.Linear(features, 1), nn.Flatten(0))


def dcgan_initialise(module: nn.Module) -> None:
    """For `net.apply`: weights from N(0, 0.02), batch norm's gains from N(1, 0.02), biases 0 (Radford et al. 2015)."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def spectral(net: Net) -> Net:
    """Divide every weight matrix inside `net` by its largest singular value, and return `net` (Miyato et al. 2018).

    One power iteration in each training-mode forward keeps the estimate current; its vectors are buffers. A convolution
    counts as the matrix (outputs, inputs x height x width), as in the paper.
    """
    for layer in list(net.modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
            spectral_norm(layer)
    return net


class Maxout(nn.Module):
    """(N, inputs) => (N, units): each unit is the largest of `pieces` linear maps."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.split = nn.Unflatten(1, (units, pieces))

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, inputs) => (N, units)."""
        units: Tensor = self.split(self.linear(inputs))
        return units.amax(2)


class WithClass(nn.Module):
    """Tells `net` the class of each input: joined to the features, one-hot; to maps, as many maps, all 1 or all 0."""

    def __init__(self, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, F) or (N, F, H, W), and labels int64 (N,) => what `net` makes of (N, F + classes, ...).

        Without labels, every class counts alike, 1 / classes: what a discriminator sees where nobody knows the class.
        """
        shape = (len(inputs), self.classes, *inputs.shape[2:])
        if labels is None:
            hot = inputs.new_full(shape, 1 / self.classes)
        else:
            hot = one_hot(labels, self.classes).to(inputs).view(*shape[:2], *[1] * len(shape[2:])).expand(shape)
        made: Tensor = self.net(torch.cat([inputs, hot], 1))
        return made
