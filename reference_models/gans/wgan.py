"""WGAN: the discriminator becomes a critic whose mean scores differ by a distance that can be trained to the end.

Arjovsky, Chintala, Bottou, "Wasserstein Generative Adversarial Networks", ICML 2017, https://arxiv.org/abs/1701.07875

Idea: where samples and data do not overlap, the Jensen-Shannon divergence is constant and teaches G nothing; the
Wasserstein-1 distance still falls as samples come closer. It is the largest mean difference that a 1-Lipschitz
function can make between the two, here approached by a network whose weights are clipped to a small box. No sigmoid,
no logarithm, n_critic critic steps for each step of G:

    L_D = E[D(G(z))] - E[D(x)],    then every weight of D is cut to [-c, c]
    L_G = -E[D(G(z))]

`W` in the log is E[D(x)] - E[D(G(z))], the distance up to the unknown Lipschitz constant of the box: it falls as
samples get better, which no earlier GAN's loss did.

Deviations: DCGAN's networks for every size, one stage per doubling from 4x4 (widths double up to 8 x `filters`), 4x4
kernels as in the authors' code. That code takes 100 critic steps for each of G's first 25 steps and for every 500th;
this one, like the paper's Algorithm 1, does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import ModuleDict, Parameter
from torch.optim import Optimizer, RMSprop

from reference_models.layers import dcgan_initialise, downward_stack, stack_features, upward_stack, verdict
from reference_models.losses import mean_scores
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


@dataclass(frozen=True)
class WGAN(Recipe):
    """Algorithm 1 and its default values."""

    title: ClassVar[str] = "Wasserstein GAN with weight clipping"
    paper: ClassVar[str] = "Arjovsky et al. 2017, arXiv:1701.07875"
    small: ClassVar[Mapping[str, Any]] = {
        "filters": 24,
        "batch_size": 16,
        "clip": 0.05,  # with ten times the paper's learning rate, weights in the paper's box never settle
        "critic_steps": 2,
        "learning_rate": 5e-4,
    }

    batch_size: int = 64
    latent: int = 100
    filters: int = 64
    clip: float = 0.01
    critic_steps: int = 5
    learning_rate: float = 5e-5

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and the critic D, both with batch norm: clipping, unlike a penalty, does not mind it."""
        critic = verdict(downward_stack(spec.channels, spec, self.filters), stack_features(spec, self.filters))
        return ModuleDict({"G": upward_stack(self.latent, spec, self.filters), "D": critic}).apply(dcgan_initialise)

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """RMSprop: with momentum, the critic's loss, whose target moves all the time, was unstable."""
        return RMSprop(parameters, lr=self.learning_rate)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def turns(self) -> Sequence[Turn]:
        """The critic several times on a fresh batch each, clipped after every step, then G."""
        return [
            Turn("D", ("D",), self.critic_loss, repeat=self.critic_steps, after=self.clip_weights),
            Turn("G", ("G",), self.generator_loss),
        ]

    def clip_weights(self, nets: ModuleDict) -> None:
        """Cut every weight, bias and gain of D to [-clip, clip]."""
        for parameter in nets["D"].parameters():
            parameter.clamp_(-self.clip, self.clip)

    def critic_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D; real and fake images go through D apart, each with its own batch statistics."""
        real = nets["D"](batch.real)
        fake = nets["D"](self.fake(nets, batch).detach())
        distance = real.mean() - fake.mean()
        return {"loss D": -distance, "W": distance.detach(), **mean_scores(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        return {"loss G": -nets["D"](self.fake(nets, batch)).mean()}
