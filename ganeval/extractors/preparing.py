"""From uint8 images of any size to the float tensor of a network. Every extractor states its resize in these words."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ganeval.errors import ImageError
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


class OneSize:
    """Remembers the size of the first images; later ones must have it too, or their rows could not be compared."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.size: tuple[int, int] | None = None

    def check(self, images: Images) -> None:
        """Raise ImageError if these images are not of the size of the first."""
        got = (int(images.shape[2]), int(images.shape[3]))
        self.size = self.size or got
        if got != self.size:
            raise ImageError(
                f"{self.name} takes images of one size, got {got[0]}x{got[1]} after {self.size[0]}x{self.size[1]}: "
                f"resize them first, or compare pixels at a common size with pixels:{min(*got, *self.size)}"
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


def _neighbours(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each of `size` output positions: lower and upper input index, and the weight of the upper."""
    scale = torch.tensor(length / size, dtype=torch.float32, device=device)
    position = torch.arange(size, dtype=torch.float32, device=device) * scale
    low = position.floor()
    return low.long(), (low.long() + 1).clamp_(max=length - 1), position - low
