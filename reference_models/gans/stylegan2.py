"""StyleGAN2: styles scale the weights instead of the maps, and a step in w is to move every image alike.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020,
https://arxiv.org/abs/1912.04958

Idea: normalising maps by their own statistics made droplets, so the expected statistics are used: a style s scales the
weights w of the inputs i, and each output j is divided by the norm of its weights (equations 1 and 3):

    w'_ijk = s_i w_ijk        w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + eps)

Instead of growing, G sums up images of all sizes (skips) and D is residual. With D(x) = sigmoid of the score s(x):

    L_D = -E[log D(x)] - E[log(1 - D(G(z)))]        every 16th iteration 16 gamma/2 E[|grad s(x)|^2]
    L_G = -E[log D(G(z))]                           every 4th iteration 4 weight E[(|J_w^T y| - a)^2]

J_w is the Jacobian of the image, y a normal image, a the running mean of the lengths |J_w^T y|: path length
regularisation (equation 4). The optimizers' rates allow for the turns taken now and then.

Samples can be drawn towards the mean of w (`truncation` below 1); their noise is always the same map.

Reported: an FID of 2.84 on FFHQ at 1024x1024.

Deviations: D halves maps before the second convolution of a block, not in its stride; each image has a layer of its own
where styles change; path lengths are taken of images with one style.
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
from torch.nn.functional import conv2d, leaky_relu, softplus
from torch.optim import Adam, Optimizer

from reference_models.layers import EqualisedConv, EqualisedLinear, deviation_verdict, widths_by_size
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


class ModulatedConv(nn.Module):
    """A convolution whose weights are w''_ijk, or w'_ijk where it does not demodulate."""

    def __init__(self, inputs: int, outputs: int, kernel: int, latent: int, *, demodulate: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.style = EqualisedLinear(latent, inputs, gain=1.0, bias=1.0)
        self.scale, self.demodulate = 1 / math.sqrt(inputs * kernel**2), demodulate

    def forward(self, maps: Tensor, w: Tensor) -> Tensor:
        """(N, inputs, S, S) and w (N, L) => (N, outputs, S, S). Maps are scaled, to the same effect as weights."""
        style, weight = self.style(w), self.weight * self.scale
        made = conv2d(maps * style[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        if not self.demodulate:
            return made
        squares = style.square() @ weight.square().sum((2, 3)).T
        demodulated: Tensor = made * (squares + 1e-8).rsqrt()[:, :, None, None]
        return demodulated


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, leaky ReLU with gain sqrt(2)."""

    def __init__(self, inputs: int, outputs: int, size: int, latent: int) -> None:
        super().__init__()
        self.size = size
        self.convolution = ModulatedConv(inputs, outputs, 3, latent)
        self.noise = Noise(size, 1)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, maps: Tensor, w: Tensor) -> Tensor:
        """(N, inputs, S, S) and w (N, L) => (N, outputs, size, size)."""
        if maps.shape[-1] < self.size:
            maps = smoothly_doubled(maps)
        return math.sqrt(2) * leaky_relu(self.noise(self.convolution(maps, w)) + self.bias, 0.2)


class ToImage(nn.Module):
    """Maps (N, width, S, S) and w (N, L) => their share of the image, (N, C, S, S)."""

    def __init__(self, width: int, channels: int, latent: int) -> None:
        super().__init__()
        self.convolution = ModulatedConv(width, channels, 1, latent, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, maps: Tensor, w: Tensor) -> Tensor:
        """(N, width, S, S) and w (N, L) => (N, C, S, S)."""
        image: Tensor = self.convolution(maps, w) + self.bias
        return image


class SynthesisNetwork(nn.Module):
    """w (N, L), or (N, layers, L) => images (N, C, S, S), cut to [-1, 1] in evaluation."""

    def __init__(self, spec: DataSpec, latent: int, widths: dict[int, int]) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, widths[4], 4, 4))
        self.styled = nn.ModuleList([StyledConv(widths[4], widths[4], 4, latent)])
        for wide, (size, width) in zip(widths.values(), list(widths.items())[1:]):
            self.styled += [StyledConv(wide, width, size, latent), StyledConv(width, width, size, latent)]
        self.paint = nn.ModuleList(ToImage(width, spec.channels, latent) for width in widths.values())
        self.layers = len(self.styled) + 1

    def depth(self) -> int:
        """All layers, always."""
        return self.layers

    def forward(self, w: Tensor) -> Tensor:
        """The image of each size has the style of the convolution that comes after it."""
        styles = per_layer(w, self.layers)
        maps = self.styled[0](self.constant.expand(len(w), -1, -1, -1), styles[:, 0])
        image: Tensor = self.paint[0](maps, styles[:, 1])
        for stage, paint in enumerate(list(self.paint)[1:]):
            first = 2 * stage + 1
            for number in (first, first + 1):
                maps = self.styled[number](maps, styles[:, number])
            image = smoothly_doubled(image) + paint(maps, styles[:, first + 2])
        return image if self.training else image.clamp(-1, 1)


class Residual(nn.Module):
    """(N, inputs, S, S) => (N, outputs, S/2, S/2), of the same variance as its input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        first, second = EqualisedConv(inputs, inputs, 3), EqualisedConv(inputs, outputs, 3)
        self.main = nn.Sequential(first, nn.LeakyReLU(0.2), SmoothHalf(), second, nn.LeakyReLU(0.2))
        self.skip = nn.Sequential(SmoothHalf(), EqualisedConv(inputs, outputs, 1, gain=1.0, bias=False))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, S, S) => (N, outputs, S/2, S/2)."""
        summed: Tensor = self.main(maps) + self.skip(maps)
        return summed / math.sqrt(2)


def discriminator(spec: DataSpec, widths: dict[int, int]) -> nn.Module:
    """Images (N, C, S, S) => scores (N,), the logit of being real."""
    falling = list(widths.values())[::-1]
    blocks = [Residual(wide, narrow) for wide, narrow in pairwise(falling)]
    read = EqualisedConv(spec.channels, falling[0], 1), nn.LeakyReLU(0.2)
    return nn.Sequential(*read, *blocks, *deviation_verdict(falling[-1]))


def path_lengths(images: Tensor, styles: Tensor, rng: torch.Generator) -> Tensor:
    """|J_w^T y| of images (N, C, S, S) made of styles (N, layers, L) => (N,), the root mean square over the layers.

    y is normal, divided by S so that lengths do not depend on the size.
    """
    y = torch.randn(images.shape, generator=rng).to(images) / images.shape[-1]
    (product,) = torch.autograd.grad((images * y).sum(), styles, create_graph=True)
    return product.square().sum(2).mean(1).sqrt()


@dataclass(frozen=True)
class StyleGAN2(Recipe):
    """Configuration F of the paper's Table 1, as trained on FFHQ."""

    title: ClassVar[str] = "Style-based generator with modulated convolutions"
    paper: ClassVar[str] = "Karras et al. 2020, arXiv:1912.04958"
    small: ClassVar[Mapping[str, Any]] = {
        "batch_size": 16,
        "capacity": 512,
        "widest": 64,
        "latent": 64,
        "mapping_layers": 4,
        "gamma": 1.0,
    }

    batch_size: int = 32
    latent: int = 512
    mapping_layers: int = 8
    capacity: int = 32_768
    widest: int = 512
    mixing: float = 0.9
    gamma: float = 10.0
    gamma_every: int = 16
    path_weight: float = 2.0
    path_every: int = 4
    path_decay: float = 0.99
    truncation: float = 1.0
    learning_rate: float = 2e-3
    beta2: float = 0.99

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G, which carries the mean path length a, and D."""
        widths = widths_by_size(spec.size, self.capacity, self.widest)
        mapping = mapping_network(self.latent, self.mapping_layers)
        synthesis = SynthesisNetwork(spec, self.latent, widths)
        generator = StyleGenerator(mapping, synthesis, width=self.latent, truncation=self.truncation)
        generator.register_buffer("path_length", torch.zeros(()))
        return ModuleDict({"G": generator, "D": discriminator(spec, widths)})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam without momentum, slowed by the share c of steps that lazy turns add (appendix B)."""
        every = self.path_every if network == "G" else self.gamma_every
        c = every / (every + 1)
        return Adam(parameters, lr=c * self.learning_rate, betas=(0.0, self.beta2**c), eps=1e-8, fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)

    def fake(self, nets: ModuleDict, batch: Batch) -> Tensor:
        """Generated images, some with two styles."""
        return batch.once("fake", lambda: mixed_images(self, nets["G"], batch, self.mixing))

    def turns(self) -> Sequence[Turn]:
        """D and G, and now and then their penalties."""
        return [
            Turn("D", ("D",), self.discriminator_loss),
            Turn("R1", ("D",), self.gradient_loss, every=self.gamma_every),
            Turn("G", ("G",), self.generator_loss),
            Turn("path", ("G",), self.path_loss, every=self.path_every),
        ]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D; real and generated images go apart, as their deviations differ."""
        real, fake = nets["D"](batch.real), nets["D"](self.fake(nets, batch).detach())
        return {"loss D": cross_entropy(real, fake), **mean_probabilities(real, fake)}

    def gradient_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """R1, for as many iterations as it is left out."""
        return {"R1": self.gamma_every * self.gamma / 2 * r1(nets["D"], batch.real)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G."""
        return {"loss G": softplus(-nets["D"](self.fake(nets, batch))).mean()}

    def path_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """Path length regularisation on half a batch of new latents; moves its running mean first."""
        generator = cast(StyleGenerator, nets["G"])
        z = self.latents(max(len(batch.real) // 2, 1), batch.rng).to(batch.real.device)
        styles = per_layer(generator.mapping(z), cast(SynthesisNetwork, generator.synthesis).layers)
        lengths = path_lengths(generator.synthesis(styles), styles, batch.rng)
        mean = cast(Tensor, generator.path_length)
        mean.lerp_(lengths.detach().mean(), 1 - self.path_decay)
        penalty = (lengths - mean).square().mean()
        return {"path": self.path_every * self.path_weight * penalty, "path length": lengths.detach().mean()}
