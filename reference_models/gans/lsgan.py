"""LSGAN: least squares instead of cross-entropy.

Mao, Li, Xie, Lau, Wang, Smolley, "Least Squares Generative Adversarial Networks", ICCV 2017,
https://arxiv.org/abs/1611.04076

Idea: cross-entropy is content with samples on the right side of the decision boundary, however far away; squares pull
them back to it, so that samples that already fool D still teach G. D is asked for b on data and a on samples, G asks
for c:

    L_D = 1/2 E[(D(x) - b)^2] + 1/2 E[(D(G(z)) - a)^2]
    L_G = 1/2 E[(D(G(z)) - c)^2]

    coding=0-1     a = 0, b = 1, c = 1: samples are to look like data (the paper's equation 9 and its experiments)
    coding=-1-1    a = -1, b = 1, c = 0: b - c = 1 and b - a = 2, for which L_G is Pearson's chi-squared divergence
                   between (data + samples) and 2 x samples (equation 8)

Networks: the paper's D is DCGAN's; its G follows the first doublings of the size with a convolution that keeps it.

Deviations: sizes other than 112 by one stage per doubling from 4x4, of which all but the last two have the additional
convolution (at least the first); widths double up to 8 x `filters` in D and 4 x `filters` in G, as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from reference_models.layers import downward_stack, stack_features, up, verdict
from reference_models.losses import mean_scores
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


def generator(spec: DataSpec, latent: int, filters: int, kernel: int) -> nn.Module:
    """z (N, L) => images (N, C, S, S) in [-1, 1]."""
    stages = spec.size.bit_length() - 3
    width = 4 * filters
    layers: list[nn.Module] = [nn.Linear(latent, width * 16), nn.Unflatten(1, (width, 4, 4))]
    for stage in range(stages):
        # the paper's widths, from the end: 64, 128, 256, 256 ...
        narrow = min(4, 2 ** (stages - 1 - stage)) * filters
        layers += [*normed(width), up(width, narrow, kernel)]
        if stage < max(1, stages - 2):
            layers += [*normed(narrow), nn.Conv2d(narrow, narrow, kernel, padding="same")]
        width = narrow
    return nn.Sequential(*layers, *normed(width), nn.Conv2d(width, spec.channels, kernel, padding="same"), nn.Tanh())


def normed(width: int) -> list[nn.Module]:
    """What comes between two convolutions."""
    return [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]


@dataclass(frozen=True)
class LSGAN(Recipe):
    """The paper's experiments on LSUN."""

    title: ClassVar[str] = "Least squares GAN"
    paper: ClassVar[str] = "Mao et al. 2016, arXiv:1611.04076"
    small: ClassVar[Mapping[str, Any]] = {"filters": 24, "batch_size": 24, "kernel": 3, "latent": 100}

    batch_size: int = 64
    coding: Literal["0-1", "-1-1"] = "0-1"
    latent: int = 1024
    filters: int = 64
    kernel: int = 5
    learning_rate: float = 1e-3
    beta1: float = 0.5

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        stack = downward_stack(spec.channels, spec, self.filters, kernel=self.kernel)
        return ModuleDict(
            {
                "G": generator(spec, self.latent, self.filters, self.kernel),
                "D": verdict(stack, stack_features(spec, self.filters)),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with the momentum lowered to 0.5."""
        return Adam(parameters, lr=self.learning_rate, betas=(self.beta1, 0.999), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z uniform in [-1, 1], (n, latent)."""
        return torch.rand(n, self.latent, generator=rng) * 2 - 1

    def turns(self) -> Sequence[Turn]:
        """D, then G on the same latents."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def codes(self) -> tuple[float, float, float]:
        """a, b and c."""
        return (0.0, 1.0, 1.0) if self.coding == "0-1" else (-1.0, 1.0, 0.0)

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D; real and fake images go through D apart, each with its own batch statistics."""
        a, b, _ = self.codes()
        real = nets["D"](batch.real)
        fake = nets["D"](self.fake(nets, batch).detach())
        loss = ((real - b).square().mean() + (fake - a).square().mean()) / 2
        return {"loss D": loss, **mean_scores(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        _, _, c = self.codes()
        return {"loss G": (nets["D"](self.fake(nets, batch)) - c).square().mean() / 2}
