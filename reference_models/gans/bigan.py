"""BiGAN and ALI: an encoder learnt by the game alone. E and G never see each other's answers; they meet only in D.

Donahue, Krähenbühl, Darrell, "Adversarial Feature Learning", ICLR 2017, https://arxiv.org/abs/1605.09782
Dumoulin, Belghazi, Poole, Mastropietro, Lamb, Arjovsky, Courville, "Adversarially Learned Inference", ICLR 2017,
https://arxiv.org/abs/1606.00704

Idea: D judges pairs of an image and a code. E makes the code of a real image, G the image of a code from the prior; D
is at a loss only if both kinds of pairs have the same joint distribution, and then E inverts G. With D(x, z) = sigmoid
of the score:

    L_D  = -E[log D(x, E(x))] - E[log(1 - D(G(z), z))]
    L_EG = -E[log(1 - D(x, E(x)))] - E[log D(G(z), z)]

L_EG asks E and G to swap the two kinds, which gives a gradient where minimising -L_D would give none. `L1` in the log
is the error of G(E(x)), which nothing minimises. Two encoders:

    deterministic  BiGAN: one code for an image, z uniform in [-1, 1]
    stochastic     ALI: a normal distribution of codes for an image, of which one is drawn, z from N(0, 1)

With `consistency` above 0, E and G also minimise lambda E[|x - G(E(x))|], lambda = `consistency`: the pairs' joint
distribution alone leaves open how well codes determine images, and this is what closes it (ALICE: Li et al. 2017,
https://arxiv.org/abs/1709.01215, equation 9). E then learns in minutes what the game takes hours to teach it.

Deviations: networks in DCGAN's shape for every size, in which D reads the code beside its last maps; tanh on the
deterministic code, as it has to stay in the prior's range; the learning rate does not fall in the second half; no
dropout in D.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from reference_models.codes import NormalCodes, image_encoder, watched_error
from reference_models.layers import dcgan_initialise, downward_stack, stack_features, upward_stack, verdict
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.recipe import Batch, DataSpec, Encoder, Recipe, Turn


class Discriminator(nn.Module):
    """Images (N, C, S, S) and codes (N, L) => scores (N,), the logits of the code being made from the image."""

    def __init__(self, spec: DataSpec, latent: int, filters: int, units: int) -> None:
        super().__init__()
        self.see = downward_stack(spec.channels, spec, filters)
        self.read = nn.Sequential(nn.Linear(latent, units), nn.LeakyReLU(0.2, inplace=True))
        compare = nn.Linear(stack_features(spec, filters) + units, units)
        self.judge = verdict(nn.Sequential(compare, nn.LeakyReLU(0.2, inplace=True)), units)

    def forward(self, images: Tensor, codes: Tensor) -> Tensor:
        scores: Tensor = self.judge(torch.cat([self.see(images), self.read(codes)], dim=1))
        return scores


@dataclass(frozen=True)
class BiGAN(Recipe, Encoder):
    """The numbers of BiGAN's paper; those of its MNIST experiment where they differ between data sets."""

    title: ClassVar[str] = "Bidirectional GAN, adversarially learned inference"
    paper: ClassVar[str] = "Donahue et al. 2016, arXiv:1605.09782; Dumoulin et al. 2016, arXiv:1606.00704"
    averaged: ClassVar[tuple[str, ...]] = ("E", "G")
    small: ClassVar[Mapping[str, Any]] = {
        "filters": 32,
        "batch_size": 24,
        "units": 256,
        "latent": 16,
        "learning_rate": 5e-4,
        "encoder_rate": 5e-4,
        "consistency": 5.0,
    }

    batch_size: int = 128
    encoder: Literal["deterministic", "stochastic"] = "deterministic"
    latent: int = 50
    filters: int = 64
    units: int = 1024
    learning_rate: float = 2e-4
    encoder_rate: float = 2e-4
    consistency: float = 0.0
    beta1: float = 0.5
    weight_decay: float = 2.5e-5

    def networks(self, spec: DataSpec) -> ModuleDict:
        """E, with (N, L) or, stochastic, (N, 2 L) answers, G and D."""
        answers = self.latent if self.encoder == "deterministic" else 2 * self.latent
        nets = {
            "E": image_encoder(spec, self.filters, answers),
            "G": upward_stack(self.latent, spec, self.filters),
            "D": Discriminator(spec, self.latent, self.filters, self.units),
        }
        return ModuleDict(nets).apply(dcgan_initialise)

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with L2 decay of matrices and kernels, not of biases and gains."""
        every = list(parameters)
        decayed: dict[str, Any] = {"params": [p for p in every if p.ndim > 1], "weight_decay": self.weight_decay}
        others: dict[str, Any] = {"params": [p for p in every if p.ndim <= 1]}
        rate = self.encoder_rate if network == "E" else self.learning_rate
        return Adam([decayed, others], lr=rate, betas=(self.beta1, 0.999), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from the encoder's prior, (n, latent)."""
        if self.encoder == "stochastic":
            return torch.randn(n, self.latent, generator=rng)
        return torch.rand(n, self.latent, generator=rng) * 2 - 1

    def encode(self, nets: ModuleDict, images: Tensor) -> Tensor:
        """The code, or the mean of its distribution, (N, latent)."""
        answers: Tensor = nets["E"](images)
        return answers.tanh() if self.encoder == "deterministic" else NormalCodes.of(answers).mean

    def codes(self, nets: ModuleDict, batch: Batch) -> Tensor:
        """The code that E makes for each real image, (N, latent): one forward per batch."""

        def make() -> Tensor:
            if self.encoder == "deterministic":
                return self.encode(nets, batch.real)
            return NormalCodes.of(nets["E"](batch.real)).draw(batch.rng)

        return batch.once("codes", make)

    def turns(self) -> Sequence[Turn]:
        """D, then E and G together, on the same pairs."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("EG", ("E", "G"), self.swapping_loss)]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D; the two kinds of pairs go through D apart, each with its own batch statistics."""
        encoded = nets["D"](batch.real, self.codes(nets, batch).detach())
        generated = nets["D"](self.fake(nets, batch).detach(), self.drawn(batch))
        return {"loss D": cross_entropy(encoded, generated), **mean_probabilities(encoded, generated)}

    def swapping_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_EG: D's loss with the kinds swapped."""
        encoded = nets["D"](batch.real, self.codes(nets, batch))
        generated = nets["D"](self.fake(nets, batch), self.drawn(batch))
        terms = {"loss EG": cross_entropy(generated, encoded), "L1": watched_error(self, nets, batch)}
        if self.consistency:
            again = nets["G"](self.codes(nets, batch))
            terms["consistency"] = self.consistency * (batch.real - again).abs().mean()
        return terms
