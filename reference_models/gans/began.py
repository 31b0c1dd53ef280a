"""BEGAN: the discriminator is an autoencoder, and the two networks are held in balance.

Berthelot, Schumm, Metz, "BEGAN: Boundary Equilibrium Generative Adversarial Networks", 2017,
https://arxiv.org/abs/1703.10717

Idea: match the distributions of reconstruction errors, L(v) = E|v - D(v)|, instead of those of the images: D learns
to reconstruct data well and samples badly, G to be reconstructed well. How much D attends to samples, k, is steered
so that E[L(G(z))] = gamma E[L(x)]; a small gamma gives fine images, a large one diverse images:

    L_D     = L(x) - k_t L(G(z))
    L_G     = L(G(z))
    k_(t+1) = k_t + lambda (gamma L(x) - L(G(z))),    kept in [0, 1], k_0 = 0

`M` in the log is L(x) + |gamma L(x) - L(G(z))|, the paper's measure of convergence: it falls as images get better.

Networks: G and D's decoder are alike; convolutions of 3x3 with ELU, two for each size down to 8x8.

Deviations: one set of z for both networks in an iteration, G's turn after D's
step; the learning rate does not fall when M stalls; no vanishing residuals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from reference_models.recipe import Batch, DataSpec, Recipe, Turn


def convolutions(*widths: int) -> list[nn.Module]:
    """3x3 convolutions from each width to the next, each with its ELU."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ELU(inplace=True)]
    return layers


def encoder(spec: DataSpec, filters: int, hidden: int) -> nn.Module:
    """Images (N, C, S, S) => codes (N, hidden): `filters` more maps at each halving of the size down to 8x8."""
    layers = convolutions(spec.channels, filters)
    sizes = spec.size.bit_length() - 3
    for width in range(filters, sizes * filters, filters):
        halve = nn.Conv2d(width, width + filters, 3, stride=2, padding=1)
        layers += [*convolutions(width, width, width), halve, nn.ELU(inplace=True)]
    wide = sizes * filters
    return nn.Sequential(*layers, *convolutions(wide, wide, wide), nn.Flatten(), nn.Linear(wide * 64, hidden))


def decoder(spec: DataSpec, filters: int, hidden: int) -> nn.Module:
    """Codes (N, hidden) => images (N, C, S, S) without bounds: `filters` maps at all sizes from 8x8 up."""
    layers = [nn.Linear(hidden, filters * 64), nn.Unflatten(1, (filters, 8, 8)), *convolutions(*[filters] * 3)]
    for _ in range(spec.size.bit_length() - 4):
        layers += [nn.UpsamplingNearest2d(scale_factor=2), *convolutions(*[filters] * 3)]
    return nn.Sequential(*layers, nn.Conv2d(filters, spec.channels, 3, padding=1))


class Cut(nn.Module):
    """Samples are cut to [-1, 1]; in training all values pass, as a gradient would end at the cut."""

    def forward(self, images: Tensor) -> Tensor:
        """Any shape => the same shape."""
        return images if self.training else images.clamp(-1, 1)


class Autoencoder(nn.Module):
    """Images (N, C, S, S) => the same images as D remembers them. Its buffer `k` is the balance, in [0, 1]."""

    def __init__(self, spec: DataSpec, filters: int, hidden: int) -> None:
        super().__init__()
        self.encode = encoder(spec, filters, hidden)
        self.decode = decoder(spec, filters, hidden)
        self.register_buffer("k", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, S, S) => reconstructions of the same shape."""
        reconstructed: Tensor = self.decode(self.encode(images))
        return reconstructed


def error(autoencoder: nn.Module, images: Tensor) -> Tensor:
    """L: the mean absolute difference between images and their reconstructions."""
    distance: Tensor = (images - autoencoder(images)).abs().mean()
    return distance


@dataclass(frozen=True)
class BEGAN(Recipe):
    """The paper's numbers: z as wide as the autoencoder's code."""

    title: ClassVar[str] = "Boundary equilibrium GAN"
    paper: ClassVar[str] = "Berthelot et al. 2017, arXiv:1703.10717"
    small: ClassVar[Mapping[str, Any]] = {"filters": 16, "gamma": 0.7, "balance_rate": 0.03, "learning_rate": 5e-4}

    batch_size: int = 16
    hidden: int = 64
    filters: int = 64
    gamma: float = 0.5
    balance_rate: float = 1e-3
    learning_rate: float = 1e-4

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and the autoencoder D."""
        generator = nn.Sequential(decoder(spec, self.filters, self.hidden), Cut())
        return ModuleDict({"G": generator, "D": Autoencoder(spec, self.filters, self.hidden)})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with its own momentum."""
        return Adam(parameters, lr=self.learning_rate, fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z uniform in [-1, 1], (n, hidden)."""
        return torch.rand(n, self.hidden, generator=rng) * 2 - 1

    def turns(self) -> Sequence[Turn]:
        """D, then G on the same latents, which also moves the balance."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def real_error(self, nets: ModuleDict, batch: Batch) -> Tensor:
        """L(x), computed once per batch."""
        return batch.once("L(x)", lambda: error(nets["D"], batch.real))

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D."""
        real = self.real_error(nets, batch)
        fake = error(nets["D"], self.fake(nets, batch).detach())
        return {"loss D": real - nets["D"].get_buffer("k") * fake, "L(x)": real.detach()}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G, and the step of k."""
        fake = error(nets["D"], self.fake(nets, batch))
        real, k = self.real_error(nets, batch).detach(), nets["D"].get_buffer("k")
        imbalance = self.gamma * real - fake.detach()
        k.add_(self.balance_rate * imbalance).clamp_(0, 1)
        return {"loss G": fake, "k": k.clone(), "M": real + imbalance.abs()}
