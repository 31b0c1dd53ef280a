"""Autoencoder: the yardstick for reconstruction, plain or sparse, which samples by a Gaussian over codes.

Hinton, Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 313, 2006,
https://doi.org/10.1126/science.1127647
Ng, "Sparse Autoencoder", CS294A lecture notes, 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf

Idea: E squeezes the image into a code h, G makes the image of it; what they lose is as little as a code of this width
allows. Sparse codes use few of their units for any one image:

    L = E[1/2 |x - G(E(x))|^2] + penalty
    none   0
    l1     l1_weight sum_j E|h_j|, of units that batch norm holds at variance 1, so that shrinking them gains nothing
    kl     kl_weight sum_j KL(activity || E[h_j]) of sigmoid units, Bernoulli distributions that want to be on as rarely
           as `activity` (Ng's rho and beta)

Sampling needs a prior: a normal distribution with the mean and the full covariance of the codes seen in training, kept
as running moments in the buffers of a third network, `prior`. The latents are e from N(0, 1) and the code of e is
mean + factor e, with the covariance's Cholesky factor; `encode` answers the e of an image's code. Samples show what
a Gaussian over codes is worth, which is little. `L1` in the log is the reconstruction's mean absolute error.

Deviations: convolutional networks in DCGAN's shape, trained at once by Adam instead of layer by layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from ganeval.errors import GanevalError
from reference_models.codes import absolute_error, image_encoder
from reference_models.layers import upward_stack
from reference_models.recipe import Batch, DataSpec, Encoder, Recipe, Turn

SLOWEST = 0.01
"""The weight of a batch in the running moments, from the hundredth batch on; until then all batches weigh the same."""


class CodePrior(nn.Module):
    """e (N, L) from N(0, 1) => codes (N, L) with the running mean and covariance of those seen."""

    mean: Tensor
    covariance: Tensor
    batches: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent))
        self.register_buffer("covariance", torch.eye(latent))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def see(self, codes: Tensor) -> None:
        """Move the moments towards those of a batch; the covariance takes in how far the mean is off."""
        self.batches += 1
        weight = (1 / self.batches).clamp(min=SLOWEST)
        off = codes.mean(0) - self.mean
        spread = torch.cov(codes.T, correction=0) + (1 - weight) * off.outer(off)
        self.covariance.lerp_(spread, weight)
        self.mean += weight * off

    def factor(self) -> Tensor:
        """The covariance's Cholesky factor, (L, L); a hundred-thousandth of the mean variance keeps it regular."""
        jitter = 1e-5 * self.covariance.diagonal().mean() + 1e-8
        factor: Tensor = torch.linalg.cholesky(self.covariance + jitter * torch.eye(len(self.mean)).to(self.mean))
        return factor

    def forward(self, e: Tensor) -> Tensor:
        codes: Tensor = self.mean + e @ self.factor().T
        return codes

    def whiten(self, codes: Tensor) -> Tensor:
        """Codes (N, L) => e (N, L): the inverse of `forward`."""
        e: Tensor = torch.linalg.solve_triangular(self.factor(), (codes - self.mean).T, upper=False)
        return e.T


def kl_sparsity(codes: Tensor, activity: float) -> Tensor:
    """Codes (N, L) in (0, 1) => sum over units of KL(activity || mean activation), in nats, at least 0."""
    wanted, found = torch.tensor(activity), codes.mean(0).clamp(1e-6, 1 - 1e-6)
    return (wanted * (wanted / found).log() + (1 - wanted) * ((1 - wanted) / (1 - found)).log()).sum()


@dataclass(frozen=True)
class Autoencoder(Recipe, Encoder):
    """Ng's sparsity parameters; a code about as wide as those of the GANs with encoders."""

    title: ClassVar[str] = "Autoencoder, plain or sparse"
    paper: ClassVar[str] = "Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647; Ng 2011"
    averaged: ClassVar[tuple[str, ...]] = ("E", "G")
    small: ClassVar[Mapping[str, Any]] = {"filters": 32, "batch_size": 32}

    batch_size: int = 100
    latent: int = 64
    filters: int = 64
    sparsity: Literal["none", "l1", "kl"] = "none"
    l1_weight: float = 0.1
    kl_weight: float = 3.0
    activity: float = 0.05
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.activity < 1:
            raise GanevalError(f"option 'activity' is {self.activity}: a share of time, expected between 0 and 1")

    def networks(self, spec: DataSpec) -> ModuleDict:
        """E, G, and the codes' prior."""
        encoder = image_encoder(spec, self.filters, self.latent)
        if self.sparsity == "l1":
            encoder.append(nn.BatchNorm1d(self.latent, affine=False))
        elif self.sparsity == "kl":
            encoder.append(nn.Sigmoid())
        return ModuleDict(
            {
                "E": encoder,
                "G": upward_stack(self.latent, spec, self.filters),
                "prior": CodePrior(self.latent),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with its own momentum."""
        return Adam(parameters, lr=self.learning_rate, fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """e from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        """The image of the latents' codes, (N, C, S, S)."""
        images: Tensor = nets["G"](nets["prior"](latents))
        return images

    def encode(self, nets: ModuleDict, images: Tensor) -> Tensor:
        """The code of each image in units of the prior, (N, latent)."""
        whitened: Tensor = _prior(nets).whiten(nets["E"](images))
        return whitened

    def turns(self) -> Sequence[Turn]:
        """One: E and G work together."""
        return [Turn("EG", ("E", "G"), self.loss)]

    def loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L in its two parts; the prior sees the codes."""
        codes = nets["E"](batch.real)
        again = nets["G"](codes)
        _prior(nets).see(codes)
        error = (batch.real - again).square().flatten(1).sum(1).mean() / 2
        sparsity = {"sparsity": self.penalty(codes)} if self.sparsity != "none" else {}
        return {"error": error, **sparsity, "L1": absolute_error(batch.real, again)}

    def penalty(self, codes: Tensor) -> Tensor:
        """The weighted penalty on codes (N, L) that are not sparse."""
        if self.sparsity == "l1":
            return self.l1_weight * codes.abs().sum(1).mean()
        return self.kl_weight * kl_sparsity(codes, self.activity)


def _prior(nets: ModuleDict) -> CodePrior:
    prior = nets["prior"]
    assert isinstance(prior, CodePrior)
    return prior
