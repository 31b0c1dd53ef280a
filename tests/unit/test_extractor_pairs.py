"""MS-SSIM against two independent implementations; the deep distance that needs no download."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import piq
import pytest
import pytorch_msssim
import torch
from torch import Tensor

from ganeval.errors import GanevalError, ImageError
from ganeval.extractors import known_extractors, load_extractor
from ganeval.extractors.extractor import Extractor
from ganeval.scoring import Job, score
from ganeval.testing.textures import textures


def pictures(count: int, side: int, seed: int) -> Tensor:
    return torch.from_numpy(textures(count, side, seed)).permute(0, 3, 1, 2).contiguous()


def blends(images: Tensor, others: Tensor) -> Tensor:
    return ((images.float() * 2 + others.float()) / 3).round().to(torch.uint8)


def rows(name: str, left: Tensor, right: Tensor) -> list[float]:
    extractor = load_extractor(name)
    made: list[float] = extractor(torch.cat([left, right], 1), {extractor.default})[extractor.default][:, 0].tolist()
    return made


@pytest.mark.parametrize("side", [176, 192])
def test_five_scales_equal_two_other_implementations(side: int) -> None:
    left = pictures(2, side, 1)
    right = blends(left, pictures(2, side, 2))
    made = rows("ms_ssim", left, right)
    assert made == rows("ms_ssim:5", left, right)
    one = pytorch_msssim.ms_ssim(left.double(), right.double(), size_average=False)
    assert made == pytest.approx(one.tolist(), rel=1e-5)
    other = piq.multi_scale_ssim(left.double(), right.double(), data_range=255, reduction="none")
    assert made == pytest.approx(other.tolist(), rel=2e-4)  # it scales the exponents' sum from 1.0001 to 1


def test_one_scale_is_plain_ssim() -> None:
    left = pictures(3, 32, 1)
    right = blends(left, pictures(3, 32, 2))
    expected = pytorch_msssim.ssim(left.double(), right.double(), size_average=False).clamp(min=0) ** 1.0001
    assert rows("ms_ssim:1", left, right) == pytest.approx(expected.tolist(), rel=1e-5)


def test_fewer_scales_have_exponents_of_the_same_sum() -> None:
    left = pictures(3, 64, 1)
    right = blends(left, pictures(3, 64, 2))
    exponents = np.array([0.0448, 0.2856, 0.3001])
    terms, images = [], [left.double(), right.double()]
    for _ in range(3):
        window = pytorch_msssim.ssim.__globals__["_fspecial_gauss_1d"](11, 1.5).repeat(3, 1, 1, 1)
        terms.append(pytorch_msssim.ssim.__globals__["_ssim"](*images, data_range=255, win=window))
        images = [torch.nn.functional.avg_pool2d(x, 2) for x in images]
    factors = torch.stack([terms[0][1], terms[1][1], terms[2][0]]).clamp(min=0)
    weights = torch.from_numpy(exponents / exponents.sum() * 1.0001).view(3, 1, 1)
    assert rows("ms_ssim", left, right) == pytest.approx((factors**weights).prod(0).mean(1).tolist(), rel=1e-5)


def test_equal_images_are_similar_and_opposite_ones_are_not() -> None:
    left = pictures(2, 40, 1)
    assert rows("ms_ssim", left, left) == pytest.approx([1, 1], abs=1e-6)
    assert rows("ms_ssim", left, 255 - left) == [0, 0]


@pytest.mark.parametrize(
    ("name", "side", "message"),
    [
        ("ms_ssim", 10, "needs images of 11 pixels a side or more, got 10x10"),
        ("ms_ssim:5", 160, "161 pixels a side or more, got 160x160: 4 scales fit, write ms_ssim:4"),
        ("ms_ssim:2", 20, "21 pixels a side or more, got 20x20: 1 scales fit"),
    ],
)
def test_images_too_small_for_the_scales_are_refused(name: str, side: int, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        rows(name, pictures(1, side, 1), pictures(1, side, 2))


def test_least_sizes_are_enough() -> None:
    for scales, side in ((1, 11), (2, 21), (3, 41), (4, 81), (5, 161)):
        assert rows(f"ms_ssim:{scales}", pictures(1, side, 1), pictures(1, side, 1)) == pytest.approx([1])


@pytest.mark.parametrize("text", ["ms_ssim:0", "ms_ssim:6", "ms_ssim:all"])
def test_the_number_of_scales_is_1_to_5(text: str) -> None:
    with pytest.raises(GanevalError, match="from 1 to 5"):
        load_extractor(text)


def test_the_distance_that_is_installed_orders_images_by_their_damage() -> None:
    clean = pictures(4, 64, 1)
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 1, clean.shape))
    ladder = [
        rows("efficientnet_lite0_distance", clean, (clean + noise * strength).round().clamp(0, 255).to(torch.uint8))
        for strength in (0, 10, 40, 120)
    ]
    assert ladder[0] == [0, 0, 0, 0]
    assert all(less < more for low, high in pairwise(ladder) for less, more in zip(low, high))
    assert max(ladder[-1]) < 4


def test_its_formula_on_maps_that_are_read_by_hooks() -> None:
    from ganeval.extractors import Setup
    from ganeval.extractors.efficientnet_lite0 import folded_network

    left, right = pictures(1, 112, 1), pictures(1, 112, 2)
    network = folded_network(Setup())[0].eval()
    maps: list[Tensor] = []
    for stage in network.blocks:  # type: ignore[union-attr]
        stage.register_forward_hook(lambda module, inputs, output: maps.append(output))
    with torch.no_grad():
        network.forward_features((torch.cat([left, right]).float() - 127) / 128)  # type: ignore[operator]
    gaps = []
    for both in maps:
        unit = torch.nn.functional.normalize(both.double(), dim=1)
        gaps.append((2 - 2 * (unit[0] * unit[1]).sum(0)).mean())
    assert len(gaps) == 7
    assert rows("efficientnet_lite0_distance", left, right) == pytest.approx(
        [float(torch.stack(gaps).mean())], rel=1e-4
    )


def test_entries_say_that_they_take_pairs() -> None:
    pairs = {name for name, entry in known_extractors().items() if entry.pairs}
    assert {"lpips", "ms_ssim", "efficientnet_lite0_distance"} <= pairs
    assert "efficientnet_lite0" not in pairs


def test_what_is_no_pair_is_refused() -> None:
    with pytest.raises(ImageError, match="left and right stacked along the channels"):
        load_extractor("ms_ssim").prepare(pictures(1, 32, 1))


def test_l1_is_the_mean_absolute_difference_whatever_the_channels() -> None:
    left, right = pictures(3, 20, 1), pictures(3, 20, 2)
    expected = (left.double() - right.double()).abs().mean((1, 2, 3)) / 255
    assert rows("l1", left, right) == pytest.approx(expected.tolist(), rel=1e-6)
    assert rows("l1", left[:, :1], right[:, :1])[0] == pytest.approx(
        ((left[0, 0].double() - right[0, 0].double()).abs().mean() / 255).item(), rel=1e-6
    )
    black, white = torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.full((1, 1, 8, 8), 255, dtype=torch.uint8)
    assert (rows("l1", black, white), rows("l1", white, white)) == ([1.0], [0.0])


def test_networks_of_an_earlier_job_take_images_of_another_size(tmp_path: Path) -> None:
    values, networks = {}, dict[str, Extractor]()
    for side in (24, 32):
        for name, seed in (("fake", 1), ("real", 2)):
            np.savez(tmp_path / f"{name}{side}.npz", pictures(8, side, seed).permute(0, 2, 3, 1).numpy())
        names = (str(tmp_path / f"{name}{side}.npz") for name in ("fake", "real"))
        job = Job(*names, metrics=("ms_ssim_diversity", "l1", "fd"), features=("ms_ssim", "l1", "pixels"), cached=False)
        first = score(job, networks=networks).card.scores
        values[side] = [each.value for each in first]
        assert values[side] == [each.value for each in score(job).card.scores]
    assert values[24] != values[32]
    kept = networks["l1"]
    score(job, networks=networks)
    assert networks["l1"] is kept
