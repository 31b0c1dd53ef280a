"""Networks that grow with the images: what progan, and stylegan after it, share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict
from torch.nn.functional import avg_pool2d, interpolate

from ganeval.errors import GanevalError
from reference_models.layers import EqualisedConv, deviation_verdict
from reference_models.recipe import DataSpec


@dataclass(frozen=True)
class Schedule:
    """When networks grow, counted in real images shown.

    Attributes:
        first: the size to start at, a power of two from 4 up; the whole size, where that is less.
        stable: images for which a size stays as it is.
        fade: images during which the next size's layers come in.
    """

    first: int
    stable: int
    fade: int

    def __post_init__(self) -> None:
        if self.first < 4 or self.first & (self.first - 1):
            raise GanevalError(f"option 'first_size' is {self.first}: expected a power of two from 4 up")


class Growth(nn.Module):
    """How far a network has grown. The count of images is a buffer, saved and resumed with the weights."""

    shown: Tensor

    def __init__(self, schedule: Schedule, size: int) -> None:
        super().__init__()
        self.schedule, self.first, self.last = schedule, min(schedule.first, size), size
        self.register_buffer("shown", torch.zeros((), dtype=torch.int64))

    def now(self) -> tuple[int, float]:
        """The current size, and the share in (0, 1] that its newest layers have of the image."""
        stable, fade = self.schedule.stable, self.schedule.fade
        past = int(self.shown) - stable
        stage, within = divmod(past, fade + stable)
        size = self.first * 2 ** (stage + 1)
        if past < 0 or size > self.last:
            return (self.first if past < 0 else self.last), 1.0
        return size, min((within + 1) / fade, 1.0)


def advance(growths: Sequence[Growth], images: int) -> None:
    """Count `images` more as shown, in all of them alike."""
    for growth in growths:
        growth.shown += images


class GrowingImage(nn.Module):
    """Maps of each size so far => images, in which the newest size fades in over the enlarged one before it.

    In training, images (N, C, s, s) of the current size s, as the discriminator is to see them; in evaluation
    (N, C, S, S), the full size by repeating pixels, cut to [-1, 1].
    """

    def __init__(self, spec: DataSpec, widths: dict[int, int], first: int) -> None:
        super().__init__()
        self.size = spec.size
        sizes = [size for size in widths if size >= min(first, spec.size)]
        self.paint = ModuleDict({str(size): EqualisedConv(widths[size], spec.channels, 1, gain=1.0) for size in sizes})

    def forward(self, maps: Sequence[Tensor], share: float) -> Tensor:
        """The last of `maps` is (N, width, s, s); before it, where `share` is below 1, (N, width, s/2, s/2)."""
        image: Tensor = self.paint[str(maps[-1].shape[-1])](maps[-1])
        if share < 1:
            older = self.paint[str(maps[-2].shape[-1])](maps[-2])
            image = torch.lerp(_enlarged(older, 2), image, share)
        if self.training:
            return image
        return _enlarged(image, self.size // image.shape[-1]).clamp(-1, 1)


class GrowingDiscriminator(nn.Module):
    """Images of the current size, or of any larger one => scores (N,).

    Args:
        widths: feature maps at each size.
        halve: the layer that halves maps.
    """

    def __init__(self, spec: DataSpec, widths: dict[int, int], schedule: Schedule, halve: nn.Module) -> None:
        super().__init__()
        self.growth = Growth(schedule, spec.size)
        sizes = [size for size in widths if size >= self.growth.first]
        self.read = ModuleDict(
            {
                str(size): nn.Sequential(EqualisedConv(spec.channels, widths[size], 1), nn.LeakyReLU(0.2))
                for size in sizes
            }
        )
        self.blocks = ModuleDict(
            {str(size): _block(widths[size], widths[size // 2], halve) for size in widths if size > 4}
        )
        self.judge = deviation_verdict(widths[4])

    def shrunk(self, images: Tensor) -> Tensor:
        """Real images (N, C, S, S) as the networks see them now, (N, C, s, s): as sharp as the current image is."""
        size, share = self.growth.now()
        images = _pooled(images, size)
        return torch.lerp(_enlarged(avg_pool2d(images, 2), 2), images, share) if share < 1 else images

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, s, s) => scores (N,)."""
        size, share = self.growth.now()
        images = _pooled(images, size)
        maps = self.read[str(size)](images)
        while size > 4:
            maps = self.blocks[str(size)](maps)
            size //= 2
            if share < 1:
                maps, share = torch.lerp(self.read[str(size)](avg_pool2d(images, 2)), maps, share), 1.0
        scores: Tensor = self.judge(maps)
        return scores


def _block(inputs: int, outputs: int, halve: nn.Module) -> nn.Module:
    """(N, inputs, S, S) => (N, outputs, S/2, S/2)."""
    first, second = EqualisedConv(inputs, inputs, 3), EqualisedConv(inputs, outputs, 3)
    return nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), halve)


def _pooled(images: Tensor, size: int) -> Tensor:
    return avg_pool2d(images, images.shape[-1] // size) if images.shape[-1] > size else images


def _enlarged(images: Tensor, times: int) -> Tensor:
    return interpolate(images, scale_factor=float(times), mode="nearest") if times > 1 else images
