"""CycleGAN: image-to-image translation learnt from two sets of images that nobody has paired.

Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017,
https://arxiv.org/abs/1703.10593

Idea: G makes images of the second set (y) of those of the first (x), F the other way round. Discriminators see to it
that G(x) looks like some y; that it looks like the y of this x is enforced by the way back, F(G(x)) = x and G(F(y)) =
y. D is asked for 1 on data and for 0 on translations, by least squares:

    L_D  = 1/2 E[(D_Y(y) - 1)^2] + 1/2 E[D_Y(G(x))^2]  + the same for D_X with x and F(y)
    L_GF = E[(D_Y(G(x)) - 1)^2] + E[(D_X(F(y)) - 1)^2]
           + cycle_weight (E|F(G(x)) - x| + E|G(F(y)) - y|)
           + cycle_weight identity_weight (E|G(y) - y| + E|F(x) - x|)

The last line, for which the authors take identity_weight = 0.5, keeps colours and brightness: what is a y already need
not change. D sees translations by way of a pool of 50: half of the time the newest one, the other half an old one, in
exchange for which the newest is put into the pool. The learning rate stays for `steady_images` and then falls to 0 in a
straight line over `falling_images`; the defaults are the 100 + 100 epochs of the 1,334 zebras.

G and F: a 7x7 convolution, two that halve the size, residual blocks (9, or 6 up to 128x128), two that double it, a 7x7
one; borders are reflected. D: `patches.patch_discriminator`.

Deviations: instance norm has gain and bias; smaller images have no less than the paper's layers, so that an image of
16x16 goes through its blocks at 4x4; no resizing, cropping or mirroring of the training images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.optim import Adam, Optimizer

from reference_models.layers import dcgan_initialise
from reference_models.patches import instance_norm, patch_discriminator
from reference_models.recipe import Batch, DataSpec, Pairing, Translator, Turn

NETWORK = {"forward": "G", "back": "F"}


class Residual(nn.Module):
    """Maps plus two 3x3 convolutions of them, with instance norm and a ReLU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.changes = nn.Sequential(*convolved(width, width, 3), nn.ReLU(), *convolved(width, width, 3))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, S, S) => the same shape."""
        changed: Tensor = maps + self.changes(maps)
        return changed


def convolved(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """A convolution that keeps the size by reflecting the borders, then instance norm."""
    return [nn.Conv2d(inputs, outputs, kernel, padding="same", padding_mode="reflect"), instance_norm(outputs)]


def generator(spec: DataSpec, filters: int, blocks: int) -> nn.Sequential:
    """Images (N, C, S, S) => images of the same shape in [-1, 1]: c7s1-64, d128, d256, R256 ..., u128, u64, c7s1-3."""
    once, twice = 2 * filters, 4 * filters
    down = [nn.Conv2d(filters, once, 3, 2, 1), instance_norm(once), nn.ReLU()]
    down += [nn.Conv2d(once, twice, 3, 2, 1), instance_norm(twice), nn.ReLU()]
    up = [nn.ConvTranspose2d(twice, once, 3, 2, 1, 1), instance_norm(once), nn.ReLU()]
    up += [nn.ConvTranspose2d(once, filters, 3, 2, 1, 1), instance_norm(filters), nn.ReLU()]
    paint = nn.Conv2d(filters, spec.channels, 7, padding="same", padding_mode="reflect")
    inner = [Residual(twice) for _ in range(blocks)]
    return nn.Sequential(*convolved(spec.channels, filters, 7), nn.ReLU(), *down, *inner, *up, paint, nn.Tanh())


class Pool(nn.Module):
    """The last translations or so, for a discriminator to see (Shrivastava et al. 2017)."""

    images: Tensor
    filled: Tensor

    def __init__(self, size: int, spec: DataSpec) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, spec.channels, spec.size, spec.size))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Translations (N, C, S, S) => as many: each itself or, once the pool is full, half of the time an old one."""
        return torch.stack([self._exchange(image, rng) for image in images.detach()])

    def _exchange(self, image: Tensor, rng: torch.Generator) -> Tensor:
        if self.filled < len(self.images):
            self.images[self.filled] = image
            self.filled += 1
            return image
        if torch.rand((), generator=rng) < 0.5:
            return image
        place = int(torch.randint(len(self.images), (), generator=rng))
        old = self.images[place].clone()
        self.images[place] = image
        return old


