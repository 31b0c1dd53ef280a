"""InfoGAN: codes that the images must give away, so that they come to mean something, without any label.

Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel, "InfoGAN: Interpretable Representation Learning by Information
Maximizing Generative Adversarial Nets", NeurIPS 2016, https://arxiv.org/abs/1606.03657

Idea: a part c of the latents is a code, and G is to keep the mutual information I(c; G(z, c)). A network Q(c|x) that
guesses the code from the image gives a lower bound of it, which G and Q both raise:

    L_I(G, Q) = H(c) + E[log Q(c|G(z, c))] <= I(c; G(z, c))
    L_D       = -E[log D(x)] - E[log(1 - D(G(z, c)))] - lambda L_I
    L_G       = -E[log D(G(z, c))]                    - lambda L_I

c is one categorical code, for which Q is a softmax, and several continuous ones, uniform in [-1, 1], for which Q is a
normal distribution each. Q is one more head on D's body. `I(category)` and `I(continuous)` in the log are the two parts
of L_I in nats: at most log(categories) = H(c) for the first, no limit for the second.

Latents are (category one-hot, continuous codes, noise), in this order; `codes` takes them apart, `sweep` varies one.

Reported: on MNIST the category finds the digit with an error of 5 %, without a label in training.

Deviations: stacks in DCGAN's shape with one stage per doubling from 4x4 (the paper's for MNIST start from 7x7, with one
more fully connected layer in G; widths double up to 8 x `filters`), and its slope of 0.2; no batch norm on D's fully
connected layer, which would hide from G how the mean of its images differs from the data's; lambda may differ for
continuous codes, as for the paper's chairs. With `fading` (after Zhao et al. 2020, arXiv:2006.10738) D and Q see all
images, real and generated, with their contrast cut at random, so that no category can stand for mere brightness.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import cross_entropy as classification
from torch.nn.functional import one_hot, softplus
from torch.optim import Adam, Optimizer

from ganeval.errors import GanevalError
from reference_models.layers import dcgan_initialise, downward_stack, stack_features, upward_stack
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


class Discriminator(nn.Module):
    """Images (N, C, S, S) => (N, 1 + codes): D's logit of being real, then Q's `codes` outputs, from one body.

    In training it sees each image with its contrast cut by a random share of up to `fading`, towards -1.
    """

    def __init__(self, spec: DataSpec, filters: int, hidden: int, *, codes: int, fading: float) -> None:
        super().__init__()
        self.fading = fading
        wide = nn.Linear(stack_features(spec, filters), hidden)
        self.body = nn.Sequential(*downward_stack(spec.channels, spec, filters), wide, nn.LeakyReLU(0.2, inplace=True))
        self.judge = nn.Linear(hidden, 1)
        self.recognise = nn.Sequential(
            nn.Linear(hidden, 128), nn.BatchNorm1d(128), nn.LeakyReLU(0.2, inplace=True), nn.Linear(128, codes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, S, S) => (N, 1 + codes)."""
        if self.training and self.fading:
            kept = 1 - self.fading * torch.rand(len(images), 1, 1, 1, device=images.device)
            images = kept * (images + 1) - 1
        seen = self.body(images)
        return torch.cat([self.judge(seen), self.recognise(seen)], 1)


