"""DCGAN: convolutional networks that train stably.

Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", ICLR 2016, https://arxiv.org/abs/1511.06434

Idea: strided convolutions instead of pooling, batch norm in both networks except at G's output and D's input, no hidden
fully connected layers, ReLU and tanh in G, leaky ReLU in D.

Losses, with D(x) = sigmoid of the network's score:

    L_D = -E[log D(x)] - E[log(1 - D(G(z)))]
    L_G = -E[log D(G(z))]

Deviations: any power-of-two size from 16 up, by one stage per doubling from 4x4 (widths double up to 8 x `filters`);
the same `filters` in both networks (Figure 1's generator is `filters=128`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import softplus
from torch.optim import Adam, Optimizer

from ganeval.errors import GanevalError
from reference_models.layers import dcgan_initialise, stage_widths, up
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.recipe import Batch, DataSpec, Recipe, Turn

Layout = Literal["strided", "paired"]


def convolutions(spec: DataSpec, filters: int, layout: Layout) -> list[tuple[int, int, int]]:
    """Inputs, outputs and stride of D's convolutions, from the image down to 4x4; G's are the same, backwards."""
    found = []
    for inputs, outputs in pairwise([spec.channels, *stage_widths(spec.size, filters)]):
        if layout == "paired":
            found += [(inputs, outputs, 1), (outputs, outputs, 2)]
        else:
            found.append((inputs, outputs, 2))
    return found


class Generator(nn.Module):
    """z (N, L) => images (N, C, S, S) in [-1, 1]."""

    def __init__(self, latent: int, kernel: int, shapes: list[tuple[int, int, int]]) -> None:
        super().__init__()
        image, *above = shapes
        widest = shapes[-1][1]
        self.project = nn.Sequential(
            nn.Linear(latent, widest * 4 * 4, bias=False),
            nn.Unflatten(1, (widest, 4, 4)),
            nn.BatchNorm2d(widest),
            nn.ReLU(inplace=True),
        )
        self.stages = nn.Sequential(*[self.stage(wide, narrow, kernel, stride) for narrow, wide, stride in above[::-1]])
        self.paint = nn.Sequential(self.convolution(image[1], image[0], kernel, image[2]), nn.Tanh())
        self.apply(dcgan_initialise)

    @staticmethod
    def convolution(inputs: int, outputs: int, kernel: int, stride: int, bias: bool = True) -> nn.Module:
        """(N, inputs, S, S) => (N, outputs, stride S, stride S)."""
        if stride == 2:
            return up(inputs, outputs, kernel, bias=bias)
        return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)

    @classmethod
    def stage(cls, inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
        """(N, inputs, S, S) => (N, outputs, stride S, stride S)."""
        convolution = cls.convolution(inputs, outputs, kernel, stride, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    def forward(self, z: Tensor) -> Tensor:
        """z (N, L) => images (N, C, S, S) in [-1, 1]."""
        images: Tensor = self.paint(self.stages(self.project(z)))
        return images


class Discriminator(nn.Module):
    """Images (N, C, S, S) => scores (N,), the logit of being real."""

    def __init__(self, kernel: int, shapes: list[tuple[int, int, int]]) -> None:
        super().__init__()
        stages = [self.stage(*shape, kernel, norm=depth > 0) for depth, shape in enumerate(shapes)]
        self.stages = nn.Sequential(*stages)
        self.judge = nn.Linear(shapes[-1][1] * 4 * 4, 1)
        self.apply(dcgan_initialise)

    @staticmethod
    def stage(inputs: int, outputs: int, stride: int, kernel: int, *, norm: bool) -> nn.Module:
        """(N, inputs, S, S) => (N, outputs, S / stride, S / stride)."""
        down = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=not norm)
        return nn.Sequential(down, *([nn.BatchNorm2d(outputs)] if norm else []), nn.LeakyReLU(0.2, inplace=True))

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, S, S) => scores (N,)."""
        scores: Tensor = self.judge(self.stages(images).flatten(1))
        return scores.squeeze(1)


@dataclass(frozen=True)
class DCGAN(Recipe):
    """The guidelines and numbers of the paper."""

    title: ClassVar[str] = "Deep convolutional GAN"
    paper: ClassVar[str] = "Radford et al. 2015, arXiv:1511.06434"
    # many small steps at a higher rate get further in minutes than the paper's widths and batches, made for hours
    small: ClassVar[Mapping[str, Any]] = {"filters": 32, "batch_size": 24, "kernel": 4, "learning_rate": 6e-4}

    batch_size: int = 128
    latent: int = 100
    filters: int = 64
    kernel: int = 5
    layout: Layout = "strided"
    learning_rate: float = 2e-4
    beta1: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layout == "paired" and self.kernel % 2 == 0:
            raise GanevalError(
                f"option 'kernel' is {self.kernel}: a convolution of stride 1 needs an odd width, such as 3"
            )

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        shapes = convolutions(spec, self.filters, self.layout)
        return ModuleDict({"G": Generator(self.latent, self.kernel, shapes), "D": Discriminator(self.kernel, shapes)})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with the momentum lowered from 0.9 to 0.5."""
        return Adam(parameters, lr=self.learning_rate, betas=(self.beta1, 0.999), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z uniform in [-1, 1], (n, latent)."""
        return torch.rand(n, self.latent, generator=rng) * 2 - 1

    def turns(self) -> Sequence[Turn]:
        """D, then G on the same latents."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D; real and fake images go through D apart, each with its own batch statistics."""
        real = nets["D"](batch.real)
        fake = nets["D"](self.fake(nets, batch).detach())
        return {"loss D": cross_entropy(real, fake), **mean_probabilities(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G, the non-saturating one: -log sigmoid(s) = softplus(-s)."""
        return {"loss G": softplus(-nets["D"](self.fake(nets, batch))).mean()}
