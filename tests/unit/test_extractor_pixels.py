"""Pixels as features."""

from __future__ import annotations

import pytest
import torch

from ganeval.errors import GanevalError, ImageError
from ganeval.extractors import load_extractor


def test_rows_are_the_pixels_in_unit_range() -> None:
    images = torch.tensor([[[[0, 255], [51, 102]]], [[[1, 2], [3, 4]]]], dtype=torch.uint8)
    pixels = load_extractor("pixels")
    assert pixels.widths == {"flat": 0}
    rows = pixels(images, {"flat"})["flat"]
    assert pixels.widths == {"flat": 12}
    torch.testing.assert_close(rows[0], torch.tensor([0, 1, 0.2, 0.4] * 3))


def test_a_size_averages_over_the_area() -> None:
    image = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    image[..., 16:] = 255
    rows = load_extractor("pixels:2")(image, {"flat"})["flat"].view(3, 2, 2)
    assert rows[0, 0, 0] < 0.15
    assert rows[0, 0, 1] > 0.85
    torch.testing.assert_close(rows.mean(), torch.tensor(0.5))


def test_without_a_size_images_must_agree() -> None:
    pixels = load_extractor("pixels")
    pixels.prepare(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ImageError, match=r"got 6x6 after 8x8.*pixels:6"):
        pixels.prepare(torch.zeros(1, 3, 6, 6, dtype=torch.uint8))


@pytest.mark.parametrize("size", ["0", "-4", "big", "1.5"])
def test_a_size_is_a_positive_integer(size: str) -> None:
    with pytest.raises(GanevalError, match="write pixels:16"):
        load_extractor(f"pixels:{size}")
