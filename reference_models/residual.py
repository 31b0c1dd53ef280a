"""Residual networks with self-attention: the shape of sagan, and of biggan and bigbigan, which grew out of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu, scaled_dot_product_attention

from ganeval.errors import GanevalError
from reference_models.layers import Norm, spectral
from reference_models.recipe import DataSpec


def residual_widths(size: int, filters: int) -> list[int]:
    """Feature maps at sizes size, size/2, ..., 4, doubling up to 16 x `filters`.

    >>> residual_widths(128, 64)
    [64, 128, 256, 512, 1024, 1024]
    """
    return [filters * min(2**stage, 16) for stage in range(size.bit_length() - 2)]


def attended_size(attention: int, spec: DataSpec) -> int:
    """Where the maps attend to themselves: at `attention` x `attention`, or at half the image's size if that is less.

    Raises:
        GanevalError: no maps of that size are on the way from 4x4 to the image.
    """
    if attention < 8 or attention & (attention - 1):
        raise GanevalError(
            f"option 'attention' is {attention}: expected the size of some maps, a power of two from 8 up"
        )
    return min(attention, spec.size // 2)


def spectral_conv(inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> nn.Module:
    """A convolution of spectral norm 1 that keeps the size, with orthogonal initial weights."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
    nn.init.orthogonal_(layer.weight)
    return spectral(layer)


