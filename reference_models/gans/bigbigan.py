"""BigBiGAN: BiGAN on BigGAN's networks, with a discriminator that also judges images and codes on their own.

Donahue, Simonyan, "Large Scale Adversarial Representation Learning", NeurIPS 2019, https://arxiv.org/abs/1907.02544

Idea: E codes real images, G draws codes' images, D tells the pairs apart (see bigan). D has three parts: F sees the
image, H reads the code, J compares what both found; each gives every pair a score of its own,

    s_x = w_x F(x),    s_z = w_z H(z),    s_xz = w_xz J(F(x), H(z)),

so G learns to paint and E to match the prior even before the pairs make sense. With y = +1 for pairs (x, E(x)), y = -1
for pairs (G(z), z), and h(t) = max(0, 1 - t):

    L_D  = E[h(y s_x) + h(y s_z) + h(y s_xz)]
    L_EG = E[y (s_x + s_z + s_xz)]

each the sum over both kinds of pairs. E is stochastic: z = mean + softplus(.) e with e from N(0, 1), so it cannot hide
in the code what the prior has no room for. All weights but E's are spectrally normalised. `L1` in the log is the error
of G(E(x)), which nothing minimises.

Deviations: any size, in the residual shape of biggan here; the batch norms of G are conditioned on all of z (as in
BigGAN-deep) instead of chunks of it; E is DCGAN's stack on images of G's size instead of a ResNet on larger ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import relu, softplus
from torch.optim import Adam, Optimizer

from reference_models.codes import NormalCodes, image_encoder, watched_error
from reference_models.losses import hinge
from reference_models.recipe import Batch, DataSpec, Encoder, Recipe, Turn
from reference_models.residual import ConditionalNorm, ResidualGenerator, residual_trunk, spectral_linear


class Generator(nn.Module):
    """z (N, L) => images (N, C, S, S) in [-1, 1]: gains and biases of all batch norms in blocks are linear in z."""

    def __init__(self, spec: DataSpec, latent: int, filters: int, attention: int) -> None:
        super().__init__()

        def norm(width: int) -> nn.Module:
            return ConditionalNorm(nn.BatchNorm2d(width, affine=False), spectral_linear(latent, 2 * width, bias=False))

        self.body = ResidualGenerator(latent, spec, filters, attention, norm=norm, last=nn.BatchNorm2d)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, L) => (N, C, S, S)."""
        images: Tensor = self.body(z, [z] * len(self.body.blocks))
        return images


class ResidualMLP(nn.Module):
    """(N, inputs) => (N, units): a linear layer, then two residual blocks of two layers."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.start = spectral_linear(inputs, units)
        self.blocks = nn.ModuleList([self.block(units) for _ in range(2)])

    @staticmethod
    def block(units: int) -> nn.Module:
        """What one block adds."""
        return nn.Sequential(nn.ReLU(), spectral_linear(units, units), nn.ReLU(), spectral_linear(units, units))

    def forward(self, rows: Tensor) -> Tensor:
        rows = self.start(rows)
        for block in self.blocks:
            rows = rows + block(rows)
        return relu(rows)


class Discriminator(nn.Module):
    """Images (N, C, S, S) and codes (N, L) => scores (N, 3): s_x, s_z, s_xz."""

    def __init__(self, spec: DataSpec, latent: int, filters: int, attention: int, units: int) -> None:
        super().__init__()
        self.F, width = residual_trunk(spec, filters, attention)
        self.H = ResidualMLP(latent, units)
        self.J = ResidualMLP(width + units, units)
        self.scores = nn.ModuleList([spectral_linear(wide, 1) for wide in (width, units, units)])

    def forward(self, images: Tensor, codes: Tensor) -> Tensor:
        seen, read = self.F(images).sum((2, 3)), self.H(codes)
        found = seen, read, self.J(torch.cat([seen, read], dim=1))
        return torch.cat([score(rows) for score, rows in zip(self.scores, found)], dim=1)


@dataclass(frozen=True)
class BigBiGAN(Recipe, Encoder):
    """BigGAN's settings, with an encoder that learns ten times as fast as G."""

    title: ClassVar[str] = "BigBiGAN: large-scale adversarial representation learning"
    paper: ClassVar[str] = "Donahue and Simonyan 2019, arXiv:1907.02544"
    averaged: ClassVar[tuple[str, ...]] = ("E", "G")
    small: ClassVar[Mapping[str, Any]] = {
        "filters": 16,
        "batch_size": 24,
        "units": 128,
        "latent": 16,
        "attention": 8,
        "generator_rate": 4e-4,
        "encoder_rate": 2e-3,
        "discriminator_rate": 8e-4,
        "beta2": 0.9,
    }

    batch_size: int = 2048
    latent: int = 120
    filters: int = 96
    attention: int = 64
    units: int = 2048
    discriminator_steps: int = 2
    generator_rate: float = 5e-5
    encoder_rate: float = 5e-4
    discriminator_rate: float = 2e-4
    beta1: float = 0.0
    beta2: float = 0.999

    def networks(self, spec: DataSpec) -> ModuleDict:
        """E, with (N, 2 L) answers, G and D, which holds F, H and J."""
        return ModuleDict(
            {
                "E": image_encoder(spec, self.filters, 2 * self.latent),
                "G": Generator(spec, self.latent, self.filters, self.attention),
                "D": Discriminator(spec, self.latent, self.filters, self.attention, self.units),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam, with a learning rate for each network."""
        rate = {"E": self.encoder_rate, "G": self.generator_rate, "D": self.discriminator_rate}[network]
        return Adam(parameters, lr=rate, betas=(self.beta1, self.beta2), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def posterior(self, nets: ModuleDict, images: Tensor) -> NormalCodes:
        """The codes' distribution for each image; its deviation is softplus of E's second half."""
        mean, spread = nets["E"](images).chunk(2, dim=1)
        return NormalCodes(mean, 2 * softplus(spread).log())

    def encode(self, nets: ModuleDict, images: Tensor) -> Tensor:
        """The mean code, (N, latent)."""
        return self.posterior(nets, images).mean

    def turns(self) -> Sequence[Turn]:
        """D on a fresh batch at each of its steps, then E and G together on the last batch's pairs."""
        return [
            Turn("D", ("D",), self.discriminator_loss, repeat=self.discriminator_steps),
            Turn("EG", ("E", "G"), self.pair_loss),
        ]

    def scores(self, nets: ModuleDict, batch: Batch, *, detached: bool) -> tuple[Tensor, Tensor]:
        """Scores (N, 3) of the pairs (x, E(x)) and (G(z), z); E and G run once per batch."""
        codes = batch.once("codes", lambda: self.posterior(nets, batch.real).draw(batch.rng))
        images = self.fake(nets, batch)
        if detached:
            codes, images = codes.detach(), images.detach()
        pairs = torch.cat([batch.real, images]), torch.cat([codes, self.drawn(batch)])
        encoded, generated = nets["D"](*pairs).chunk(2)
        return encoded, generated

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D, and how far apart each score holds the two kinds of pairs."""
        encoded, generated = self.scores(nets, batch, detached=True)
        gaps = (encoded - generated).detach().mean(0)
        return {
            "loss D": sum((hinge(*both) for both in zip(encoded.unbind(1), generated.unbind(1))), torch.zeros(())),
            **{f"gap {name}": gap for name, gap in zip(("s_x", "s_z", "s_xz"), gaps)},
        }

    def pair_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_EG."""
        encoded, generated = self.scores(nets, batch, detached=False)
        return {"loss EG": (encoded - generated).sum(1).mean(), "L1": watched_error(self, nets, batch)}
