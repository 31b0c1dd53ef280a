"""Features that a discriminator's are measured against: images => rows, each in a few lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import unfold

Features = Callable[[Tensor], Tensor]
"""uint8 (N, C, S, S) => float32 (N, D) on the CPU."""

PATCH = 6
_COMPONENTS, _PATCHES, _ROUNDS = 256, 50_000, 10


def raw_pixels(images: Tensor) -> Tensor:
    """Flattened, in [-1, 1]."""
    return images.flatten(1).float() / 127.5 - 1


def principal_components(images: Tensor) -> Features:
    """Pixels on the 256 directions of largest variance of `images`, (N, C, S, S), or as many as there are."""
    rows = raw_pixels(images)
    mean = rows.mean(0)
    centred = (rows - mean).double()
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    basis = vectors[:, -_COMPONENTS:].float()
    return lambda some: (raw_pixels(some) - mean) @ basis


@dataclass(frozen=True)
class PatchDictionary:
    """Single-layer k-means features (Coates, Ng, Lee 2011): whitened patches, soft distances to K centroids, pooled.

    Attributes:
        mean, whitening: of normalised patches, (P,) and (P, P).
        centroids: (K, P), of whitened patches.
        offset, scale: that bring each of the 4K features to mean 0 and variance 1.
    """

    mean: Tensor
    whitening: Tensor
    centroids: Tensor
    offset: Tensor | float = 0.0
    scale: Tensor | float = 1.0

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (N, C, S, S) => float32 (N, 4K)."""
        return torch.cat([self._rows(part) for part in torch.split(images, 4)])

    def _rows(self, images: Tensor) -> Tensor:
        patches = _normalised(unfold(images.float(), PATCH).mT)  # (N, places, P)
        side = math.isqrt(patches.shape[1])
        white = (patches - self.mean) @ self.whitening
        centroids = self.centroids.T.expand(len(images), -1, -1)
        # in place, and few images at a time: fresh memory of this size costs more than the products
        squares = white.square().sum(2, keepdim=True) + self.centroids.square().sum(1)
        distances = squares.baddbmm_(white, centroids, alpha=-2).clamp_(min=0).sqrt_()
        # the triangle: how much nearer than on average
        near = (distances.mean(2, keepdim=True) - distances).clamp_(min=0).view(len(images), side, side, -1)
        half = side // 2
        quadrants = [near[:, rows, columns].sum((1, 2)) for rows in _halves(half) for columns in _halves(half)]
        return (torch.cat(quadrants, 1) - self.offset) / self.scale


def _halves(half: int) -> tuple[slice, slice]:
    return slice(None, half), slice(half, None)


def patch_dictionary(images: Tensor, centroids: int, rng: torch.Generator) -> PatchDictionary:
    """Learnt on patches of 6x6 at random places of `images`, uint8 (N, C, S, S), with ten rounds of k-means."""
    patches = _normalised(_random_patches(images, rng))
    mean = patches.mean(0)
    covariance = (patches - mean).T.double() @ (patches - mean).double() / len(patches)
    values, vectors = torch.linalg.eigh(covariance)
    whitening = ((vectors / (values.clamp(min=0) + 0.1).sqrt()) @ vectors.T).float()
    white = (patches - mean) @ whitening
    found = white[torch.randperm(len(white), generator=rng)[:centroids]].clone()
    for _ in range(_ROUNDS):
        nearest = torch.cat(
            [(found.square().sum(1) - 2 * part @ found.T).argmin(1) for part in torch.split(white, 5000)]
        )
        counts = torch.bincount(nearest, minlength=len(found))
        sums = torch.zeros_like(found).index_add_(0, nearest, white)
        found = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], found)
    plain = PatchDictionary(mean, whitening, found)
    sample = plain(images[:1000])
    return PatchDictionary(mean, whitening, found, sample.mean(0), (sample.var(0) + 0.01).sqrt())


def _random_patches(images: Tensor, rng: torch.Generator) -> Tensor:
    count, side = _PATCHES, images.shape[2] - PATCH + 1
    which = torch.randint(len(images), (count,), generator=rng)
    top, left = (torch.randint(side, (count,), generator=rng) for _ in range(2))
    around = torch.arange(PATCH)
    rows, columns = (top[:, None] + around)[:, None, :, None], (left[:, None] + around)[:, None, None, :]
    channels = torch.arange(images.shape[1])[None, :, None, None]
    return images[which[:, None, None, None], channels, rows, columns].flatten(1).float()


def _normalised(patches: Tensor) -> Tensor:
    """Each patch with mean 0 and variance 1, up to 10 grey levels squared, as in the paper."""
    centred = patches - patches.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 10).sqrt()