def spectral_linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Module:
    """A matrix of spectral norm 1, with orthogonal initial weights."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.orthogonal_(layer.weight)
    return spectral(layer)


class SelfAttention(nn.Module):
    """x + gamma v(sum_i b_ji h(x_i)), b_ji = softmax over i of f(x_i) . g(x_j), j each place of the maps (N, C, S, S).

    Zhang et al. 2019, equations 1 to 3: f, g and h are 1x1 convolutions to C/8 channels, v is one back to C, and the
    gate gamma starts at 0, so that a network learns what is near first.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(width // 8, 1)
        self.f, self.g, self.h = (spectral_conv(width, inner, 1, bias=False) for _ in range(3))
        self.v = spectral_conv(inner, width, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, S, S) => the same shape."""
        keys, queries, values = (made(maps).flatten(2).mT for made in (self.f, self.g, self.h))
        # dot products as they are: the paper does not divide them by the square root of their length
        seen = scaled_dot_product_attention(queries, keys, values, scale=1.0)
        gathered: Tensor = self.gamma * self.v(seen.mT.reshape(len(maps), -1, *maps.shape[2:]))
        return maps + gathered


class ConditionalNorm(nn.Module):
    """Batch norm whose gain 1 + a and bias b are functions of a condition, such as the class (Dumoulin et al. 2017).

    Args:
        normalise: maps (N, C, S, S) => maps of mean 0 and variance 1 for each channel.
        affine: condition (N, ...) => a and b side by side, (N, 2C).
    """

    def __init__(self, normalise: nn.Module, affine: nn.Module) -> None:
        super().__init__()
        self.normalise, self.affine = normalise, affine

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        """Maps (N, C, S, S) and conditions (N, ...) => (N, C, S, S)."""
        gain, bias = self.affine(condition)[:, :, None, None].chunk(2, dim=1)
        scaled: Tensor = self.normalise(maps) * (1 + gain) + bias
        return scaled


class UpBlock(nn.Module):
    """Twice: norm, ReLU, convolution; the size doubles before the first, beside a 1x1 shortcut.

    Args:
        norm: feature maps => a `ConditionalNorm`.
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.norms = nn.ModuleList([norm(inputs), norm(outputs)])
        self.convolutions = nn.ModuleList([spectral_conv(inputs, outputs, 3), spectral_conv(outputs, outputs, 3)])
        self.shortcut = spectral_conv(inputs, outputs, 1)

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        """(N, inputs, S, S) => (N, outputs, 2S, 2S)."""
        hidden = self.convolutions[0](_doubled(relu(self.norms[0](maps, condition))))
        hidden = self.convolutions[1](relu(self.norms[1](hidden, condition)))
        # a 1x1 convolution and the doubling can be done in either order; this one is four times cheaper
        doubled: Tensor = hidden + _doubled(self.shortcut(maps))
        return doubled


def _doubled(maps: Tensor) -> Tensor:
    return interpolate(maps, scale_factor=2.0, mode="nearest")


class DownBlock(nn.Module):
    """Twice: ReLU, convolution; then the size halves, beside a 1x1 shortcut.

    Args:
        first: the input is the image, which no ReLU may cut.
        halve: False keeps the size, and the shortcut is then the input itself.
    """

    def __init__(self, inputs: int, outputs: int, *, first: bool = False, halve: bool = True) -> None:
        super().__init__()
        before = [] if first else [nn.ReLU()]
        pool = [nn.AvgPool2d(2)] if halve else []
        convolutions = spectral_conv(inputs, outputs, 3), nn.ReLU(), spectral_conv(outputs, outputs, 3)
        self.residual = nn.Sequential(*before, *convolutions, *pool)
        self.shortcut = nn.Sequential(*pool, spectral_conv(inputs, outputs, 1)) if halve else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, S, S) => (N, outputs, S/2, S/2)."""
        halved: Tensor = self.residual(maps) + self.shortcut(maps)
        return halved


class ResidualGenerator(nn.Module):
    """A vector and one condition for each block => images: a matrix, blocks from 4x4 up, norm, ReLU, convolution, tanh.

    Args:
        inputs: length of the vector.
        attention: `attended_size`.
        norm: feature maps => a `ConditionalNorm`, for the blocks.
        last: feature maps => the unconditional norm before the image.
    """

    def __init__(self, inputs: int, spec: DataSpec, filters: int, attention: int, *, norm: Norm, last: Norm) -> None:
        super().__init__()
        widths = residual_widths(spec.size, filters)[::-1]
        self.project = spectral_linear(inputs, widths[0] * 16)
        self.blocks = nn.ModuleList(UpBlock(wide, narrow, norm) for wide, narrow in pairwise(widths))
        self.attended = attended_size(attention, spec)
        self.attention = SelfAttention(dict(zip(_sizes(spec.size), widths))[self.attended])
        self.paint = nn.Sequential(last(filters), nn.ReLU(), spectral_conv(filters, spec.channels, 3), nn.Tanh())

    def forward(self, vector: Tensor, conditions: Sequence[Tensor]) -> Tensor:
        """(N, inputs) and as many conditions as blocks => (N, C, S, S) in [-1, 1]."""
        maps = self.project(vector).unflatten(1, (-1, 4, 4))
        for block, condition in zip(self.blocks, conditions, strict=True):
            maps = block(maps, condition)
            if maps.shape[-1] == self.attended:
                maps = self.attention(maps)
        images: Tensor = self.paint(maps)
        return images


def _sizes(size: int) -> list[int]:
    """4, 8, ..., size."""
    return [2**power for power in range(2, size.bit_length())]


def residual_trunk(spec: DataSpec, filters: int, attention: int) -> tuple[nn.Sequential, int]:
    """Images (N, C, S, S) => maps (N, W, 4, 4), no number below 0: a discriminator without its verdict; and W.

    Args:
        attention: `attended_size`.
    """
    widths = residual_widths(spec.size // 2, filters)
    attended = attended_size(attention, spec)
    blocks: list[nn.Module] = []
    for size, (inputs, outputs) in zip(_sizes(spec.size // 2)[::-1], pairwise([spec.channels, *widths])):
        blocks.append(DownBlock(inputs, outputs, first=not blocks))
        if size == attended:
            blocks.append(SelfAttention(outputs))
    return nn.Sequential(*blocks, DownBlock(widths[-1], widths[-1], halve=False), nn.ReLU()), widths[-1]


class ProjectionDiscriminator(nn.Module):
    """Scores s(x, y) = w . phi(x) + b + e_y . phi(x), with phi the last maps' sum (Miyato and Koyama 2018, equation 3).

    The last term, the projection on an embedding e_y of the class, is what p(y|x) of a log-linear model contributes to
    the optimal score. All weights have spectral norm 1, that of the embedding included.
    """

    def __init__(self, spec: DataSpec, filters: int, attention: int) -> None:
        super().__init__()
        self.blocks, width = residual_trunk(spec, filters, attention)
        self.judge = spectral_linear(width, 1)
        embedding = nn.Embedding(spec.classes, width)
        nn.init.orthogonal_(embedding.weight)
        self.embed = spectral(embedding)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (N, C, S, S) and classes (N,) => scores (N,); without classes, what is true of all: w . phi(x) + b."""
        features = self.blocks(images).sum((2, 3))
        scores: Tensor = self.judge(features).squeeze(1)
        return scores if labels is None else scores + (self.embed(labels) * features).sum(1)
