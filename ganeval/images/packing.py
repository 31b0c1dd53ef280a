"""Image sets as one memory-mapped array of equal squares, made once, which is what training reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganeval.errors import ImageError
from ganeval.files import replacing
from ganeval.images.source import Images, ImageSource

VERSION = "packing/1"
_AT_ONCE = 256  # images
_LUMA = (19595, 38470, 7471)  # ITU-R BT.601 weights in 1/65536, as Pillow's "L" has them


def packed(source: ImageSource, size: int, channels: int, cache: Path) -> npt.NDArray[np.uint8]:
    """All images of `source` as a read-only memory map uint8 (N, channels, size, size), in the source's order.

    Images of size x size stay as they are. Others are cut to their central square, then resized (bicubic,
    antialiased). Colour becomes grey by ITU-R BT.601 luma, grey becomes colour by repetition. The file in
    `cache / "packed"` is named by content, size, channels and the version of this policy, and made only once; images
    of a callable, whose content is not known, are packed anew each time.

    Raises:
        ImageError: a size below 1, other than 1 or 3 channels, or an image that cannot be decoded.
    """
    if size < 1 or channels not in (1, 3):
        raise ImageError(f"cannot pack images of size {size} with {channels} channels: size >= 1, channels 1 or 3")
    key = hashlib.sha256(f"{VERSION} {source.fingerprint} {size} {channels}".encode()).hexdigest()
    file = cache / "packed" / f"{key[:32]}.npy"
    if not (source.cacheable and file.exists()):
        _write(source, (len(source), channels, size, size), file)
    mapped: npt.NDArray[np.uint8] = np.load(file, mmap_mode="r", allow_pickle=False)
    return mapped


def _write(source: ImageSource, shape: tuple[int, int, int, int], file: Path) -> None:
    with replacing(file) as temporary:
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        first = 0
        for images in source.batches(_AT_ONCE):
            array[first : first + len(images)] = squares(with_channels(images, shape[1]), shape[2]).numpy()
            first += len(images)
        array.flush()
        del array


def with_channels(images: Images, channels: int) -> Images:
    """uint8 (N, C, H, W) => uint8 (N, channels, H, W)."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    weights = torch.tensor(_LUMA, dtype=torch.int32).view(1, 3, 1, 1)
    luma: Tensor = (images.to(torch.int32) * weights).sum(dim=1, keepdim=True) + 32768
    return (luma >> 16).to(torch.uint8)


def squares(images: Images, size: int) -> Images:
    """uint8 (N, C, H, W) => uint8 (N, C, size, size): the central square, resized where its side is another."""
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = images[:, :, top : top + side, left : left + side]
    if side == size:
        return square
    resized = F.interpolate(square.float(), (size, size), mode="bicubic", antialias=True, align_corners=False)
    return resized.round().clamp(0, 255).to(torch.uint8)
