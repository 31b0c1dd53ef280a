"""Hinge: the margin of a support vector machine as the game, with a spectrally normalised discriminator.

Lim, Ye, "Geometric GAN", 2017, https://arxiv.org/abs/1705.02894
Miyato, Kataoka, Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks", ICLR 2018,
https://arxiv.org/abs/1802.05957

Idea: D separates data from samples with a margin and forgets what lies beyond it; G moves samples along the normal of
the separating hyperplane. Dividing each of D's weight matrices by its largest singular value makes every layer
1-Lipschitz, so D's gradient, which is all that G learns from, stays bounded without a penalty:

    L_D = E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]
    L_G = -E[D(G(z))]

This pair of loss and normalisation is what sagan and biggan build upon. `norm=batch` is the geometric GAN as first
published: DCGAN's discriminator, with batch norm.

Networks: the D of Miyato et al.'s standard CNN, DCGAN's G.

Deviations: any power-of-two size, by one stage per halving to 4x4 (widths double up to 8 x `filters`); the standard
CNN's G is twice as wide and ends in one more convolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from reference_models.layers import downward_stack, spectral, stack_features, stage_widths, upward_stack, verdict
from reference_models.losses import hinge, mean_scores
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


def standard_cnn(spec: DataSpec, filters: int) -> nn.Module:
    """Images (N, C, S, S) => scores (N,): 3x3 and halving 4x4 convolutions in turn down to 4x4, and one more 3x3."""
    *halved, last = stage_widths(2 * spec.size, filters)
    layers: list[nn.Module] = []
    inputs = spec.channels
    for width in halved:
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.LeakyReLU(0.1, inplace=True)]
        layers += [nn.Conv2d(width, width, 4, stride=2, padding=1), nn.LeakyReLU(0.1, inplace=True)]
        inputs = width
    layers += [nn.Conv2d(inputs, last, 3, padding=1), nn.LeakyReLU(0.1, inplace=True), nn.Flatten()]
    return verdict(nn.Sequential(*layers), 16 * last)


def discriminator(spec: DataSpec, filters: int, norm: Literal["spectral", "batch"]) -> nn.Module:
    """Images (N, C, S, S) => scores (N,)."""
    if norm == "spectral":
        return spectral(standard_cnn(spec, filters))
    return verdict(downward_stack(spec.channels, spec, filters), stack_features(spec, filters))


@dataclass(frozen=True)
class Hinge(Recipe):
    """Miyato et al.'s settings for the standard CNN, one step of D for each of G's (their setting C)."""

    title: ClassVar[str] = "Hinge loss (geometric GAN) with spectral normalisation"
    paper: ClassVar[str] = "Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957"
    small: ClassVar[Mapping[str, Any]] = {"filters": 24, "batch_size": 24, "learning_rate": 6e-4}

    batch_size: int = 64
    norm: Literal["spectral", "batch"] = "spectral"
    latent: int = 128
    filters: int = 64
    discriminator_steps: int = 1
    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        return ModuleDict(
            {
                "G": upward_stack(self.latent, spec, self.filters),
                "D": discriminator(spec, self.filters, self.norm),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam, for both networks."""
        return Adam(parameters, lr=self.learning_rate, betas=(self.beta1, self.beta2), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def turns(self) -> Sequence[Turn]:
        """D on a fresh batch at each of its steps, then G on the last batch's latents."""
        return [
            Turn("D", ("D",), self.discriminator_loss, repeat=self.discriminator_steps),
            Turn("G", ("G",), self.generator_loss),
        ]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D; real and fake images go through D apart, for the batch statistics of `norm=batch`."""
        real = nets["D"](batch.real)
        fake = nets["D"](self.fake(nets, batch).detach())
        return {"loss D": hinge(real, fake), **mean_scores(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        return {"loss G": -nets["D"](self.fake(nets, batch)).mean()}
