"""StyleGAN: the latent steers every layer through its style, and noise paints the details.

Karras, Laine, Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks", CVPR 2019,
https://arxiv.org/abs/1812.04948

Idea: a mapping network turns z into w, whose distribution need not be that of z and is less entangled. The synthesis
network starts from a learnt constant; after each convolution, noise is added, and w gives every feature map x_i a new
standard deviation and mean (adaptive instance normalisation):

    AdaIN(x_i, w) = (1 + s_i) (x_i - mean(x_i)) / std(x_i) + b_i,    (s, b) = A w

Some images have two styles, w_1 up to a random layer and w_2 from there on (`mixing`). Growing as in ProGAN, from 8x8;
sizes are doubled and halved bilinearly. Losses, with D(x) = sigmoid of the score s(x):

    L_D = -E[log D(x)] - E[log(1 - D(G(z)))] + gamma/2 E[|grad s(x)|^2]
    L_G = -E[log D(G(z))]

Samples can be drawn towards the mean of w (`truncation` below 1); their noise is always the same map.

Deviations: one batch size and learning rate for all image sizes, Adam's moments are kept when the networks grow; each
image has a layer of its own where styles change; truncation concerns all layers alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import leaky_relu, softplus
from torch.optim import Adam, Optimizer

from reference_models.growing import GrowingDiscriminator, GrowingImage, Growth, Schedule, advance
from reference_models.layers import EqualisedConv, EqualisedLinear, widths_by_size
from reference_models.losses import cross_entropy, mean_probabilities
from reference_models.penalties import r1
from reference_models.recipe import Batch, DataSpec, Recipe, Turn
from reference_models.style import (
    Noise,
    SmoothHalf,
    StyleGenerator,
    mapping_network,
    mixed_images,
    per_layer,
    smoothly_doubled,
)


class StyledLayer(nn.Module):
    """Maps => maps of `size`: doubled if need be, convolved (unless `inputs` is 0), noise, leaky ReLU, AdaIN."""

    def __init__(self, inputs: int, outputs: int, size: int, latent: int) -> None:
        super().__init__()
        self.size = size
        self.convolution = EqualisedConv(inputs, outputs, 3, bias=False) if inputs else nn.Identity()
        self.noise = Noise(size, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))
        self.normalise = nn.InstanceNorm2d(outputs)
        self.style = EqualisedLinear(latent, 2 * outputs, gain=1.0)

    def forward(self, maps: Tensor, w: Tensor) -> Tensor:
        """(N, inputs, S, S) and w (N, L) => (N, outputs, size, size)."""
        if maps.shape[-1] < self.size:
            maps = smoothly_doubled(maps)
        maps = leaky_relu(self.noise(self.convolution(maps)) + self.bias, 0.2)
        scale, shift = self.style(w)[:, :, None, None].chunk(2, 1)
        styled: Tensor = self.normalise(maps) * (1 + scale) + shift
        return styled


class SynthesisNetwork(nn.Module):
    """w (N, L), or (N, layers, L) => images (N, C, S, S), in training of the current size; see `GrowingImage`."""

    def __init__(self, spec: DataSpec, latent: int, widths: dict[int, int], schedule: Schedule) -> None:
        super().__init__()
        self.growth = Growth(schedule, spec.size)
        self.constant = nn.Parameter(torch.ones(1, widths[4], 4, 4))
        self.styled = nn.ModuleList()
        for size, width in widths.items():
            before = widths.get(size // 2, 0)
            self.styled += [StyledLayer(before, width, size, latent), StyledLayer(width, width, size, latent)]
        self.layers = len(self.styled)
        self.image = GrowingImage(spec, widths, schedule.first)

    def depth(self) -> int:
        """Two layers for each size up to the current one."""
        return 2 * (self.growth.now()[0].bit_length() - 2)

    def forward(self, w: Tensor) -> Tensor:
        """w (N, L), or (N, layers, L) => images."""
        styles = per_layer(w, self.layers)
        maps = [self.constant.expand(len(w), -1, -1, -1)]
        for number in range(self.depth()):
            maps.append(self.styled[number](maps[-1], styles[:, number]))
        images: Tensor = self.image(maps[2::2], self.growth.now()[1])
        return images


@dataclass(frozen=True)
class StyleGAN(Recipe):
    """Configuration F of the paper's Table 1, as trained on FFHQ."""

    title: ClassVar[str] = "Style-based generator"
    paper: ClassVar[str] = "Karras et al. 2019, arXiv:1812.04948"
    small: ClassVar[Mapping[str, Any]] = {
        "batch_size": 16,
        "capacity": 384,
        "widest": 64,
        "latent": 64,
        "mapping_layers": 2,
        "mixing": 0.5,
        "stable_images": 2_000,
        "fade_images": 1_500,
        "gamma": 0.3,
        "learning_rate": 2e-3,
    }

    batch_size: int = 32
    latent: int = 512
    mapping_layers: int = 8
    capacity: int = 16_384
    widest: int = 512
    first_size: int = 8
    stable_images: int = 600_000
    fade_images: int = 600_000
    mixing: float = 0.9
    gamma: float = 10.0
    truncation: float = 1.0
    learning_rate: float = 1e-3
    beta2: float = 0.99

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        widths = widths_by_size(spec.size, self.capacity, self.widest)
        schedule = Schedule(self.first_size, self.stable_images, self.fade_images)
        synthesis = SynthesisNetwork(spec, self.latent, widths, schedule)
        mapping = mapping_network(self.latent, self.mapping_layers)
        generator = StyleGenerator(mapping, synthesis, width=self.latent, truncation=self.truncation)
        return ModuleDict({"G": generator, "D": GrowingDiscriminator(spec, widths, schedule, SmoothHalf())})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam without momentum; the mapping network's smaller rate is in its layers."""
        return Adam(parameters, lr=self.learning_rate, betas=(0.0, self.beta2), eps=1e-8, fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def fake(self, nets: ModuleDict, batch: Batch) -> Tensor:
        """Generated images of the current size, some with two styles."""
        return batch.once("fake", lambda: mixed_images(self, nets["G"], batch, self.mixing))

    def turns(self) -> Sequence[Turn]:
        """D, then G, then both have seen one batch more."""
        return [
            Turn("D", ("D",), self.discriminator_loss),
            Turn("G", ("G",), self.generator_loss, after=self.grow),
        ]

    def grow(self, nets: ModuleDict) -> None:
        """Count the batch, in G and D alike."""
        owners = cast(StyleGenerator, nets["G"]).synthesis, nets["D"]
        advance([cast(Growth, owner.growth) for owner in owners], self.batch_size)

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D in its two parts."""
        discriminator = cast(GrowingDiscriminator, nets["D"])
        images = discriminator.shrunk(batch.real)
        real, fake = discriminator(images), discriminator(self.fake(nets, batch).detach())
        return {
            "loss D": cross_entropy(real, fake),
            "R1": self.gamma / 2 * r1(discriminator, images),
            "size": images.new_tensor(float(images.shape[-1])),
            **mean_probabilities(real, fake),
        }

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        return {"loss G": softplus(-nets["D"](self.fake(nets, batch))).mean()}
