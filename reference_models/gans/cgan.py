"""Conditional GAN: both networks are told the class.

Mirza, Osindero, "Conditional Generative Adversarial Nets", 2014, https://arxiv.org/abs/1411.1784

Idea: join the label y to the noise and to the image. D then judges whether an image is real and of that class, so that
G has to draw from the distribution of each class and can be asked for one:

    L_D = -E[log D(x|y)] - E[log(1 - D(G(z|y)|y))]
    L_G = -E[log D(G(z|y)|y)]

    architecture=mlp     the paper's perceptrons: noise and label, and image and label, pass a layer of their own each,
                         of rectifiers in G and of maxout in D, then a joint one
    architecture=conv    DCGAN's stacks; D sees the label as maps beside the image

Deviations: Adam instead of SGD with decaying rate and growing momentum; the non-saturating L_G instead of the minimax
game; G's output by tanh, for images in [-1, 1], instead of a sigmoid; dropout on hidden units only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import softplus
from torch.optim import Adam, Optimizer

from reference_models.layers import Maxout, WithClass, downward_stack, stack_features, upward_stack, verdict
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


class Apart(nn.Module):
    """(N, F + classes) => the layers `features` and `label` of the two parts, joined again."""

    def __init__(self, features: nn.Module, label: nn.Module, classes: int) -> None:
        super().__init__()
        self.features, self.label, self.classes = features, label, classes

    def forward(self, joined: Tensor) -> Tensor:
        """(N, F + classes) => (N, units of both layers)."""
        features, label = joined.tensor_split([-self.classes], 1)
        return torch.cat([self.features(features), self.label(label)], 1)


class FlatWithClass(WithClass):
    """`WithClass` for a network that takes images as vectors."""

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (N, C, S, S) and labels int64 (N,) => what the network makes of (N, C S S + classes)."""
        return super().forward(inputs.flatten(1), labels)


def perceptron_generator(spec: DataSpec, latent: int, hidden: int) -> nn.Module:
    """z (N, L) and labels (N,) => images (N, C, S, S) in [-1, 1]; a sixth of the first rectifiers is for z."""
    noise = nn.Sequential(nn.Linear(latent, hidden // 6), nn.ReLU())
    label = nn.Sequential(nn.Linear(spec.classes, hidden - hidden // 6), nn.ReLU())
    layers = nn.Sequential(
        *(Apart(noise, label, spec.classes), nn.Dropout()),
        *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(hidden, spec.channels * spec.size**2), nn.Tanh()),
        nn.Unflatten(1, (spec.channels, spec.size, spec.size)),
    )
    return WithClass(layers, spec.classes)


def perceptron_discriminator(spec: DataSpec, units: int, label_units: int) -> nn.Module:
    """Images (N, C, S, S) and labels (N,) => scores (N,), the logit of being real."""
    image, label = Maxout(spec.channels * spec.size**2, units, 5), Maxout(spec.classes, label_units, 5)
    layers = nn.Sequential(
        *(Apart(image, label, spec.classes), nn.Dropout()),
        *(Maxout(units + label_units, units, 4), nn.Dropout()),
        *(nn.Linear(units, 1), nn.Flatten(0)),
    )
    return FlatWithClass(layers, spec.classes)


@dataclass(frozen=True)
class CGAN(Recipe):
    """The paper's perceptrons for MNIST."""

    title: ClassVar[str] = "Conditional GAN"
    paper: ClassVar[str] = "Mirza and Osindero 2014, arXiv:1411.1784"
    conditional: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {
        "architecture": "conv",
        "filters": 32,
        "batch_size": 24,
        "learning_rate": 6e-4,
    }

    batch_size: int = 100
    architecture: Literal["mlp", "conv"] = "mlp"
    latent: int = 100
    hidden: int = 1200
    units: int = 240
    label_units: int = 50
    filters: int = 64
    learning_rate: float = 2e-4
    beta1: float = 0.5

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D, both of an input and a label; `filters` is for the convolutional ones, the other widths are not."""
        if self.architecture == "mlp":
            judge = perceptron_discriminator(spec, self.units, self.label_units)
            return ModuleDict({"G": perceptron_generator(spec, self.latent, self.hidden), "D": judge})
        stack = downward_stack(spec.channels + spec.classes, spec, self.filters)
        return ModuleDict(
            {
                "G": WithClass(upward_stack(self.latent + spec.classes, spec, self.filters), spec.classes),
                "D": WithClass(verdict(stack, stack_features(spec, self.filters)), spec.classes),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam, for both networks."""
        return Adam(parameters, lr=self.learning_rate, betas=(self.beta1, 0.999), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z uniform in [-1, 1], (n, latent)."""
        return torch.rand(n, self.latent, generator=rng) * 2 - 1

    def turns(self) -> Sequence[Turn]:
        """D, then G on the same latents and labels, which are those of the real images."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D; real and fake images go through D apart, each with its own batch statistics."""
        real = nets["D"](batch.real, batch.labels)
        fake = nets["D"](self.fake(nets, batch).detach(), batch.labels)
        return {"loss D": cross_entropy(real, fake), **mean_probabilities(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        return {"loss G": softplus(-nets["D"](self.fake(nets, batch), batch.labels)).mean()}
