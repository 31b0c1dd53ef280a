"""pix2pix: image-to-image translation learnt from pairs.

Isola, Zhu, Zhou, Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017,
https://arxiv.org/abs/1611.07004

Idea: G turns x (edges, labels) into the y that belongs to it. L1 alone would blur what x does not decide; so D, which
sees x beside y or beside G(x), judges whether every patch of the pair is plausible, and leaves the rest to L1:

    L_D = 1/2 (-E[log D(x, y)] - E[log(1 - D(x, G(x)))])
    L_G = -E[log D(x, G(x))] + l1_weight E|y - G(x)|

with D(x, y) the sigmoid of the scores of all patches. G is a U-Net: what goes down to one place comes up again, and
the maps on the way up have those of that size on the way down beside them, so that edges pass by the bottleneck.
Its noise is dropout in the first three stages on the way up, when images are translated as well as in training; as the
authors say, it changes little.

Deviations: any power-of-two size from 16 up, with one halving for each down to 1x1 (widths double up to 8 x `filters`);
instance normalisation, which is what the paper's batch norm with the statistics of the test batch amounts to at its
batch size of 1, and none at 1x1, which it would zero; no jitter and no mirroring of the training images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import dropout, softplus
from torch.optim import Adam, Optimizer

from reference_models.layers import dcgan_initialise
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.patches import instance_norm, patch_discriminator
from reference_models.recipe import Batch, DataSpec, Pairing, Translator, Turn

NOISY = 3
"""Stages on the way up that have dropout, from the smallest maps on."""


class Noise(nn.Module):
    """Dropout with probability 1/2, in evaluation as well: the only noise there is."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, S, S) => the same shape."""
        return dropout(maps, 0.5, training=True)


class UNet(nn.Module):
    """Images (N, C, S, S) => images of the same shape in [-1, 1]."""

    def __init__(self, spec: DataSpec, filters: int) -> None:
        super().__init__()
        stages = spec.size.bit_length() - 1  # the last maps down are 1x1
        widths = [filters * min(2**stage, 8) for stage in range(stages)]
        self.down = nn.ModuleList(
            self.halving(inputs, outputs, first=not stage, last=stage == stages - 1)
            for stage, (inputs, outputs) in enumerate(zip([spec.channels, *widths], widths))
        )
        # each but the first gets two maps: what came up, and what went down at its size
        inputs = [widths[-1], *[2 * width for width in widths[-2:0:-1]]]
        self.up = nn.ModuleList(
            self.doubling(wide, narrow, noisy=stage < NOISY)
            for stage, (wide, narrow) in enumerate(zip(inputs, widths[-2::-1]))
        )
        self.paint = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * widths[0], spec.channels, 4, 2, 1), nn.Tanh())
        self.apply(dcgan_initialise)

    @staticmethod
    def halving(inputs: int, outputs: int, *, first: bool, last: bool) -> nn.Module:
        """(N, inputs, S, S) => (N, outputs, S/2, S/2)."""
        before = [] if first else [nn.LeakyReLU(0.2)]
        normed = [] if first or last else [instance_norm(outputs)]
        return nn.Sequential(*before, nn.Conv2d(inputs, outputs, 4, 2, 1), *normed)

    @staticmethod
    def doubling(inputs: int, outputs: int, *, noisy: bool) -> nn.Module:
        """(N, inputs, S, S) => (N, outputs, 2S, 2S)."""
        noise = [Noise()] if noisy else []
        return nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), instance_norm(outputs), *noise)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, S, S) => (N, C, S, S) in [-1, 1]."""
        downs, maps = [], images
        for stage in self.down:
            maps = stage(maps)
            downs.append(maps)
        for stage, skipped in zip(self.up, downs[-2::-1], strict=True):
            maps = torch.cat([stage(maps), skipped], 1)
        painted: Tensor = self.paint(maps)
        return painted


@dataclass(frozen=True)
class Pix2Pix(Translator):
    """The paper's appendix, on facades."""

    title: ClassVar[str] = "pix2pix, paired image-to-image translation"
    paper: ClassVar[str] = "Isola et al. 2016, arXiv:1611.07004"
    source: ClassVar[Pairing] = "paired"
    small: ClassVar[Mapping[str, Any]] = {"filters": 24, "batch_size": 8, "patch_layers": 1}

    batch_size: int = 1
    filters: int = 64
    patch_layers: int = 3
    l1_weight: float = 100.0
    learning_rate: float = 2e-4
    beta1: float = 0.5

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        judge = patch_discriminator(2 * spec.channels, spec, self.filters, self.patch_layers)
        return ModuleDict({"G": UNet(spec, self.filters), "D": judge.apply(dcgan_initialise)})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with the momentum lowered to 0.5."""
        return Adam(parameters, lr=self.learning_rate, betas=(self.beta1, 0.999), fused=True)

    def translate(self, nets: ModuleDict, images: Tensor, direction: str = "forward") -> Tensor:
        """G(x), with the noise of its dropout."""
        translated: Tensor = nets["G"](images)
        return translated

    def turns(self) -> Sequence[Turn]:
        """D, then G on the same pairs."""
        return [Turn("D", ("D",), self.discriminator_loss), Turn("G", ("G",), self.generator_loss)]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D, of which half is taken, so that D learns more slowly than G."""
        real = nets["D"](torch.cat([batch.source, batch.real], 1))
        fake = nets["D"](torch.cat([batch.source, self.fake(nets, batch).detach()], 1))
        return {"loss D": cross_entropy(real, fake) / 2, **mean_probabilities(real, fake)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G in its two parts; `L1` is the second without its weight."""
        fake = self.fake(nets, batch)
        fooling = softplus(-nets["D"](torch.cat([batch.source, fake], 1))).mean()
        error = (batch.real - fake).abs().mean()
        return {"fooling": fooling, "weighted L1": self.l1_weight * error, "L1": error.detach()}