class FallingAdam(Adam):
    """Adam whose learning rate stays for `steady` steps, then falls to 0 in a straight line over `falling` steps.

    How far it has come is kept with the learning rate, so that it is saved and resumed with it.
    """

    def __init__(
        self, parameters: Iterable[Parameter], rate: float, beta1: float, steady: float, falling: float
    ) -> None:
        super().__init__([{"params": list(parameters), "taken": 0}], lr=rate, betas=(beta1, 0.999), fused=True)
        self.rate, self.steady, self.falling = rate, steady, falling

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """As Adam, at the rate of this step."""
        for group in self.param_groups:
            fallen = max(0.0, group["taken"] - self.steady) / self.falling
            group["lr"] = self.rate * max(0.0, 1 - fallen)
            group["taken"] += 1
        return super().step(closure)


@dataclass(frozen=True)
class CycleGAN(Translator):
    """The paper's section 4 and its appendix, on horses and zebras; `blocks` is for images of 256x256."""

    title: ClassVar[str] = "CycleGAN, unpaired image-to-image translation"
    paper: ClassVar[str] = "Zhu et al. 2017, arXiv:1703.10593"
    source: ClassVar[Pairing] = "unpaired"
    directions: ClassVar[tuple[str, ...]] = ("forward", "back")
    averaged: ClassVar[tuple[str, ...]] = ("G", "F")
    # grey images have no colours to keep, and without the identity loss a third of the generators' work is saved
    small: ClassVar[Mapping[str, Any]] = {
        "filters": 16,
        "batch_size": 4,
        "blocks": 2,
        "patch_layers": 2,
        "identity_weight": 0.0,
        "learning_rate": 4e-4,
        "steady_images": 8_000,
        "falling_images": 8_000,
    }

    batch_size: int = 1
    filters: int = 64
    blocks: int = 9
    patch_layers: int = 3
    pool: int = 50
    cycle_weight: float = 10.0
    identity_weight: float = 0.5
    learning_rate: float = 2e-4
    beta1: float = 0.5
    steady_images: int = 133_400
    falling_images: int = 133_400

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and F, D_Y and D_X, and a pool for each of these two."""
        nets: dict[str, nn.Module] = {name: generator(spec, self.filters, self.blocks) for name in ("G", "F")}
        for name in ("D_Y", "D_X"):
            nets[name] = patch_discriminator(spec.channels, spec, self.filters, self.patch_layers)
        return ModuleDict(nets | {name: Pool(self.pool, spec) for name in ("pool_Y", "pool_X")}).apply(dcgan_initialise)

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam with the momentum lowered to 0.5 and a learning rate that falls."""
        steady, falling = self.steady_images / self.batch_size, self.falling_images / self.batch_size
        return FallingAdam(parameters, self.learning_rate, self.beta1, steady, falling)

    def translate(self, nets: ModuleDict, images: Tensor, direction: str = "forward") -> Tensor:
        """G(x), or back F(y)."""
        translated: Tensor = nets[NETWORK[direction]](images)
        return translated

    def turns(self) -> Sequence[Turn]:
        """G and F together, then D_Y and D_X on the same translations."""
        return [
            Turn("GF", ("G", "F"), self.generator_loss),
            Turn("D", ("D_Y", "D_X"), self.discriminator_loss),
        ]

    def back(self, nets: ModuleDict, batch: Batch) -> Tensor:
        """F(y): one forward per batch, shared by its turns, as `fake` is for G(x)."""
        return batch.once("back", lambda: self.translate(nets, batch.real, "back"))

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_GF in its three lines; `cycle L1` is the mean of the second's two errors."""
        x, y, there, back = batch.source, batch.real, self.fake(nets, batch), self.back(nets, batch)
        fooling = (nets["D_Y"](there) - 1).square().mean() + (nets["D_X"](back) - 1).square().mean()
        cycle = error(nets["F"](there), x) + error(nets["G"](back), y)
        terms = {"fooling": fooling, "cycle": self.cycle_weight * cycle, "cycle L1": cycle.detach() / 2}
        if self.identity_weight:
            kept = error(nets["G"](y), y) + error(nets["F"](x), x)
            terms["identity"] = self.cycle_weight * self.identity_weight * kept
        return terms

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D, translations by way of the pools."""
        terms = {}
        for name, real, fake in (("Y", batch.real, self.fake), ("X", batch.source, self.back)):
            pool, judge = nets[f"pool_{name}"], nets[f"D_{name}"]
            assert isinstance(pool, Pool)
            true, false = judge(real), judge(pool.exchange(fake(nets, batch), batch.rng))
            terms[f"loss D_{name}"] = ((true - 1).square().mean() + false.square().mean()) / 2
        return terms


def error(images: Tensor, others: Tensor) -> Tensor:
    """Mean |x - y| over images, channels and pixels, in [0, 2]."""
    return (images - others).abs().mean()
