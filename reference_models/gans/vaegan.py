"""VAE/GAN: an autoencoder whose error is measured in what a discriminator sees, not in pixels.

Larsen, Sønderby, Larochelle, Winther, "Autoencoding beyond pixels using a learned similarity metric", ICML 2016,
https://arxiv.org/abs/1512.09300

Idea: the decoder of a VAE is the generator of a GAN. Where the VAE compares pixels, this model compares the activations
Dis_l of a layer within the discriminator, as a Gaussian of variance 1, so edges count more than where they lie exactly.
With z from q(z|x) = E(x), z_p from N(0, 1), x~ = G(z) and D(x) = sigmoid of the score:

    L_prior = KL(q(z|x) || N(0, 1))
    L_llike = 1/2 |Dis_l(x) - Dis_l(x~)|^2
    L_GAN   = log D(x) + log(1 - D(x~)) + log(1 - D(G(z_p)))

and the gradients go as in the paper's Algorithm 1: E minimises L_prior + L_llike, G gamma L_llike - L_GAN, D -L_GAN
alone (a discriminator that also served L_llike would make it 0 by seeing nothing). `L1` in the log is the
reconstruction's mean absolute error in pixels, which nothing minimises.

Deviations: networks in DCGAN's shape for every size; G's part of L_GAN is the non-saturating -log D; no turn is left
out when one side is ahead, as the authors' program does. Dis_l is D's last convolution before its batch norm, and
gamma their value for CelebA.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import softplus
from torch.optim import Optimizer, RMSprop

from reference_models.codes import NormalCodes, absolute_error, image_encoder
from reference_models.layers import downward_stack, stack_features, upward_stack, verdict
from reference_models.losses import mean_probabilities
from reference_models.recipe import Batch, DataSpec, Encoder, Recipe, Turn


class Discriminator(nn.Module):
    """Images (N, C, S, S) => Dis_l (N, F) and scores (N,), the logits of being real."""

    def __init__(self, spec: DataSpec, filters: int) -> None:
        super().__init__()
        layers = downward_stack(spec.channels, spec, filters)
        self.see = layers[:-3]  # all but the last batch norm, its leaky ReLU and the flattening
        self.judge = verdict(layers[-3:], stack_features(spec, filters))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.see(images)
        return seen.flatten(1).float(), self.judge(seen).float()  # float: autocast makes bfloat16 of both


def dissimilarity(one: Tensor, other: Tensor) -> Tensor:
    """L_llike without its constant: half the squared distance of features (N, F), averaged over images."""
    return (one - other).square().sum(1).mean() / 2


@dataclass(frozen=True)
class VAEGAN(Recipe, Encoder):
    """The paper's optimizer and batches, the authors' code and gamma for faces."""

    title: ClassVar[str] = "Variational autoencoder with a discriminator's measure of similarity"
    paper: ClassVar[str] = "Larsen et al. 2015, arXiv:1512.09300"
    averaged: ClassVar[tuple[str, ...]] = ("E", "G")
    small: ClassVar[Mapping[str, Any]] = {"filters": 24, "batch_size": 24, "latent": 32, "gamma": 1e-2}

    batch_size: int = 64
    latent: int = 128
    filters: int = 64
    gamma: float = 1e-5
    learning_rate: float = 3e-4

    def networks(self, spec: DataSpec) -> ModuleDict:
        """E: images => means and log variances (N, 2 L); G, the paper's Dec; D."""
        return ModuleDict(
            {
                "E": image_encoder(spec, self.filters, 2 * self.latent),
                "G": upward_stack(self.latent, spec, self.filters),
                "D": Discriminator(spec, self.filters),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """RMSprop."""
        return RMSprop(parameters, lr=self.learning_rate)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z_p from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def encode(self, nets: ModuleDict, images: Tensor) -> Tensor:
        """The mean of q(z|x), (N, latent)."""
        return NormalCodes.of(nets["E"](images)).mean

    def turns(self) -> Sequence[Turn]:
        """E, G, D, each on the same codes and, of D, on the same pass over the real images."""
        return [
            Turn("E", ("E",), self.encoder_loss),
            Turn("G", ("G",), self.generator_loss),
            Turn("D", ("D",), self.discriminator_loss),
        ]

    def judged(self, nets: ModuleDict, batch: Batch) -> tuple[Tensor, Tensor]:
        """Dis_l and scores of the real images; D is the last to move, so one pass serves all turns."""
        found: tuple[Tensor, Tensor] = batch.once("judged", lambda: nets["D"](batch.real))
        return found

    def codes(self, nets: ModuleDict, batch: Batch) -> tuple[NormalCodes, Tensor]:
        """q(z|x) and z, drawn once."""

        def make() -> tuple[NormalCodes, Tensor]:
            codes = NormalCodes.of(nets["E"](batch.real))
            return codes, codes.draw(batch.rng)

        return batch.once("codes", make)

    def fakes(self, nets: ModuleDict, batch: Batch) -> Tensor:
        """x~ and G(z_p) in one pass, (2 N, C, S, S), without E's part of the graph."""
        z = self.codes(nets, batch)[1].detach()
        fakes: Tensor = batch.once("fakes", lambda: nets["G"](torch.cat([z, self.drawn(batch)])))
        return fakes

    def encoder_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_prior + L_llike."""
        codes, z = self.codes(nets, batch)
        again = nets["G"](z)
        seen = self.judged(nets, batch)[0].detach()
        return {
            "prior": codes.divergence().mean(),
            "llike": dissimilarity(seen, nets["D"](again)[0]),
            "L1": absolute_error(batch.real, again),
        }

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """gamma L_llike, and -log D of both kinds of images."""
        seen, scores = nets["D"](self.fakes(nets, batch))
        similar = dissimilarity(self.judged(nets, batch)[0].detach(), seen.chunk(2)[0])
        return {"gamma llike": self.gamma * similar, "loss G": 2 * softplus(-scores).mean()}

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """-L_GAN."""
        real, fake = self.judged(nets, batch)[1], nets["D"](self.fakes(nets, batch).detach())[1]
        return {"loss D": softplus(-real).mean() + 2 * softplus(fake).mean(), **mean_probabilities(real, fake)}
