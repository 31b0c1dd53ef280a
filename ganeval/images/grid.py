"""Sheets of images as PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn.functional import interpolate

from ganeval.files import replacing
from ganeval.images.source import Images, ImageSource

LARGEST = 128  # pixels of a thumbnail's longer side


def grid(images: Images, columns: int | None = None, gap: int = 2) -> npt.NDArray[np.uint8]:
    """uint8 (N, C, H, W) => (rows * (H + gap) + gap, columns * (W + gap) + gap, C), white between; near-square."""
    count, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, np.uint8)
    for number, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        top, left = (place * (side + gap) + gap for place, side in zip(divmod(number, columns), (height, width)))
        canvas[top : top + height, left : left + width] = image
    return canvas


def thumbnails(source: ImageSource, count: int = 64) -> Images:
    """`count` images spread evenly over the source, all of the first one's shape and at most 128 pixels a side."""
    return chosen(source, np.linspace(0, len(source) - 1, min(count, len(source))).round().astype(int).tolist())


def chosen(source: ImageSource, indices: Sequence[int], shape: tuple[int, int] | None = None) -> Images:
    """The images at `indices`, all of `shape`, or else of the first one's and at most 128 pixels a side."""
    runs = list(source.read(indices))
    height, width = runs[0].shape[2:]
    shrink = min(1.0, LARGEST / max(height, width))
    shape = shape or (max(1, round(height * shrink)), max(1, round(width * shrink)))
    channels = max(run.shape[1] for run in runs)
    return torch.cat([_resized(run, shape).expand(-1, channels, -1, -1) for run in runs])


def _resized(images: Images, shape: tuple[int, int]) -> Images:
    if images.shape[2:] == shape:
        return images
    small = interpolate(images.float(), shape, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8)


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """uint8 (H, W, C), C = 1 or 3, as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def save_png(pixels: npt.NDArray[np.uint8], path: Path) -> None:
    """uint8 (H, W, C), C = 1 or 3, to a PNG file, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(png(pixels))


def by_class(images: Images, classes: int) -> Images:
    """Images whose class is their number modulo `classes`, N a multiple of it, in the order of their classes."""
    return images.view(-1, classes, *images.shape[1:]).transpose(0, 1).flatten(0, 1)


def save_grid(images: Images, path: Path, columns: int | None = None) -> None:
    """uint8 (N, C, H, W) to one PNG file, atomically."""
    save_png(grid(images, columns), path)
