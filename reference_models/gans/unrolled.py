"""Unrolled GAN: the generator looks ahead to how the discriminator will answer.

Metz, Poole, Pfau, Sohl-Dickstein, "Unrolled Generative Adversarial Networks", ICLR 2017,
https://arxiv.org/abs/1611.02163

Idea: G's gradient in the usual game takes D as fixed, so G moves all samples to wherever D is weakest now, and the two
chase each other from mode to mode. Here G is trained against the D that K more steps would make of the present one,
and its gradient flows through those steps: putting everything on one mode would be answered within them. With

    f(G, D)  = -E[log D(x)] - E[log(1 - D(G(z)))]
    D_0      = D,    D_(k+1) = D_k - eta grad_D f(G, D_k)
    L_D      =  f(G, D)          one ordinary step; the K steps are forgotten
    L_G      = -f(G, D_K)            loss=minimax, the game that D plays
    L_G      = -E[log D_K(G(z))]     loss=nonsaturating, with a gradient also where D_K is sure

L_G is differentiated through D_K with respect to G, second derivatives included. All K steps see the same
batch. `f ahead` in the log is f(G, D_K): how well D could do. Where the steps are small, the minimax loss moves G by
-f(G, D) and by K eta |grad_D f|^2, whose minimum is that samples look like data to D's gradient; keep eta small enough
that descent on f is stable, or G wins by making it diverge.

Deviations: the inner steps are plain gradient descent, equation 7 of the paper; its experiments unroll Adam, whose
state the outer steps own. DCGAN's networks for every size, without batch norm in D, whose statistics would have to be
unrolled, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import softplus
from torch.optim import Adam, Optimizer

from reference_models.layers import downward_stack, stack_features, upward_stack, verdict
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.recipe import Batch, DataSpec, Recipe, Turn

Weights = dict[str, Tensor]


def scores(net: nn.Module, weights: Weights, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """D's scores of real and of generated images, (N,) each, with `weights` instead of its own."""
    together: Tensor = functional_call(net, weights, (torch.cat([real, fake]),))
    return together[: len(real)], together[len(real) :]


def unroll(net: nn.Module, real: Tensor, fake: Tensor, steps: int, rate: float) -> Weights:
    """D_K: the weights after `steps` of gradient descent on f, as a differentiable function of `fake`."""
    weights: Weights = dict(net.named_parameters())
    for _ in range(steps):
        loss = cross_entropy(*scores(net, weights, real, fake))
        gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        weights = {name: weight - rate * slope for (name, weight), slope in zip(weights.items(), gradients)}
    return weights


@dataclass(frozen=True)
class Unrolled(Recipe):
    """The rates of the paper's experiments, and five steps ahead."""

    title: ClassVar[str] = "Unrolled GAN"
    paper: ClassVar[str] = "Metz et al. 2016, arXiv:1611.02163"
    small: ClassVar[Mapping[str, Any]] = {
        "filters": 24,
        "batch_size": 16,
        "loss": "nonsaturating",
        "unrolled_steps": 2,
        "unrolled_rate": 1e-3,
        "discriminator_rate": 4e-4,
    }

    batch_size: int = 128
    loss: Literal["minimax", "nonsaturating"] = "minimax"
    latent: int = 256
    filters: int = 64
    unrolled_steps: int = 5
    unrolled_rate: float = 0.1
    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-4
    beta1: float = 0.5

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        stack = downward_stack(spec.channels, spec, self.filters, norm=None)
        return ModuleDict(
            {
                "G": upward_stack(self.latent, spec, self.filters),
                "D": verdict(stack, stack_features(spec, self.filters)),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam, G faster than D, which the unrolling keeps from lagging behind."""
        rate = self.generator_rate if network == "G" else self.discriminator_rate
        return Adam(parameters, lr=rate, betas=(self.beta1, 0.999), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def turns(self) -> Sequence[Turn]:
        """D, then G on the same batch."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D."""
        real, fake = scores(nets["D"], {}, batch.real, self.fake(nets, batch).detach())
        return {"loss D": cross_entropy(real, fake), **mean_probabilities(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G, in the form that `loss` names."""
        fake = self.fake(nets, batch)
        ahead = unroll(nets["D"], batch.real, fake, self.unrolled_steps, self.unrolled_rate)
        real_score, fake_score = scores(nets["D"], ahead, batch.real, fake)
        f = cross_entropy(real_score, fake_score)
        loss = -f if self.loss == "minimax" else softplus(-fake_score).mean()
        return {"loss G": loss, "f ahead": f.detach()}
