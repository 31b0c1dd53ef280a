"""Gaussian: the yardstick that knows means and covariances of pixels and nothing else.

No GAN and no paper: the maximum-likelihood normal distribution of the images as vectors. A GAN that cannot beat it has
learnt less than second-order statistics.

    x = m + sum_k s_k e_k v_k,    e ~ N(0, 1)

with the mean m, the principal directions v_k and the standard deviations s_k along them. Two spaces:

    pixels  all directions, which is the whole covariance, for images of up to 4096 numbers (64x64 grey, 32x32 RGB); of
            larger ones the leading `components`, found by a randomised method
    pca     the leading `components`, whatever the size

Samples are cut to [-1, 1]. `explained` in the log is the share of the variance that the directions have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor
from torch.nn import ModuleDict

from reference_models.components import EXACT, PrincipalComponents
from reference_models.recipe import Batches, DataSpec, Fitted
from reference_models.rows import row_width


@dataclass(frozen=True)
class Gaussian(Fitted):
    """The whole covariance, where it can be had."""

    title: ClassVar[str] = "Gaussian of pixels, or in the space of principal components"
    paper: ClassVar[str] = "none: a yardstick"

    batch_size: int = 256
    space: Literal["pixels", "pca"] = "pixels"
    components: int = 512

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G alone."""
        exact = self.space == "pixels" and row_width(spec) <= EXACT
        return ModuleDict({"G": PrincipalComponents(spec, EXACT if exact else self.components)})

    def fit(self, nets: ModuleDict, batches: Batches, rng: torch.Generator) -> dict[str, float]:
        """Mean, directions and deviations."""
        return cast(PrincipalComponents, nets["G"]).fit(batches, rng)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """e from N(0, 1): (n, 4096) for pixels, of which G takes as many as it has directions, or (n, components)."""
        return torch.randn(n, EXACT if self.space == "pixels" else self.components, generator=rng)
