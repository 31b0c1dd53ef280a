"""From uint8 images of any size to the float tensor of a network. Every extractor states its resize in these words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ganeval.errors import GanevalError, ImageError, unknown
from ganeval.images.source import Images


def checked(images: Images) -> Images:
    """The images as they are, if they are uint8 (N, 1 or 3, H, W).

    Raises:
        ImageError: another type, or another number of channels.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ImageError(
            f"extractors take uint8 images (N, 1 or 3, H, W), got {images.dtype} {tuple(images.shape)}: "
            "scale to 0..255, round and convert with .to(torch.uint8)"
        )
    return images


def rgb(images: Tensor) -> Tensor:
    """(N, 1 or 3, H, W) => (N, 3, H, W); grey is repeated without a copy. Cheapest after the resize."""
    return images.expand(-1, 3, -1, -1)


def halves(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs (N, 2 or 6, H, W), left and right stacked along the channels => two RGB float32 (N, 3, H, W) in [0, 255].

    Pairs are uint8, or float32 on the same scale: what a generator painted before it was rounded.

    Raises:
        ImageError: another type, or another number of channels.
    """
    if pairs.dtype not in (torch.uint8, torch.float32) or pairs.ndim != 4 or pairs.shape[1] not in (2, 6):
        raise ImageError(
            f"extractors of pairs take uint8 images (N, 2 or 6, H, W), left and right stacked along the channels, or "
            f"float32 of the same range; got {pairs.dtype} {tuple(pairs.shape)}"
        )
    left, right = pairs.float().chunk(2, 1)
    return rgb(left), rgb(right)


class OneSize:
    """Remembers the size of the first images; later ones must have it too, or their rows could not be compared.

    Attributes:
        instead: what a user with images of several sizes could do besides resizing them; `{size}` is the least side.
    """

    def __init__(self, name: str, instead: str = "compare pixels at a common size with pixels:{size}") -> None:
        self.name, self.instead = name, instead
        self.size: tuple[int, int] | None = None

    def check(self, images: Images) -> None:
        """Raise ImageError if these images are not of the size of the first."""
        got = (int(images.shape[2]), int(images.shape[3]))
        self.size = self.size or got
        if got != self.size:
            raise ImageError(
                f"{self.name} takes images of one size, got {got[0]}x{got[1]} after {self.size[0]}x{self.size[1]}: "
                f"resize them first, or {self.instead.format(size=min(*got, *self.size))}"
            )


def antialiased(images: Images, size: tuple[int, int], mode: str = "bilinear") -> Tensor:
    """uint8 (N, C, H, W) => float32 (N, C, *size) in [0, 255], resized with an antialiasing `mode` filter."""
    pixels = images.float()
    if tuple(images.shape[2:]) == size:
        return pixels
    resized = functional.interpolate(pixels, size, mode=mode, align_corners=False, antialias=True)
    return resized.clamp_(0, 255)  # cubic filters overshoot


def tf1_bilinear(images: Images, size: int) -> Tensor:
    """uint8 (N, C, H, W) => float32 (N, C, size, size) in [0, 255], as TensorFlow 1 resized: no half-pixel shift.

    Output pixel i reads at i * H / size, between its two neighbours, without antialiasing. FID's published numbers
    rest on this. Interpolates columns first, in TensorFlow's order, so that the rounding agrees too.
    """
    low, high, weight = _neighbours(images.shape[3], size, images.device)
    left = images.index_select(3, low).float()
    columns = (images.index_select(3, high).float() - left).mul_(weight).add_(left)
    low, high, weight = _neighbours(images.shape[2], size, images.device)
    top = columns.index_select(2, low)
    return (columns.index_select(2, high) - top).mul_(weight[:, None]).add_(top)


def half_pixel_bilinear(images: Images, size: int) -> Tensor:
    """uint8 (N, C, H, W) => float32 (N, C, size, size) in [0, 255], as torch and TensorFlow 2 resize unless asked.

    Output pixel i reads at (i + 1/2) * H / size - 1/2, between its two neighbours, without antialiasing.
    """
    return functional.interpolate(images.float(), (size, size), mode="bilinear", align_corners=False)


def pillow_bicubic(images: Images, size: int) -> Tensor:
    """uint8 (N, C, H, W) => float32 (N, C, size, size), whole numbers in [0, 255]: Pillow on 8 bits, antialiased."""
    return _by_pillow(images, size, np.uint8)


def pillow_bicubic_float(images: Images, size: int) -> Tensor:
    """uint8 (N, C, H, W) => float32 (N, C, size, size) in [0, 255]: Pillow on floats, antialiased, then clipped.

    Each channel by itself, never rounded (Parmar et al. 2022, arXiv:2104.11222).
    """
    return _by_pillow(images, size, np.float32).clamp_(0, 255)


def _by_pillow(images: Images, size: int, kind: type[np.generic]) -> Tensor:
    channels = images.flatten(0, 1).cpu().numpy().astype(kind)
    resized = [np.array(Image.fromarray(c).resize((size, size), Image.Resampling.BICUBIC)) for c in channels]
    whole = torch.from_numpy(np.stack(resized)).view(*images.shape[:2], size, size)
    return whole.to(images.device, torch.float32)


@dataclass(frozen=True)
class Resizer:
    """One way of bringing images to a square size, and what it is called.

    Attributes:
        words: what it does, for people.
        resize: uint8 (N, C, H, W), size => float32 (N, C, size, size) in [0, 255].
        version: raised when a change of code changes its numbers; part of fingerprints.
    """

    name: str
    words: str
    resize: Callable[[Images, int], Tensor]
    version: int = 1

    @property
    def fingerprint(self) -> str:
        """Name and version."""
        return f"{self.name}/{self.version}"


RESIZERS = {
    resizer.name: resizer
    for resizer in (
        Resizer("tf1", "TensorFlow 1 bilinear, no half-pixel shift, no antialias", tf1_bilinear),
        Resizer("half-pixel", "half-pixel bilinear, no antialias", half_pixel_bilinear),
        Resizer("antialiased", "torch bilinear, antialiased", lambda images, size: antialiased(images, (size, size))),
        Resizer("pillow-float", "Pillow bicubic on floats per channel, clipped, not rounded", pillow_bicubic_float),
        Resizer("pillow", "Pillow bicubic on 8 bits, rounded", pillow_bicubic),
    )
}


def parse_resize(text: str) -> tuple[Resizer, int | None]:
    """`NAME` or `NAME:SIZE` => the resizer, and the size if one is given.

    Raises:
        GanevalError: an unknown resizer, or a size that is no positive whole number.

    >>> resizer, size = parse_resize("pillow:224")
    >>> resizer.name, size
    ('pillow', 224)
    """
    name, colon, size = text.partition(":")
    if name not in RESIZERS:
        raise unknown("resizer", name, RESIZERS)
    if colon and (not size.isdecimal() or int(size) == 0):
        raise GanevalError(f"resizer '{text}': the size is '{size}', expected 1 or more: write {name}:224, say")
    return RESIZERS[name], int(size) if colon else None


def fixed_size_resizer(text: str, network: str, size: int) -> Resizer:
    """The resizer `text` names for a network whose input is `size` pixels; TensorFlow 1's where it names none.

    Raises:
        GanevalError: an unknown resizer, or one of another size.
    """
    resizer, asked = parse_resize(text or "tf1")
    if asked not in (None, size):
        raise GanevalError(f"{network} takes images of {size} pixels, got the resizer '{text}': write {resizer.name}")
    return resizer


def _neighbours(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each of `size` output positions: lower and upper input index, and the weight of the upper."""
    scale = torch.tensor(length / size, dtype=torch.float32, device=device)
    position = torch.arange(size, dtype=torch.float32, device=device) * scale
    low = position.floor()
    return low.long(), (low.long() + 1).clamp_(max=length - 1), position - low
