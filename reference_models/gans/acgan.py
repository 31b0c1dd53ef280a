"""AC-GAN: the discriminator names the class as well, and the generator is rewarded for images that show theirs.

Odena, Olah, Shlens, "Conditional Image Synthesis with Auxiliary Classifier GANs", ICML 2017,
https://arxiv.org/abs/1610.09585

Idea: G gets the class c beside the noise; D does not see c but has to find it, with a second output next to the verdict
on the source. With P(S|X) and P(C|X) from D's outputs, by sigmoid and softmax:

    L_S = E[log P(S=real|x)] + E[log P(S=fake|G(z, c))]
    L_C = E[log P(C=c|x)]    + E[log P(C=c|G(z, c))]
    D maximises L_S + w L_C,    G maximises w L_C - L_S

G moves the terms of its own images only, and takes the non-saturating form of the first: E[log P(S=real|G(z, c))].
The paper's weight w is 1. Samples get more typical of their class than real images are, and less diverse, as w grows.

Networks: those for CIFAR-10. G has DCGAN's shape; D pairs a halving convolution with one that keeps the size, three
times, with dropout after each.

Deviations: batch norm after G's linear layer, too; no noise on activations (one of the values that the paper tried);
widths of G for sizes other than 32 by one stage per doubling from 4x4 (they double up to 8 x `filters`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import cross_entropy as classification
from torch.nn.functional import softplus
from torch.optim import Adam, Optimizer

from reference_models.layers import WithClass, dcgan_initialise, upward_stack
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


def discriminator(spec: DataSpec, filters: int, dropout: float) -> nn.Module:
    """Images (N, C, S, S) => (N, 1 + classes): the logit of being real, and those of the classes."""
    layers: list[nn.Module] = []
    inputs = spec.channels
    for depth in range(6):
        width = filters * 2**depth
        layers.append(nn.Conv2d(inputs, width, 3, stride=2 - depth % 2, padding=1))
        layers += [nn.BatchNorm2d(width)] if depth else []
        layers += [nn.LeakyReLU(0.2, inplace=True), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * (spec.size // 8) ** 2, 1 + spec.classes))


@dataclass(frozen=True)
class ACGAN(Recipe):
    """The paper's settings for CIFAR-10."""

    title: ClassVar[str] = "Auxiliary classifier GAN"
    paper: ClassVar[str] = "Odena et al. 2016, arXiv:1610.09585"
    conditional: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {
        "filters": 32,
        "discriminator_filters": 8,
        "kernel": 4,
        "dropout": 0.2,
        "batch_size": 24,
        "learning_rate": 6e-4,
    }

    batch_size: int = 100
    latent: int = 100
    filters: int = 96
    discriminator_filters: int = 16
    kernel: int = 5
    dropout: float = 0.5
    class_weight: float = 1.0
    learning_rate: float = 2e-4
    beta1: float = 0.5

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G, which is told the class, and D, which is asked for it."""
        stack = upward_stack(self.latent + spec.classes, spec, self.filters, kernel=self.kernel)
        nets = {
            "G": WithClass(stack, spec.classes),
            "D": discriminator(spec, self.discriminator_filters, self.dropout),
        }
        return ModuleDict(nets).apply(dcgan_initialise)

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with the momentum lowered to 0.5."""
        return Adam(parameters, lr=self.learning_rate, betas=(self.beta1, 0.999), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def turns(self) -> Sequence[Turn]:
        """D, then G on the same latents and classes, which are those of the real images."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """-L_S and -w L_C; real and fake images go through D apart, each with its own batch statistics."""
        real, real_classes = nets["D"](batch.real).tensor_split([1], 1)
        fake, fake_classes = nets["D"](self.fake(nets, batch).detach()).tensor_split([1], 1)
        wrong = classification(real_classes, batch.labels) + classification(fake_classes, batch.labels)
        found = real_classes.detach().argmax(1) == batch.labels
        return {
            "loss D": cross_entropy(real, fake),
            "class loss D": self.class_weight * wrong,
            "accuracy": found.float().mean(),
            **mean_probabilities(real, fake),
        }

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_S's generated half with the labels swapped, and -w L_C's."""
        source, classes = nets["D"](self.fake(nets, batch)).tensor_split([1], 1)
        return {
            "loss G": softplus(-source).mean(),
            "class loss G": self.class_weight * classification(classes, batch.labels),
        }
