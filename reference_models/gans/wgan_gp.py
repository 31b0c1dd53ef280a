"""WGAN-GP: a critic held 1-Lipschitz by a penalty on its gradient, so that its loss estimates a distance.

Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, "Improved Training of Wasserstein GANs", NeurIPS 2017,
https://arxiv.org/abs/1704.00028

Idea: the Wasserstein-1 distance is the largest mean difference that a 1-Lipschitz critic can make between data and
samples; an optimal critic has gradient norm 1 on the straight lines between the two, so that is what is asked of it.
With x^ = x + e (G(z) - x), e uniform in [0, 1], and n_critic critic steps for each step of G:

    L_D = E[D(G(z))] - E[D(x)] + lambda E[(|grad D(x^)| - 1)^2]
    L_G = -E[D(G(z))]

The penalty concerns every image alone, therefore the critic has layer norm instead of batch norm. `W` in the log is
E[D(x)] - E[D(G(z))], the estimate of the distance. `penalty_kind=finite-difference` measures the same norm, and
moves the critic the same way, without differentiating twice; in float32 only, as bfloat16 rounds the difference away.

Deviations: convolutional networks in DCGAN's shape (one of the architectures of the paper's Figure 2) for every size,
one stage per doubling from 4x4 (widths double up to 8 x `filters`); 4x4 kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from reference_models.layers import downward_stack, stack_features, upward_stack, verdict
from reference_models.losses import mean_scores
from reference_models.penalties import finite_difference_penalty, gradient_penalty
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


def critic(spec: DataSpec, filters: int) -> nn.Module:
    """Images (N, C, S, S) => scores (N,), of any size and sign: a critic, not a probability."""
    # one group = layer norm over (C, H, W) with a gain for each channel
    stack = downward_stack(spec.channels, spec, filters, norm=partial(nn.GroupNorm, 1))
    return verdict(stack, stack_features(spec, filters))


@dataclass(frozen=True)
class WGANGP(Recipe):
    """The paper's Algorithm 1 and its default values."""

    title: ClassVar[str] = "Wasserstein GAN with gradient penalty"
    paper: ClassVar[str] = "Gulrajani et al. 2017, arXiv:1704.00028"
    small: ClassVar[Mapping[str, Any]] = {"filters": 24, "batch_size": 16, "critic_steps": 2, "learning_rate": 1e-3}

    batch_size: int = 64
    latent: int = 128
    filters: int = 64
    penalty: float = 10.0
    penalty_kind: Literal["gradient", "finite-difference"] = "gradient"
    critic_steps: int = 5
    learning_rate: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and the critic D."""
        return ModuleDict({"G": upward_stack(self.latent, spec, self.filters), "D": critic(spec, self.filters)})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam without momentum."""
        return Adam(parameters, lr=self.learning_rate, betas=(self.beta1, self.beta2), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def turns(self) -> Sequence[Turn]:
        """The critic several times on a fresh batch each, then G."""
        return [
            Turn("D", ("D",), self.critic_loss, repeat=self.critic_steps),
            Turn("G", ("G",), self.generator_loss),
        ]

    def critic_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D in its two parts: the negative distance and the weighted penalty."""
        penalise = gradient_penalty if self.penalty_kind == "gradient" else finite_difference_penalty
        fake = self.fake(nets, batch).detach()
        # without batch norm, real and fake images can share one forward pass
        real_score, fake_score = nets["D"](torch.cat([batch.real, fake])).chunk(2)
        distance = real_score.mean() - fake_score.mean()
        return {
            "loss D": -distance,
            "penalty": self.penalty * penalise(nets["D"], batch.real, fake, batch.rng),
            "W": distance.detach(),
            **mean_scores(real_score, fake_score),
        }

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        return {"loss G": -nets["D"](self.fake(nets, batch)).mean()}
