"""Blocks that at least three models share; what only one or two have stays in their own files."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, one_hot
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
    """For `net.apply`: weights from N(0, 0.02), gains of norms from N(1, 0.02), biases 0 (Radford et al. 2015)."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
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


def widths_by_size(size: int, capacity: int, widest: int) -> dict[int, int]:
    """Feature maps at each size from 4 to `size`: `capacity` / size, at most `widest` (Karras et al. 2018, Table 2).

    >>> widths_by_size(64, 2048, 128)
    {4: 128, 8: 128, 16: 128, 32: 64, 64: 32}
    """
    sizes = [2**power for power in range(2, size.bit_length())]
    return {at: max(1, min(capacity // at, widest)) for at in sizes}


class EqualisedLinear(nn.Linear):
    """A linear map (N, inputs) => (N, outputs) with equalised learning rate (Karras et al. 2018, section 4.1).

    Weights start from N(0, 1) and are multiplied by He's constant gain / sqrt(inputs) at every use instead of once, so
    that Adam, whose steps do not know the scale of a weight, moves all layers at the same relative speed.

    Args:
        gain: sqrt(2) before a leaky ReLU, 1 before nothing.
        rate: this layer's learning rate as a multiple of the optimizer's.
        bias: its initial value.
    """

    def __init__(
        self, inputs: int, outputs: int, *, gain: float = math.sqrt(2), rate: float = 1.0, bias: float = 0.0
    ) -> None:
        super().__init__(inputs, outputs)
        nn.init.normal_(self.weight, std=1 / rate)
        nn.init.constant_(self.bias, bias / rate)
        self.scale, self.rate = gain * rate / math.sqrt(inputs), rate

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, inputs) => (N, outputs)."""
        return linear(inputs, self.weight * self.scale, self.bias * self.rate)


class EqualisedConv(nn.Conv2d):
    """A convolution (N, inputs, S, S) => (N, outputs, S, S) with equalised learning rate; see `EqualisedLinear`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, gain: float = math.sqrt(2), bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        self.scale = gain / math.sqrt(inputs * kernel**2)

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, inputs, S, S) => (N, outputs, S, S)."""
        maps: Tensor = self._conv_forward(inputs, self.weight * self.scale, self.bias)
        return maps


class PixelNorm(nn.Module):
    """Each place's feature vector divided by its root mean square (Karras et al. 2018, section 4.2)."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, C, ...) => the same shape."""
        return inputs * (inputs.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class MinibatchDeviation(nn.Module):
    """One more map that says how much the images of a group differ, (N, C, S, S) => (N, C + 1, S, S).

    Its value is the standard deviation over the group, averaged over features and places (Karras et al. 2018,
    section 3): a generator whose samples are alike is seen to be.

    Args:
        group: images that are compared with each other; the largest common divisor of it and N, in fact.
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, S, S) => (N, C + 1, S, S)."""
        groups = maps.view(math.gcd(self.group, len(maps)), -1, *maps.shape[1:])
        deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
        value = deviation.repeat(len(groups)).view(-1, 1, 1, 1)
        return torch.cat([maps, value.expand(-1, 1, *maps.shape[2:]).to(maps)], 1)


def deviation_verdict(width: int) -> nn.Sequential:
    """Maps (N, width, 4, 4) => scores (N,): the end of a discriminator with minibatch standard deviation."""
    return nn.Sequential(
        MinibatchDeviation(),
        EqualisedConv(width + 1, width, 3),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        EqualisedLinear(width * 16, width),
        nn.LeakyReLU(0.2),
        EqualisedLinear(width, 1, gain=1.0),
        nn.Flatten(0),
    )
