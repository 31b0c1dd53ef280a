"""Progressive growing of GANs: small images first, layers for larger ones fade in.

Karras, Aila, Laine, Lehtinen, "Progressive Growing of GANs for Improved Quality, Stability, and Variation", ICLR 2018,
https://arxiv.org/abs/1710.10196

Idea: 4x4 images are quickly learnt; then both networks get layers for twice the size, mixed in with a share that grows
from 0 to 1, and so on. Real images are shrunk to the current size and blended like the generated ones. Signals are kept
in bounds by weights scaled at run time (`EqualisedConv`), by normalised feature vectors in G (`PixelNorm`), and D is
told how much the images of a batch differ (`MinibatchDeviation`). The losses are WGAN-GP's and a term that keeps the
critic near 0, with x^ between real and generated images:

    L_D = E[D(G(z))] - E[D(x)] + lambda E[(|grad D(x^)| - 1)^2] + drift E[D(x)^2]
    L_G = -E[D(G(z))]

`stable_images` are shown at each size, then `fade_images` while the next one comes in. Samples have the full size at
any time, by repeating pixels. The penalty takes D's sum over a batch, although the deviation couples images, as the
authors do.

Reported: an Inception score of 8.80 on CIFAR-10 without labels; faces of 1024x1024 (abstract).

Deviations: one batch size for all image sizes, and Adam's moments are kept when the networks grow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from reference_models.growing import GrowingDiscriminator, GrowingImage, Growth, Schedule, advance
from reference_models.layers import EqualisedConv, EqualisedLinear, PixelNorm, widths_by_size
from reference_models.losses import mean_scores
from reference_models.penalties import gradient_penalty
from reference_models.recipe import Batch, DataSpec, Recipe, Turn


class Generator(nn.Module):
    """z (N, L) => images (N, C, S, S), in training of the current size; see `GrowingImage`."""

    def __init__(self, spec: DataSpec, latent: int, widths: dict[int, int], schedule: Schedule) -> None:
        super().__init__()
        self.growth = Growth(schedule, spec.size)
        self.first = nn.Sequential(
            PixelNorm(),
            # a fourth of the gain, as in the authors' code
            EqualisedLinear(latent, widths[4] * 16, gain=math.sqrt(2) / 4),
            nn.Unflatten(1, (widths[4], 4, 4)),
            nn.LeakyReLU(0.2),
            PixelNorm(),
            *_normed(widths[4], widths[4]),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), *_normed(wide, narrow), *_normed(narrow, narrow))
            for wide, narrow in pairwise(widths.values())
        )
        self.image = GrowingImage(spec, widths, schedule.first)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, L) => images."""
        size, share = self.growth.now()
        maps = [self.first(z)]
        while maps[-1].shape[-1] < size:
            maps.append(self.blocks[len(maps) - 1](maps[-1]))
        images: Tensor = self.image(maps, share)
        return images


def _normed(inputs: int, outputs: int) -> list[nn.Module]:
    return [EqualisedConv(inputs, outputs, 3), nn.LeakyReLU(0.2), PixelNorm()]


@dataclass(frozen=True)
class ProGAN(Recipe):
    """The numbers of the paper's appendix A; networks have at most `widest` maps, or `capacity` / size."""

    title: ClassVar[str] = "Progressive growing of GANs"
    paper: ClassVar[str] = "Karras et al. 2018, arXiv:1710.10196"
    small: ClassVar[Mapping[str, Any]] = {
        "capacity": 384,
        "widest": 64,
        "latent": 64,
        "first_size": 8,
        "stable_images": 2_000,
        "fade_images": 2_000,
        "learning_rate": 2e-3,
    }

    batch_size: int = 16
    latent: int = 512
    capacity: int = 16_384
    widest: int = 512
    first_size: int = 4
    stable_images: int = 800_000
    fade_images: int = 800_000
    penalty: float = 10.0
    drift: float = 1e-3
    learning_rate: float = 1e-3
    beta2: float = 0.99

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and the critic D."""
        widths = widths_by_size(spec.size, self.capacity, self.widest)
        schedule = Schedule(self.first_size, self.stable_images, self.fade_images)
        critic = GrowingDiscriminator(spec, widths, schedule, nn.AvgPool2d(2))
        return ModuleDict({"G": Generator(spec, self.latent, widths, schedule), "D": critic})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam without momentum."""
        return Adam(parameters, lr=self.learning_rate, betas=(0.0, self.beta2), eps=1e-8, fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent); G scales it to the sphere."""
        return torch.randn(n, self.latent, generator=rng)

    def turns(self) -> Sequence[Turn]:
        """D, then G, then both have seen one batch more."""
        return [
            Turn("D", ("D",), self.critic_loss),
            Turn("G", ("G",), self.generator_loss, after=self.grow),
        ]

    def grow(self, nets: ModuleDict) -> None:
        """Count the batch, in G and D alike."""
        advance([cast(Growth, net.growth) for net in nets.values()], self.batch_size)

    def critic_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D in its parts; real and generated images go apart, as their deviations differ."""
        critic = cast(GrowingDiscriminator, nets["D"])
        real, fake = critic.shrunk(batch.real), self.fake(nets, batch).detach()
        real_score, fake_score = critic(real), critic(fake)
        distance = real_score.mean() - fake_score.mean()
        return {
            "loss D": -distance,
            "penalty": self.penalty * gradient_penalty(critic, real, fake, batch.rng),
            "drift": self.drift * real_score.square().mean(),
            "W": distance.detach(),
            "size": real.new_tensor(float(real.shape[-1])),
            **mean_scores(real_score, fake_score),
        }

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        return {"loss G": -nets["D"](self.fake(nets, batch)).mean()}
