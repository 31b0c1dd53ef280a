"""VAE: the variational autoencoder, the baseline that GANs are compared with.

Kingma, Welling, "Auto-Encoding Variational Bayes", ICLR 2014, https://arxiv.org/abs/1312.6114

Idea: a code z from N(0, 1) makes the image through a decoder G; the encoder E answers an image with the normal
distribution q(z|x) of codes that may have made it. Both maximise a lower bound of log p(x):

    ELBO = E_q[log p(x|z)] - KL(q(z|x) || N(0, 1))
    L    = -E_q[log p(x|z)] + beta KL

with beta = 1 and one draw of z per image, z = mean + deviation * e. The terms are nats per image. Two likelihoods:

    gaussian   p(x|z) = N(G(z), s^2), one s for all pixels at its maximum-likelihood value, the error's root mean
               square, so -log p = d/2 (log(2 pi s^2) + 1) for d pixels; a density, whose bound may be positive
    bernoulli  each pixel a coin that shows white with probability (G(z) + 1)/2: cross-entropy, exact for binary
               images, for grey ones as everybody uses it (never below their own entropy)

`L1` in the log is the reconstruction's mean absolute error. Samples are means of p(x|z), without its noise.

Deviations: convolutional networks in DCGAN's shape and Adam instead of one hidden layer of tanh and Adagrad; s is
estimated from each batch (Rybkin, Daniilidis, Levine 2021, https://arxiv.org/abs/2006.13202) where the paper's decoder
answers a variance for each pixel, which can become 0 on black margins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Adam, Optimizer

from reference_models.codes import NormalCodes, absolute_error, image_encoder
from reference_models.layers import upward_stack
from reference_models.recipe import Batch, DataSpec, Encoder, Recipe, Turn


def gaussian_surprise(answers: Tensor, images: Tensor) -> Tensor:
    """-log N(x; tanh(answers), s^2) with the best s for the batch: nats per image, a scalar."""
    variance = (images - answers.tanh()).square().mean()
    return images[0].numel() / 2 * (torch.log(2 * math.pi * variance + 1e-12) + 1)


def bernoulli_surprise(answers: Tensor, images: Tensor) -> Tensor:
    """Cross-entropy of pixels as probabilities: nats per image, a scalar. (tanh(a) + 1)/2 = sigmoid(2 a)."""
    total = binary_cross_entropy_with_logits(2 * answers, (images + 1) / 2, reduction="sum")
    return total / len(images)


@dataclass(frozen=True)
class VAE(Recipe, Encoder):
    """The paper's minibatches of 100 and its single draw; a code of 20 numbers, the largest but one of its Figure 2."""

    title: ClassVar[str] = "Variational autoencoder"
    paper: ClassVar[str] = "Kingma and Welling 2013, arXiv:1312.6114"
    averaged: ClassVar[tuple[str, ...]] = ("E", "G")
    # coins keep codes nearer to the prior than a small s does, so samples are better early
    small: ClassVar[Mapping[str, Any]] = {"likelihood": "bernoulli", "filters": 32, "batch_size": 32}

    batch_size: int = 100
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    beta: float = 1.0
    latent: int = 20
    filters: int = 64
    learning_rate: float = 1e-3

    def networks(self, spec: DataSpec) -> ModuleDict:
        """E: images => means and log variances (N, 2 L); G: codes => images before tanh."""
        decoder = nn.Sequential(*upward_stack(self.latent, spec, self.filters)[:-1])
        return ModuleDict({"E": image_encoder(spec, self.filters, 2 * self.latent), "G": decoder})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with its own momentum."""
        return Adam(parameters, lr=self.learning_rate, fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        """The mean of p(x|z), (N, C, S, S)."""
        answers: Tensor = nets["G"](latents)
        return answers.tanh()

    def encode(self, nets: ModuleDict, images: Tensor) -> Tensor:
        """The mean of q(z|x), (N, latent)."""
        return NormalCodes.of(nets["E"](images)).mean

    def turns(self) -> Sequence[Turn]:
        """One: E and G work together."""
        return [Turn("EG", ("E", "G"), self.loss)]

    def loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L, and its parts."""
        codes = NormalCodes.of(nets["E"](batch.real))
        answers = nets["G"](codes.draw(batch.rng))
        surprise = gaussian_surprise if self.likelihood == "gaussian" else bernoulli_surprise
        distortion, divergence = surprise(answers, batch.real), codes.divergence().mean()
        return {
            "loss": distortion + self.beta * divergence,
            "-log p(x|z)": distortion.detach(),
            "KL": divergence.detach(),
            "ELBO": -(distortion + divergence).detach(),
            "L1": absolute_error(batch.real, answers.tanh()),
        }
