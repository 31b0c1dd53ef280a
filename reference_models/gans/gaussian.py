"""Gaussian: the yardstick that knows means and covariances of pixels and nothing else.

No GAN and no paper: the maximum-likelihood normal distribution of the images as vectors, in the space of their first
`components` principal components (all that the data spans, where there are fewer). A GAN that cannot beat it has
learnt less than second-order statistics.

    x = m + sum_k s_k e_k v_k,    e ~ N(0, 1)

with the mean m, the principal directions v_k and the standard deviations s_k along them. Samples are cut to [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.recipe import DataSpec, Fitted


class Normal(nn.Module):
    """e (N, K) => images (N, C, S, S) in [-1, 1]."""

    mean: Tensor
    directions: Tensor

    def __init__(self, spec: DataSpec, components: int) -> None:
        super().__init__()
        self.shape = (spec.channels, spec.size, spec.size)
        pixels = spec.channels * spec.size**2
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("directions", torch.zeros(components, pixels))

    def forward(self, e: Tensor) -> Tensor:
        return (self.mean + e @ self.directions).clamp(-1, 1).view(len(e), *self.shape)


@dataclass(frozen=True)
class Gaussian(Fitted):
    """As many components as explain nearly all of the variance of small images."""

    title: ClassVar[str] = "Gaussian in the space of principal components"
    paper: ClassVar[str] = "none: a yardstick"

    batch_size: int = 256
    components: int = 512

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G alone."""
        return ModuleDict({"G": Normal(spec, self.components)})

    def fit(self, nets: ModuleDict, batches: Callable[[], Iterator[Tensor]], rng: torch.Generator) -> None:
        """Mean and covariance in float64, then the largest eigenvectors, scaled by their standard deviations."""
        count = sum(len(batch) for batch in batches())
        mean = sum((batch.flatten(1).double().sum(0) for batch in batches()), torch.zeros(())) / count
        scatter = sum((_scatter(batch, mean) for batch in batches()), torch.zeros(()))
        variances, vectors = torch.linalg.eigh(scatter / max(count - 1, 1))
        kept = min(self.components, len(variances))
        scaled = vectors[:, -kept:].T * variances[-kept:, None].clamp(min=0).sqrt()
        normal = nets["G"]
        assert isinstance(normal, Normal)
        normal.mean.copy_(mean)
        normal.directions[:kept] = scaled.float()

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """e from N(0, 1), (n, components)."""
        return torch.randn(n, self.components, generator=rng)


def _scatter(batch: Tensor, mean: Tensor) -> Tensor:
    centred = batch.flatten(1).double() - mean
    return centred.T @ centred
