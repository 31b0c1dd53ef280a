"""SAGAN: attention lets every place of an image look at every other, not only at its neighbours.

Zhang, Goodfellow, Metaxas, Odena, "Self-Attention Generative Adversarial Networks", ICML 2019,
https://arxiv.org/abs/1805.08318

Idea: convolutions see few pixels at a time, so that textures come out well and shapes do not. Between two blocks of G,
and of D, the features x_j of each place receive a weighted sum over all places, through a gate gamma that starts at 0:

    b_ji = softmax over i of f(x_i) . g(x_j)         o_j = v(sum_i b_ji h(x_i))         y_j = x_j + gamma o_j

Two habits steady the game: spectral normalisation in G as well as in D, and D learning four times as fast as G (the
two time scale rule of Heusel et al. 2017) instead of several steps of D for each of G. Classes enter G as the gain and
bias of its batch norms, and D as a projection:

    D(x, y) = w . phi(x) + b + e_y . phi(x)
    L_D = E[max(0, 1 - D(x, y))] + E[max(0, 1 + D(G(z, y), y))]
    L_G = -E[D(G(z, y), y)]

Generated images take the classes of the real ones beside them.

Reported: on ImageNet at 128x128 an Inception score of 52.52 and an FID of 18.65 (abstract).

Deviations: any power-of-two size, one block per doubling from 4x4 (widths as in the authors' 128x128 network: `filters`
at the image, doubling up to 16 x `filters`); orthogonal initial weights; a moving average of G for samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from reference_models.losses import hinge, mean_scores
from reference_models.recipe import Batch, DataSpec, Recipe, Turn
from reference_models.residual import ConditionalNorm, ProjectionDiscriminator, ResidualGenerator


class Generator(nn.Module):
    """z (N, L) and classes (N,) => images (N, C, S, S) in [-1, 1]: each class has its own gains and biases."""

    def __init__(self, spec: DataSpec, latent: int, filters: int, attention: int) -> None:
        super().__init__()

        def norm(width: int) -> nn.Module:
            affine = nn.Embedding(spec.classes, 2 * width)
            nn.init.zeros_(affine.weight)
            return ConditionalNorm(nn.BatchNorm2d(width, affine=False), affine)

        self.body = ResidualGenerator(latent, spec, filters, attention, norm=norm, last=nn.BatchNorm2d)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """z (N, L), classes (N,) => (N, C, S, S)."""
        images: Tensor = self.body(z, [labels] * len(self.body.blocks))
        return images


@dataclass(frozen=True)
class SAGAN(Recipe):
    """The paper's settings for ImageNet at 128x128, with the attention at 32x32 that it found best."""

    title: ClassVar[str] = "Self-attention GAN"
    paper: ClassVar[str] = "Zhang et al. 2019, arXiv:1805.08318"
    conditional: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {
        "batch_size": 24,
        "filters": 16,
        "attention": 8,
        "generator_rate": 4e-4,
        "discriminator_rate": 1.6e-3,
    }

    batch_size: int = 256
    latent: int = 128
    filters: int = 64
    attention: int = 32
    generator_rate: float = 1e-4
    discriminator_rate: float = 4e-4
    beta1: float = 0.0
    beta2: float = 0.9

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        return ModuleDict(
            {
                "G": Generator(spec, self.latent, self.filters, self.attention),
                "D": ProjectionDiscriminator(spec, self.filters, self.attention),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam on two time scales."""
        rate = {"G": self.generator_rate, "D": self.discriminator_rate}[network]
        return Adam(parameters, lr=rate, betas=(self.beta1, self.beta2), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        """Images of the classes asked for."""
        images: Tensor = nets["G"](latents, labels)
        return images

    def turns(self) -> Sequence[Turn]:
        """D, then G on the same latents."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D; without batch norm in D, real and fake images share one forward pass."""
        images = torch.cat([batch.real, self.fake(nets, batch).detach()])
        real, fake = nets["D"](images, batch.labels.repeat(2)).chunk(2)
        return {"loss D": hinge(real, fake), **mean_scores(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        return {"loss G": -nets["D"](self.fake(nets, batch), batch.labels).mean()}
