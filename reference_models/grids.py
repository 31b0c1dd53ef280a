"""Image grids as PNG files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganeval.files import replacing
from ganeval.images.source import Images


def grid(images: Images, columns: int | None = None, gap: int = 2) -> npt.NDArray[np.uint8]:
    """uint8 (N, C, H, W) => one uint8 (H', W', C), row by row, white between; as many columns as rows by default."""
    count, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, np.uint8)
    for number, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        top, left = (place * (side + gap) + gap for place, side in zip(divmod(number, columns), (height, width)))
        canvas[top : top + height, left : left + width] = image
    return canvas


def save_png(pixels: npt.NDArray[np.uint8], path: Path) -> None:
    """uint8 (H, W, C), C = 1 or 3, to a PNG file, atomically."""
    with replacing(path) as temporary:
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(temporary, format="PNG")


def save_grid(images: Images, path: Path, columns: int | None = None) -> None:
    """uint8 (N, C, H, W) to one PNG file, atomically."""
    save_png(grid(images, columns), path)
