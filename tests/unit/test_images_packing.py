"""Packing into one memory-mapped array for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.errors import ImageError
from ganeval.images import Images, ImageSource, packed
from ganeval.images.arrays import ArraySource
from ganeval.images.encoded import open_folder
from ganeval.images.packing import squares, with_channels


def random_pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)


def test_images_of_the_right_shape_stay_as_they_are(tmp_path: Path) -> None:
    pixels = random_pixels(300, 3, 8, 8)
    array = packed(ArraySource("a", pixels), 8, 3, tmp_path)
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, pixels)


def test_it_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ArraySource("a", random_pixels(5, 1, 8, 8))
    first = np.array(packed(source, 8, 1, tmp_path))

    def never(self: ArraySource, indices: Sequence[int]) -> Iterator[Images]:
        raise AssertionError("read again")

    monkeypatch.setattr(ArraySource, "read", never)
    np.testing.assert_array_equal(packed(source, 8, 1, tmp_path), first)
    with pytest.raises(AssertionError, match="read again"):
        packed(source, 4, 1, tmp_path)
    with pytest.raises(AssertionError, match="read again"):
        packed(source, 8, 3, tmp_path)
    with pytest.raises(AssertionError, match="read again"):
        packed(ArraySource("a", source.images[:4]), 8, 1, tmp_path)


def test_nothing_half_made_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "1.png").write_bytes(b"bad")
    with pytest.raises(ImageError):
        packed(open_folder(tmp_path / "set"), 8, 3, tmp_path / "cache")
    assert list((tmp_path / "cache" / "packed").iterdir()) == []


def test_sets_of_unknown_content_are_packed_anew(tmp_path: Path) -> None:
    class Changing(ImageSource):
        cacheable = False
        name = fingerprint = "changing"
        level = 0

        def __len__(self) -> int:
            return 2

        def read(self, indices: Sequence[int]) -> Iterator[Images]:
            self.level += 1
            yield torch.full((len(indices), 1, 4, 4), self.level, dtype=torch.uint8)

    source = Changing()
    assert packed(source, 4, 1, tmp_path).max() == 1
    assert packed(source, 4, 1, tmp_path).max() == 2


def test_mixed_sizes_and_modes_become_equal_squares(tmp_path: Path) -> None:
    for i, (mode, size) in enumerate([("RGB", (9, 5)), ("L", (4, 4)), ("RGB", (3, 12)), ("L", (40, 30))]):
        Image.new(mode, size, 10 * i if mode == "L" else (10 * i,) * 3).save(tmp_path / f"{i}.png")
    array = packed(open_folder(tmp_path), 4, 3, tmp_path / "cache")
    assert array.shape == (4, 3, 4, 4)
    assert [np.unique(one).tolist() for one in array] == [[0], [10], [20], [30]]


@pytest.mark.parametrize(("height", "width", "top", "left"), [(6, 10, 0, 2), (9, 4, 2, 0), (5, 5, 0, 0)])
def test_the_central_square_is_cut_out(height: int, width: int, top: int, left: int) -> None:
    pixels = torch.from_numpy(random_pixels(2, 3, height, width))
    side = min(height, width)
    assert torch.equal(squares(pixels, side), pixels[:, :, top : top + side, left : left + side])


def test_shrinking_is_antialiased_as_pillow_does_it() -> None:
    pixels = random_pixels(1, 1, 64, 64)
    ours = squares(torch.from_numpy(pixels), 16)[0, 0].numpy().astype(int)
    pillow = np.asarray(Image.fromarray(pixels[0, 0]).resize((16, 16), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(ours - pillow).max() <= 1
    checkerboard = torch.from_numpy(np.indices((64, 64)).sum(0) % 2 * 255).to(torch.uint8)[None, None]
    centre = squares(checkerboard, 16)[:, :, 2:-2, 2:-2]
    assert ((centre == 127) | (centre == 128)).all()  # without antialiasing: 0 or 255


def test_enlarging_stays_in_range() -> None:
    enlarged = squares(torch.tensor([[0, 255], [255, 0]], dtype=torch.uint8)[None, None], 16)
    assert enlarged.shape == (1, 1, 16, 16)
    assert (enlarged.min(), enlarged.max()) == (0, 255)


def test_grey_is_pillows_luma() -> None:
    pixels = random_pixels(4, 3, 32, 32)
    ours = with_channels(torch.from_numpy(pixels), 1).numpy()
    for one, rgb in zip(ours, pixels):
        np.testing.assert_array_equal(one[0], np.asarray(Image.fromarray(rgb.transpose(1, 2, 0)).convert("L")))


def test_grey_to_colour_repeats_the_channel() -> None:
    pixels = torch.from_numpy(random_pixels(4, 1, 3, 3))
    assert torch.equal(with_channels(pixels, 3), torch.cat([pixels] * 3, dim=1))


@pytest.mark.parametrize(("size", "channels"), [(0, 3), (8, 2), (8, 4)])
def test_impossible_wishes_are_user_errors(tmp_path: Path, size: int, channels: int) -> None:
    with pytest.raises(ImageError, match="channels 1 or 3"):
        packed(ArraySource("a", random_pixels(2, 3, 8, 8)), size, channels, tmp_path)
