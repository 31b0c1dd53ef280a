"""Patches from every level of an image's Laplacian pyramid, for sliced Wasserstein distances.

Karras, Aila, Laine, Lehtinen, "Progressive growing of GANs", ICLR 2018, arXiv 1710.10196, section 5; the pyramid is
that of Burt and Adelson, IEEE Transactions on Communications 31(4), 1983.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor
from torch.nn import functional

from ganeval.errors import GanevalError
from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.preparing import OneSize, checked, rgb
from ganeval.extractors.registry import extractor
from ganeval.images.source import Images

SIDE, COARSEST = 7, 16  # pixels of a patch's side, and of the last level's
PATCHES = 32
_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


class Laplacian(Extractor):
    """`patches` RGB patches of 7x7 pixels from each level, from the image's own size down to 16x16, in one row.

    A level is what the next coarser one, enlarged, does not hold; the 16x16 one is whole. Patches may overlap. Where
    they lie is drawn by a hash of the image's pixels: the same for equal images, in any batch and any order. The paper
    takes 128 patches of 16,384 images each; 32 cost a quarter of the memory (19 kB an image and level).

    Images are of one size; grey is repeated to RGB. Where the sides are not one power of two from 16 up, the images are
    mirrored outwards, evenly, to the next one, as 28x28 to 32x32.
    """

    default, one_size = "patches", True

    def __init__(self, patches: int, device: torch.device) -> None:
        self.patches, self.device = patches, device
        self.name = "laplacian" if patches == PATCHES else f"laplacian:{patches}"
        self.fingerprint = f"laplacian/1:{patches}"
        self._size = OneSize(self.name, "leave this metric out")

    @property
    def widths(self) -> Mapping[str, int]:  # type: ignore[override]
        """{"patches": 1 + levels * patches * 3 * 49}, 1 before the first images: the size comes first in a row."""
        levels = len(sizes(_side(*self._size.size))) if self._size.size else 0
        return {"patches": 1 + levels * self.patches * 3 * SIDE**2}

    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, C, H, W) => float32 (N, 3, S, S) in [0, 255], S the least power of two from 16, H and W up.

        Raises:
            ImageError: the images are of another size than earlier ones.
        """
        images = checked(images).to(self.device)
        self._size.check(images)
        return rgb(mirrored(images)).float()

    @torch.no_grad()
    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, 3, S, S) => {"patches": float32 (N, 1 + levels * patches * 147)}: S, then level by level."""
        self.require(layers)
        rngs = [_content_rng(image) for image in prepared.to(torch.uint8).cpu()]
        parts = [torch.full((len(prepared), 1), float(prepared.shape[2]))]
        for level in pyramid(prepared):
            corners = np.stack([rng.integers(level.shape[2] - SIDE + 1, size=(self.patches, 2)) for rng in rngs])
            parts.append(_cut(level.cpu(), torch.from_numpy(corners)).flatten(1))
        rows = torch.cat(parts, 1)
        return dict.fromkeys(layers, rows)


def sizes(side: int) -> list[int]:
    """The sides of the pyramid's levels, finest first.

    >>> sizes(64)
    [64, 32, 16]
    """
    found = [side]
    while found[-1] > COARSEST:
        found.append(found[-1] // 2)
    return found


def pyramid(images: Tensor) -> list[Tensor]:
    """float32 (N, C, S, S) => differences (N, C, S, S), (N, C, S/2, S/2), ..., and the smoothed 16x16 images."""
    levels = []
    while images.shape[2] > COARSEST:
        smaller = _smoothed(images)[:, :, ::2, ::2]
        levels.append(images - _enlarged(smaller))
        images = smaller
    return [*levels, images]


def _enlarged(images: Tensor) -> Tensor:
    """Twice as large: zeros between the pixels, smoothed, times 4."""
    count, channels, height, width = images.shape
    spread = images.new_zeros(count, channels, 2 * height, 2 * width)
    spread[:, :, ::2, ::2] = images
    return 4 * _smoothed(spread)


def _smoothed(images: Tensor) -> Tensor:
    """By the 5x5 binomial filter; edges are mirrored without repeating the last pixel."""
    channels = images.shape[1]
    kernel = torch.tensor(_BINOMIAL, dtype=images.dtype, device=images.device).expand(channels, 1, 1, 5)
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect")
    rows = functional.conv2d(padded, kernel, groups=channels)
    return functional.conv2d(rows, kernel.transpose(2, 3), groups=channels)


def _cut(level: Tensor, corners: Tensor) -> Tensor:
    """(N, C, S, S) and upper left corners (N, P, 2) => (N, P, C, 7, 7)."""
    # (N, S - 6, S - 6, C, 7, 7), a view, out of which numpy takes patches three times as fast as torch
    windows = sliding_window_view(level.numpy(), (level.shape[1], SIDE, SIDE), axis=(1, 2, 3))[:, 0]
    image = np.arange(len(level))[:, None]
    return torch.from_numpy(windows[image, corners[..., 0].numpy(), corners[..., 1].numpy()])


def _content_rng(image: Tensor) -> np.random.Generator:
    digest = hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def mirrored(images: Tensor) -> Tensor:
    """(N, C, H, W) => (N, C, S, S) with the image in the middle and its mirror images around it.

    >>> mirrored(torch.arange(14).expand(1, 1, 16, 14))[0, 0, 0].tolist()
    [1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 12]
    """
    height, width = images.shape[2:]
    side = _side(height, width)
    if height == width == side:
        return images
    return images[:, :, _reflected(side, height)][:, :, :, _reflected(side, width)]


def _reflected(side: int, length: int) -> Tensor:
    """For each of `side` places, which of `length` pixels it shows."""
    period = max(1, 2 * (length - 1))
    places = (torch.arange(side) - (side - length) // 2) % period
    return torch.minimum(places, period - places)


def _side(height: int, width: int) -> int:
    return max(COARSEST, 1 << (max(height, width) - 1).bit_length())


@extractor(
    "laplacian",
    layers=("patches",),
    default="patches",
    summary="7x7 patches from every level of the Laplacian pyramid, 32 or PATCHES a level",
    variant="[PATCHES]",
)
def load(setup: Setup) -> Laplacian:
    """`laplacian`, or `laplacian:128` for as many patches as the paper takes."""
    if not setup.variant:
        return Laplacian(PATCHES, setup.device)
    if not setup.variant.isdecimal() or int(setup.variant) == 0:
        raise GanevalError(f"laplacian:{setup.variant} needs a number of patches, 1 or more: write laplacian:128, say")
    return Laplacian(int(setup.variant), setup.device)
