"""The first GAN: two multilayer perceptrons in a minimax game.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio, "Generative Adversarial Nets",
NeurIPS 2014, https://arxiv.org/abs/1406.2661

Idea: D learns to tell data from samples, G learns to make D err; at the game's optimum G draws from the data.
With D(x) = sigmoid of the network's score, D takes k steps for each of G's:

    L_D = -E[log D(x)] - E[log(1 - D(G(z)))]
    L_G =  E[log(1 - D(G(z)))]        loss=minimax, the game of equation 1
    L_G = -E[log D(G(z))]             loss=nonsaturating, the same fixed point with stronger early gradients

Deviations: Adam instead of decaying momentum; G's output by tanh, for images in [-1, 1], instead of a sigmoid, which is
the same function on [0, 1] at half the slope; dropout on D's hidden units only, not on the pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import softplus
from torch.optim import Adam, Optimizer

from reference_models.layers import Maxout
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


def generator(spec: DataSpec, latent: int, hidden: int) -> nn.Module:
    """z (N, L) => images (N, C, S, S) in [-1, 1]."""
    return nn.Sequential(
        nn.Linear(latent, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, spec.channels * spec.size**2),
        nn.Tanh(),
        nn.Unflatten(1, (spec.channels, spec.size, spec.size)),
    )


def discriminator(spec: DataSpec, units: int, pieces: int, dropout: float) -> nn.Module:
    """Images (N, C, S, S) => scores (N,), the logit of being real."""
    return nn.Sequential(
        nn.Flatten(),
        Maxout(spec.channels * spec.size**2, units, pieces),
        nn.Dropout(dropout),
        Maxout(units, units, pieces),
        nn.Dropout(dropout),
        nn.Linear(units, 1),
        nn.Flatten(0),
    )


@dataclass(frozen=True)
class GAN(Recipe):
    """The networks of the paper's MNIST experiments."""

    title: ClassVar[str] = "The original GAN, as multilayer perceptrons"
    paper: ClassVar[str] = "Goodfellow et al. 2014, arXiv:1406.2661"

    batch_size: int = 100
    loss: Literal["minimax", "nonsaturating"] = "nonsaturating"
    discriminator_steps: int = 1
    latent: int = 100
    hidden: int = 1200
    units: int = 240
    pieces: int = 5
    dropout: float = 0.5
    learning_rate: float = 2e-4
    beta1: float = 0.5

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G: two hidden layers of rectifiers. D: two of maxout with dropout."""
        return ModuleDict(
            {
                "G": generator(spec, self.latent, self.hidden),
                "D": discriminator(spec, self.units, self.pieces, self.dropout),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam, for both networks."""
        return Adam(parameters, lr=self.learning_rate, betas=(self.beta1, 0.999), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z uniform in [-1, 1], (n, latent)."""
        return torch.rand(n, self.latent, generator=rng) * 2 - 1

    def turns(self) -> Sequence[Turn]:
        """k steps of D on a fresh batch each (Algorithm 1), one of G on the last batch's latents."""
        return [
            Turn("D", ("D",), self.discriminator_loss, repeat=self.discriminator_steps),
            Turn("G", ("G",), self.generator_loss),
        ]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D."""
        real = nets["D"](batch.real)
        fake = nets["D"](self.fake(nets, batch).detach())
        return {"loss D": cross_entropy(real, fake), **mean_probabilities(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G, in the form that `loss` names."""
        score = nets["D"](self.fake(nets, batch))
        return {"loss G": -softplus(score).mean() if self.loss == "minimax" else softplus(-score).mean()}
