"""Corruptions of images: nothing at strength 0, what they promise at 1, the same draws for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from ganeval.errors import GanevalError
from ganeval.testing.corruptions import CORRUPTIONS, corrupt, mixed
from ganeval.testing.textures import textures

IMAGES = np.ascontiguousarray(textures(6, 24, seed=0).transpose(0, 3, 1, 2))[:, :, :20]  # not square
every_corruption = pytest.mark.parametrize("name", CORRUPTIONS)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(a.astype(float) - b.astype(float)).mean())


@every_corruption
def test_strength_0_changes_nothing_and_more_is_further(name: str) -> None:
    assert np.array_equal(corrupt(name, IMAGES, 0.0, rng()), IMAGES)
    ladder = [distance(corrupt(name, IMAGES, strength, rng()), IMAGES) for strength in (0.2, 0.4, 0.9)]
    assert 0 < ladder[0] < ladder[1] < ladder[2]


@every_corruption
def test_the_seed_decides_and_the_input_stays(name: str) -> None:
    before = IMAGES.copy()
    once, again = (corrupt(name, IMAGES, 0.5, rng(1)) for _ in range(2))
    assert once.dtype == np.uint8
    assert once.shape == IMAGES.shape
    assert np.array_equal(once, again)
    assert np.array_equal(IMAGES, before)
    if name not in ("blur", "jpeg", "colour_shift"):  # which draw nothing
        assert not np.array_equal(once, corrupt(name, IMAGES, 0.5, rng(2)))


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_is_refused(strength: float) -> None:
    with pytest.raises(GanevalError, match="strength"):
        corrupt("noise", IMAGES, strength, rng())
    with pytest.raises(GanevalError, match="strength"):
        mixed(IMAGES, IMAGES, strength, rng())


def test_an_unknown_name_names_its_neighbour() -> None:
    with pytest.raises(GanevalError, match="swirl"):
        corrupt("swril", IMAGES, 0.5, rng())


def test_noise_has_the_stated_deviation() -> None:
    grey = np.full((4, 1, 64, 64), 128, np.uint8)
    assert corrupt("noise", grey, 0.1, rng()).std() == pytest.approx(12.8, rel=0.02)


def test_blur_of_a_point_has_the_stated_width() -> None:
    point = np.zeros((1, 1, 65, 65), np.uint8)
    point[0, 0, 28:37, 28:37] = 255  # a square: variance (81 - 1) / 12
    blurred = corrupt("blur", point, 0.5, rng())[0, 0].astype(float)
    variance = (blurred.sum(0) * (np.arange(65) - 32) ** 2).sum() / blurred.sum()
    assert variance == pytest.approx((0.5 * 65 / 8) ** 2 + 80 / 12, rel=0.03)


def test_occlusion_covers_its_share_and_all_of_it_in_the_end() -> None:
    white = np.full((5, 3, 40, 20), 255, np.uint8)
    assert (corrupt("occlusion", white, 0.25, rng()) == 0).mean() == pytest.approx(0.25)
    assert not corrupt("occlusion", white, 1.0, rng()).any()


def test_swirl_turns_the_centre_and_leaves_the_corners() -> None:
    images = np.zeros((1, 1, 41, 41), np.uint8)
    images[0, 0, 19:22, 20:24] = 255  # a bar to the right of the centre
    half = corrupt("swirl", images, 0.5, rng())[0, 0].astype(int)
    assert half[19:22, 17:20].sum() > 4 * half[19:22, 21:24].sum()  # half a turn: to the left of it
    flat = corrupt("swirl", IMAGES, 0.5, rng())
    assert np.array_equal(flat[..., 0, 0], IMAGES[..., 0, 0])


def test_salt_and_pepper_in_equal_parts_on_whole_pixels() -> None:
    grey = np.full((4, 3, 64, 64), 128, np.uint8)
    spoilt = corrupt("salt_and_pepper", grey, 0.4, rng())
    assert (spoilt == 0).mean() == pytest.approx(0.2, abs=0.01)
    assert (spoilt == 255).mean() == pytest.approx(0.2, abs=0.01)
    assert np.array_equal(spoilt[:, 0], spoilt[:, 2])


def test_jpeg_keeps_grey_grey_and_the_shift_of_colours_is_as_stated() -> None:
    grey = IMAGES[:, :1]
    assert corrupt("jpeg", grey, 0.9, rng()).shape == grey.shape
    middle = np.full((1, 3, 2, 2), 128, np.uint8)
    assert corrupt("colour_shift", middle, 0.5, rng())[0, :, 0, 0].tolist() == [192, 128, 64]
    assert corrupt("colour_shift", middle[:, :1], 0.5, rng())[0, 0, 0, 0] == 192


def test_mixing_replaces_the_share_and_grows_by_steps() -> None:
    images, others = np.zeros((10, 1, 2, 2), np.uint8), np.ones((10, 1, 2, 2), np.uint8)
    some, more = (mixed(images, others, share, rng())[:, 0, 0, 0] for share in (0.3, 0.6))
    assert (some.sum(), more.sum()) == (3, 6)
    assert np.all(more >= some)
    with pytest.raises(GanevalError, match="6 other images"):
        mixed(images, others[:5], 0.6, rng())
