"""Resizing and checking, against formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.errors import ImageError
from ganeval.extractors.preparing import OneSize, antialiased, checked, rgb, tf1_bilinear


def noise(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=rng)


@pytest.mark.parametrize(("height", "width"), [(5, 7), (32, 32), (20, 11), (1, 3)])
def test_tf1_bilinear_is_the_formula_pixel_by_pixel(height: int, width: int) -> None:
    image, size = noise(1, 1, height, width), 11
    values = image[0, 0].double()
    expected = torch.empty(size, size, dtype=torch.float64)
    for row in range(size):
        for column in range(size):
            y, x = row * height / size, column * width / size
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = values[top, left] + (values[top, right] - values[top, left]) * (x - left)
            lower = values[bottom, left] + (values[bottom, right] - values[bottom, left]) * (x - left)
            expected[row, column] = upper + (lower - upper) * (y - top)
    torch.testing.assert_close(tf1_bilinear(image, size)[0, 0].double(), expected, rtol=0, atol=1e-3)


def test_tf1_bilinear_at_its_own_size_changes_nothing() -> None:
    image = noise(2, 3, 9, 9)
    assert torch.equal(tf1_bilinear(image, 9), image.float())


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialiased_agrees_with_pillow(mode: str) -> None:
    image = noise(1, 1, 40, 30)
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    pillow = Image.fromarray(image[0, 0].numpy()).resize((13, 12), filters[mode])
    difference = np.abs(antialiased(image, (12, 13), mode)[0, 0].numpy() - np.asarray(pillow, dtype=np.float32))
    assert difference.max() <= 1.0  # Pillow rounds after each of its two passes


def test_grey_is_repeated() -> None:
    grey = noise(2, 1, 4, 4)
    assert torch.equal(rgb(grey), torch.cat([grey] * 3, dim=1))


@pytest.mark.parametrize(
    "images", [torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 4).byte()]
)
def test_anything_but_uint8_images_is_refused(images: torch.Tensor) -> None:
    with pytest.raises(ImageError, match="uint8 images"):
        checked(images)


def test_one_size_remembers_the_first() -> None:
    size = OneSize("net")
    size.check(noise(1, 1, 4, 5))
    size.check(noise(2, 3, 4, 5))
    with pytest.raises(ImageError, match="got 5x4 after 4x5"):
        size.check(noise(1, 1, 5, 4))
