"""The Laplacian pyramid and its patches against scipy, and the distance made from them against its definition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch

from ganeval.errors import GanevalError, ImageError
from ganeval.extractors import load_extractor
from ganeval.extractors.laplacian import mirrored, pyramid, sizes
from ganeval.metrics.laplacian_swd import by_level, laplacian_swd
from ganeval.scoring import Job, score
from ganeval.slicing import unit_directions
from ganeval.summaries import Features

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def noise(count: int, side: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8))


def smooth(images: torch.Tensor, sigma: float) -> torch.Tensor:
    blurred = scipy.ndimage.gaussian_filter(images.numpy().astype(float), (0, 0, sigma, sigma), mode="mirror")
    return torch.from_numpy(blurred.round().clip(0, 255).astype(np.uint8))


def features(images: torch.Tensor, name: str = "laplacian") -> Features:
    summary = Features()
    summary.update(load_extractor(name)(images, {"patches"})["patches"])
    return summary


def test_the_pyramid_is_that_of_burt_and_adelson() -> None:
    images = noise(2, 64).double().numpy()
    expected, current = [], images
    while current.shape[2] > 16:
        smaller = scipy.ndimage.convolve(current, BINOMIAL[None, None], mode="mirror")[:, :, ::2, ::2]
        spread = np.zeros_like(current)
        spread[:, :, ::2, ::2] = smaller
        expected.append(current - scipy.ndimage.convolve(spread, 4 * BINOMIAL[None, None], mode="mirror"))
        current = smaller
    levels = pyramid(torch.from_numpy(images).float())
    assert [level.shape[2] for level in levels] == sizes(64) == [64, 32, 16]
    for level, values in zip(levels, [*expected, current], strict=True):
        assert level.numpy() == pytest.approx(values, abs=1e-3)


def test_patches_lie_where_the_pixels_say_whatever_the_batch_and_the_order() -> None:
    images = noise(6, 32)
    rows = features(images).rows
    assert torch.allclose(features(images.flip(0)).rows.flip(0), rows, atol=1e-4)
    assert torch.allclose(features(images[2:3]).rows[0], rows[2], atol=1e-4)


def test_every_patch_is_a_piece_of_its_level_and_they_lie_all_over_it() -> None:
    images = noise(3, 32)
    rows = features(images, "laplacian:200").rows
    levels = pyramid(images.float())
    for (size, patches), level in zip(by_level(rows), levels, strict=True):
        windows = level.unfold(2, 7, 1).unfold(3, 7, 1).permute(0, 2, 3, 1, 4, 5).flatten(1, 2).flatten(2)
        distances = torch.cdist(patches.flatten(2).double(), windows.double())
        found = distances.argmin(2)
        assert float(distances.amin(2).max()) < 1e-2
        places = (size - 6) ** 2
        expected = places * (1 - (1 - 1 / places) ** 200)  # different places among 200 uniform draws
        assert found[0].unique().numel() == pytest.approx(expected, rel=0.1)


def test_images_are_mirrored_outwards_to_a_power_of_two() -> None:
    images = noise(2, 28)
    assert np.array_equal(mirrored(images).numpy(), np.pad(images.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), "reflect"))
    wide = noise(1, 64)[:, :, :20, :41]
    expected = np.pad(wide.numpy(), ((0, 0), (0, 0), (22, 22), (11, 12)), "reflect")
    assert np.array_equal(mirrored(wide).numpy(), expected)
    assert torch.equal(mirrored(noise(1, 64)), noise(1, 64))


def test_the_distance_is_its_definition_spelled_out() -> None:
    real, fake = noise(20, 32), smooth(noise(20, 32, seed=1), 0.7)
    estimate = laplacian_swd(features(real), features(fake), rng=np.random.default_rng(0))
    directions = unit_directions(512, 147, np.random.default_rng(0)).numpy().T
    expected = {}
    for (size, x), (_, y) in zip(by_level(features(real).rows), by_level(features(fake).rows), strict=True):
        projected = []
        for patches in (x, y):
            values = patches.double().numpy().reshape(-1, 3, 49)
            values = (values - values.mean((0, 2), keepdims=True)) / values.std((0, 2), keepdims=True)
            projected.append(np.sort(values.reshape(-1, 147) @ directions, axis=0))
        expected[str(size)] = 1000 * np.abs(projected[0] - projected[1]).mean()
    assert estimate.details["levels"] == pytest.approx(expected, rel=1e-6)
    assert estimate.value == pytest.approx(np.mean(list(expected.values())), rel=1e-6)


def test_blur_shows_at_the_fine_level_and_a_change_of_contrast_nowhere() -> None:
    scene = smooth(noise(150, 32), 2.0).int().sub(128).mul(4).add(128).clamp(0, 255).to(torch.uint8)
    sharp = scene // 2 + noise(150, 32, seed=3) // 4
    real, other = features(sharp[:75]), sharp[75:]
    rng = np.random.default_rng
    fresh = laplacian_swd(real, features(other), rng=rng(0)).details["levels"]
    blurred = laplacian_swd(real, features(smooth(other, 1.0)), rng=rng(0)).details["levels"]
    dimmer = laplacian_swd(real, features(other // 2 + 40), rng=rng(0)).details["levels"]
    assert blurred["32"] > 2 * fresh["32"]
    assert blurred["16"] < 1.5 * fresh["16"]
    assert dimmer == pytest.approx(fresh, rel=0.25)


def test_images_of_one_colour_are_no_division_by_zero() -> None:
    flat = features(torch.full((4, 3, 16, 16), 7, dtype=torch.uint8))
    assert laplacian_swd(flat, flat, rng=np.random.default_rng(0)).value == 0


def test_a_variant_named_among_the_features_is_the_one_that_is_read(tmp_path: Path) -> None:
    for name, seed in (("fake", 0), ("real", 1)):
        np.save(tmp_path / f"{name}.npy", noise(6, 16, seed).permute(0, 2, 3, 1).numpy())
    job = Job(str(tmp_path / "fake.npy"), str(tmp_path / "real.npy"), metrics=("laplacian_swd",), device="cpu")
    read = {text: score(replace(job, features=text)).card.scores[0].features for text in ((), ("laplacian:5",))}
    assert read == {(): "laplacian.patches", ("laplacian:5",): "laplacian:5.patches"}


def test_what_it_cannot_read_is_refused_in_words() -> None:
    extractor = load_extractor("laplacian")
    extractor.prepare(noise(1, 32))
    with pytest.raises(ImageError, match="one size, got 16x16 after 32x32"):
        extractor.prepare(noise(1, 16))
    with pytest.raises(GanevalError, match=r"laplacian:0 needs a number of patches, 1 or more"):
        load_extractor("laplacian:0")
    rows = Features()
    rows.update(torch.zeros(3, 12))
    with pytest.raises(GanevalError, match=r"reads rows of the extractor laplacian, got 12 columns"):
        laplacian_swd(rows, rows, rng=np.random.default_rng(0))