@dataclass(frozen=True)
class InfoGAN(Recipe):
    """The paper's settings for MNIST: 10 categories, 2 continuous codes and 62 numbers of noise."""

    title: ClassVar[str] = "Information maximising GAN"
    paper: ClassVar[str] = "Chen et al. 2016, arXiv:1606.03657"
    small: ClassVar[Mapping[str, Any]] = {
        "filters": 24,
        "hidden": 256,
        "batch_size": 64,
        "continuous_weight": 0.1,
        "fading": 0.6,
    }

    batch_size: int = 128
    latent: int = 62
    categories: int = 10
    continuous: int = 2
    filters: int = 64
    hidden: int = 1024
    information: float = 1.0
    continuous_weight: float = 1.0
    fading: float = 0.0
    learning_rate: float = 1e-3
    discriminator_learning_rate: float = 2e-4
    beta1: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.fading <= 1:
            raise GanevalError(f"option 'fading' is {self.fading}: the most contrast to cut, expected between 0 and 1")

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G, and D with Q as its second head."""
        inputs = self.categories + self.continuous + self.latent
        codes = self.categories + 2 * self.continuous
        nets = {
            "G": upward_stack(inputs, spec, self.filters),
            "D": Discriminator(spec, self.filters, self.hidden, codes=codes, fading=self.fading),
        }
        return ModuleDict(nets).apply(dcgan_initialise)

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam, faster for G."""
        rate = self.learning_rate if network == "G" else self.discriminator_learning_rate
        return Adam(parameters, lr=rate, betas=(self.beta1, 0.999), fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """(n, categories + continuous + latent): a category, each as likely, one-hot; the rest uniform in [-1, 1]."""
        category = torch.randint(self.categories, (n,), generator=rng)
        rest = torch.rand(n, self.continuous + self.latent, generator=rng) * 2 - 1
        return torch.cat([one_hot(category, self.categories).float(), rest], 1)

    def codes(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (N, ...) => categories int64 (N,) and continuous codes (N, continuous)."""
        category, continuous, _ = latents.tensor_split([self.categories, self.categories + self.continuous], 1)
        return category.argmax(1), continuous

    def sweep(self, latents: Tensor, code: int, steps: int = 10) -> Tensor:
        """Latents (N, L) => (N, steps, L), in which one code takes all its values and nothing else changes.

        Args:
            code: 0 is the categorical one, whose `categories` values are the steps; 1 the first continuous one, from -2
                to 2 as in the paper's figures: beyond what it was trained with.
        """
        if not 0 <= code <= self.continuous:
            raise GanevalError(f"code {code}: this model has 0 (the category) to {self.continuous}")
        steps = steps if code else self.categories
        swept = latents[:, None].repeat(1, steps, 1)
        if code:
            swept[:, :, self.categories + code - 1] = torch.linspace(-2, 2, steps)
        else:
            swept[:, :, : self.categories] = torch.eye(self.categories)
        return swept

    def recognise(self, nets: ModuleDict, images: Tensor) -> Tensor:
        """Q's guess of the category: images (N, C, S, S) => log-probabilities (N, categories)."""
        logits: Tensor = nets["D"](images)[:, 1 : 1 + self.categories]
        return logits.log_softmax(1)

    def turns(self) -> Sequence[Turn]:
        """D and Q, then G on the same latents."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def bounds(self, guesses: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Q's outputs (N, categories + 2 continuous) and latents => L_I of category and continuous codes, in nats."""
        category, continuous = self.codes(latents)
        logits, means, log_deviations = guesses.tensor_split([self.categories, self.categories + self.continuous], 1)
        squares = ((continuous - means) * (-log_deviations).exp()).square()
        surprise = (squares / 2 + log_deviations + math.log(2 * math.pi) / 2).sum(1).mean()
        # a uniform code in [-1, 1] has an entropy of log 2
        return math.log(self.categories) - classification(logits, category), self.continuous * math.log(2) - surprise

    def judged(self, nets: ModuleDict, batch: Batch, fake: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Of generated images: D's logits (N,), -lambda L_I, and the two parts of L_I for the log."""
        scores, guesses = nets["D"](fake).tensor_split([1], 1)
        category, continuous = self.bounds(guesses, self.drawn(batch))
        loss = -self.information * category - self.continuous_weight * continuous
        return scores, loss, {"I(category)": category.detach(), "I(continuous)": continuous.detach()}

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D in its two parts."""
        fake, information, _ = self.judged(nets, batch, self.fake(nets, batch).detach())
        real = nets["D"](batch.real)[:, :1]
        return {"loss D": cross_entropy(real, fake), "loss Q": information, **mean_probabilities(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G in its two parts, and the bound."""
        scores, information, bounds = self.judged(nets, batch, self.fake(nets, batch))
        return {"loss G": softplus(-scores).mean(), "code loss G": information, **bounds}
