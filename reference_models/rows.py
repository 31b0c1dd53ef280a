"""Images as vectors, and samples that need as many draws as images have pixels: for the yardsticks that are no GANs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ganeval.errors import GanevalError
from reference_models.recipe import DataSpec


def row_width(spec: DataSpec) -> int:
    """Numbers in an image without its margin: channels x height x width.

    >>> row_width(DataSpec(32, 1, margin=2))
    784
    """
    return spec.channels * (spec.size - 2 * spec.margin) ** 2


def to_rows(images: Tensor, spec: DataSpec) -> Tensor:
    """(N, C, S, S) => (N, P) without the margin, which is the same in all images."""
    inner = slice(spec.margin, spec.size - spec.margin)
    return images[..., inner, inner].flatten(1)


def to_images(rows: Tensor, spec: DataSpec) -> Tensor:
    """(N, P) => (N, C, S, S), cut to [-1, 1], with a black margin: the inverse of `to_rows`."""
    inner = spec.size - 2 * spec.margin
    return pad(rows.clamp(-1, 1).view(len(rows), spec.channels, inner, inner), [spec.margin] * 4, value=-1.0)


def seed_latents(n: int, rng: torch.Generator) -> Tensor:
    """A number of 62 bits for each sample, int64 (n, 1): the latent of a model that draws pixel by pixel."""
    return torch.randint(2**62, (n, 1), generator=rng)


def own_draws(latents: Tensor) -> list[np.random.Generator]:
    """`seed_latents` => a generator for each sample, so that a sample depends on no other.

    Raises:
        GanevalError: the latents are no such numbers, as in the middle of a path.
    """
    if latents.is_floating_point():
        raise GanevalError(
            "the latents of this model only number its draws: no path leads from one image to another. Take pca or "
            "gaussian, or leave the path length out"
        )
    return [np.random.default_rng(int(number)) for number in latents.flatten()]
