"""Generators that are steered by styles: what stylegan and stylegan2 share."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from reference_models.layers import EqualisedLinear, PixelNorm
from reference_models.recipe import Batch, Recipe

AVERAGE_RATE = 0.005
"""Share of each batch in the running mean of w."""


class Synthesis(Protocol):
    """The part of a generator that paints styles (N, W), or (N, layers, W) for a style per layer."""

    layers: int

    def depth(self) -> int:
        """How many of the layers take part now."""


def mapping_network(width: int, depth: int, rate: float = 0.01) -> nn.Sequential:
    """z (N, width) => w (N, width): z scaled to the sphere, then `depth` layers that learn `rate` times as fast."""
    layers: list[nn.Module] = [PixelNorm()]
    for _ in range(depth):
        layers += [EqualisedLinear(width, width, rate=rate), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


class StyleGenerator(nn.Module):
    """z (N, L) => images (N, C, S, S): `synthesis` of `mapping` of z, in evaluation with w drawn towards its mean.

    Args:
        synthesis: a `Synthesis`.
        truncation: psi in w' = E[w] + psi (w - E[w]) (Karras et al. 2019, appendix B); 1 leaves w as it is.
    """

    average: Tensor

    def __init__(self, mapping: nn.Module, synthesis: nn.Module, *, width: int, truncation: float) -> None:
        super().__init__()
        self.mapping, self.synthesis, self.truncation = mapping, synthesis, truncation
        self.register_buffer("average", torch.zeros(width))

    def forward(self, z: Tensor, other: Tensor | None = None, crossover: Tensor | None = None) -> Tensor:
        """Latents (N, L) => images; with `other` (N, L), whose styles reign from layer `crossover` (N,) on."""
        w: Tensor = self.mapping(z)
        if self.training:
            self.average.lerp_(w.detach().float().mean(0), AVERAGE_RATE)
        else:
            w = torch.lerp(self.average, w.float(), self.truncation)
        if other is not None and crossover is not None:
            w = mixed_styles(w, self.mapping(other), crossover, cast(Synthesis, self.synthesis).layers)
        images: Tensor = self.synthesis(w)
        return images


def mixed_styles(first: Tensor, second: Tensor, crossover: Tensor, layers: int) -> Tensor:
    """w (N, W) of two latents => (N, layers, W): the first before layer `crossover` (N,), the second from there on."""
    later = torch.arange(layers, device=first.device) >= crossover[:, None]
    return torch.where(later[:, :, None], second[:, None], first[:, None])


def mixed_images(recipe: Recipe, generator: nn.Module, batch: Batch, mixing: float) -> Tensor:
    """Images of the batch's latents; a share `mixing` of them has the styles of two (Karras et al. 2019, section 3.1).

    So neighbouring layers cannot count on their styles to agree, and each one gets its own effect on the image.
    """
    z = recipe.drawn(batch)
    depth = cast(Synthesis, generator.synthesis).depth()
    other = recipe.latents(len(z), batch.rng)
    cut = torch.randint(1, depth, (len(z),), generator=batch.rng)
    mixed = torch.rand(len(z), generator=batch.rng) < mixing
    images: Tensor = generator(z, other.to(z.device), torch.where(mixed, cut, depth).to(z.device))
    return images


def per_layer(w: Tensor, layers: int) -> Tensor:
    """w (N, W) or (N, layers, W) => (N, layers, W)."""
    return w[:, None].expand(-1, layers, -1) if w.ndim == 2 else w


class Noise(nn.Module):
    """Maps (N, C, S, S) plus learnt strengths times one normal map: details that need no style.

    Drawn anew for every image in training. In evaluation it is always the same map, so that an image is a function of
    its latents alone, and a small step in w a small step of the image.

    Args:
        strengths: one for each feature map, or 1 for all of them.
    """

    still: Tensor

    def __init__(self, size: int, strengths: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(strengths, 1, 1))
        self.register_buffer("still", torch.randn(1, 1, size, size))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, S, S) => the same shape."""
        noise = torch.randn(len(maps), 1, *maps.shape[2:], device=maps.device) if self.training else self.still
        return maps + self.strength * noise.to(maps)


def smoothly_doubled(maps: Tensor) -> Tensor:
    """(N, C, S, S) => (N, C, 2S, 2S), interpolated bilinearly (zeros beyond the border)."""
    return conv_transpose2d(maps, _binomial(maps) * 4, stride=2, padding=1, groups=maps.shape[1])


def smoothly_halved(maps: Tensor) -> Tensor:
    """(N, C, S, S) => (N, C, S/2, S/2), low-passed by 1-3-3-1 in both directions (zeros beyond the border)."""
    return conv2d(maps, _binomial(maps), stride=2, padding=1, groups=maps.shape[1])


def _binomial(maps: Tensor) -> Tensor:
    """The low-pass filter for each of the maps, (C, 1, 4, 4), of sum 1: what [1, 2, 1] is after or before doubling."""
    taps = maps.new_tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return taps.outer(taps).expand(maps.shape[1], 1, 4, 4)


class SmoothHalf(nn.Module):
    """`smoothly_halved` as a layer."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, S, S) => (N, C, S/2, S/2)."""
        return smoothly_halved(maps)
