"""PCA: the linear yardstick for encoders, and a Gaussian of few directions.

Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space", Philosophical Magazine 1901,
https://doi.org/10.1080/14786440109462720

Idea: no other linear code of K numbers leaves a smaller squared error. With the images' mean m, the eigenvectors v_k of
their covariance and the standard deviations s_k along them,

    E(x)_k = v_k . (x - m) / s_k        G(z) = m + sum_k s_k z_k v_k

Codes of the training images have mean 0 and covariance 1, so samples are G(z) of z from N(0, 1), cut to [-1, 1]. An
encoder that reconstructs no better has learnt nothing that is not linear. In the log: `explained`, the share of the
variance that the directions have, and `L1`, the mean absolute error of G(E(x)) over the training images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor
from torch.nn import ModuleDict

from reference_models.codes import absolute_error
from reference_models.components import PrincipalComponents
from reference_models.recipe import Batches, DataSpec, Encoder, Fitted


@dataclass(frozen=True)
class PCA(Fitted, Encoder):
    """As many directions as the autoencoder has numbers in its code."""

    title: ClassVar[str] = "Principal components with Gaussian coefficients"
    paper: ClassVar[str] = "Pearson 1901, doi:10.1080/14786440109462720: a yardstick"

    batch_size: int = 256
    components: int = 64

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G alone: it goes both ways."""
        return ModuleDict({"G": PrincipalComponents(spec, self.components)})

    def fit(self, nets: ModuleDict, batches: Batches, rng: torch.Generator) -> dict[str, float]:
        """Mean, directions and deviations, then what they leave over."""
        found = cast(PrincipalComponents, nets["G"]).fit(batches, rng)
        errors, counts = torch.zeros(2, dtype=torch.float64).unbind()
        for images in batches():
            again = self.reconstruct(nets, images, torch.zeros(len(images), dtype=torch.int64))
            errors += len(images) * absolute_error(images, again)
            counts += len(images)
        return {**found, "L1": float(errors / counts)}

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, components)."""
        return torch.randn(n, self.components, generator=rng)

    def encode(self, nets: ModuleDict, images: Tensor) -> Tensor:
        """z, (N, components); 0 along directions that the data does not have."""
        net = cast(PrincipalComponents, nets["G"])
        z = net.coordinates(images) / net.deviations.where(net.deviations > 0, torch.inf)
        return torch.nn.functional.pad(z, [0, self.components - z.shape[1]])
