"""Memorisation metrics against scipy, the formulas of their peers, and generators known to copy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.stats import mannwhitneyu, norm

from ganeval.errors import GanevalError
from ganeval.metrics.ct import ct, mann_whitney_z
from ganeval.metrics.mifid import cosine_distance, mifid
from ganeval.metrics.nearest_training import nearest_training
from ganeval.summaries import Features


def normal(n: int, d: int, seed: int, mean: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, scale, (n, d)).astype(np.float32))


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- C_T


def test_mann_whitney_z_is_that_of_scipy() -> None:
    x, y = normal(30, 1, 0, mean=0.4).double().numpy()[:, 0], normal(40, 1, 1).double().numpy()[:, 0]
    peer = mannwhitneyu(x, y, use_continuity=False, method="asymptotic", alternative="greater").pvalue
    assert mann_whitney_z(x, y) == pytest.approx(norm.isf(peer), rel=1e-9)


def test_ct_with_one_cell_is_the_plain_test_on_nearest_distances() -> None:
    train, heldout, fake = normal(200, 5, 0), normal(90, 5, 1), normal(80, 5, 2, scale=1.1)
    d_fake, d_heldout = (torch.cdist(rows.double(), train.double()).min(1).values for rows in (fake, heldout))
    expected = mann_whitney_z(d_fake.numpy(), d_heldout.numpy())
    assert ct(features(train), features(heldout), features(fake), cells=1, rng=seeded()).value == pytest.approx(
        expected
    )


def test_ct_of_new_samples_is_zero_as_often_as_its_interval_says() -> None:
    held = []
    for s in range(60):
        sets = [features(normal(n, 4, 3 * s + i)) for i, n in enumerate((200, 150, 160))]
        estimate = ct(*sets, cells=3, rng=seeded(s))
        held.append(estimate.low <= 0 <= estimate.high)  # type: ignore[operator]
    assert 0.86 <= np.mean(held) <= 1


def test_ct_is_negative_for_copies_and_positive_for_poor_samples() -> None:
    train, heldout = normal(600, 6, 0), features(normal(600, 6, 1))
    copies = train + normal(600, 6, 2, scale=0.1)
    assert ct(features(train), heldout, features(copies), cells=5, rng=seeded()).value < -5
    assert ct(features(train), heldout, features(train.clone()), cells=5, rng=seeded()).value < -5
    assert ct(features(train), heldout, features(normal(600, 6, 3, scale=1.5)), cells=5, rng=seeded()).value > 3


def test_ct_leaves_out_cells_without_enough_samples_and_says_when_none_is_left() -> None:
    groups = torch.cat([normal(100, 3, 0), normal(100, 3, 1, mean=50)])
    heldout, fake = features(groups + 0.1), features(normal(50, 3, 2))  # no generated sample near 50
    assert "1 of 2 cells" in ct(features(groups), heldout, fake, cells=2, rng=seeded()).method
    with pytest.raises(GanevalError, match=r"lower ct\.cells"):
        ct(features(groups), features(normal(30, 3, 3, mean=50)), fake, cells=2, rng=seeded())


# ---- Memorisation-informed Frechet distance


def by_the_formula(real: np.ndarray, fake: np.ndarray, tau: float) -> float:
    """The published definition with scipy's matrix root."""
    s1, s2 = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    shift = real.mean(0) - fake.mean(0)
    frechet = shift @ shift + np.trace(s1 + s2 - 2 * scipy.linalg.sqrtm(s1 @ s2).real)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (fake, real)]
    penalty = np.mean(np.min(1 - np.abs(unit[0] @ unit[1].T), axis=1))
    return float(frechet / (penalty if penalty < tau else 1))


@pytest.mark.parametrize(("spread", "below"), [(0.05, True), (1.0, False)])
def test_mifid_equals_its_definition_below_and_above_the_threshold(spread: float, below: bool) -> None:
    real = normal(120, 20, 0, mean=0.1)
    fake = real[:90] + normal(90, 20, 1, mean=0.05, scale=spread)
    assert (cosine_distance(real, fake) < 0.1) == below
    expected = by_the_formula(real.double().numpy(), fake.double().numpy(), 0.1)
    assert mifid(features(real), features(fake)) == pytest.approx(expected, rel=1e-5)


def test_mifid_is_the_frechet_distance_unless_samples_are_memorised() -> None:
    real, new = normal(300, 16, 0), normal(300, 16, 1)
    memorised = real + normal(300, 16, 2, scale=0.05)
    assert mifid(features(real), features(memorised)) > mifid(features(real), features(memorised), tau=1e-4)
    assert mifid(features(real), features(new)) == mifid(features(real), features(new), tau=1e-4)


def test_mifid_of_a_shuffled_copy_is_zero_and_of_half_a_copy_is_huge() -> None:
    real = normal(300, 16, 0)
    assert mifid(features(real), features(real.flip(0))) == 0
    assert mifid(features(real), features(real[:150])) > 1e6


def test_mifid_refuses_what_has_no_direction_and_thresholds_that_are_no_distance() -> None:
    real = features(normal(30, 4, 0))
    with pytest.raises(GanevalError, match="zero"):
        mifid(real, features(torch.zeros(20, 4)))
    with pytest.raises(GanevalError, match="between 0 and 1"):
        mifid(real, real, tau=0)


# ---- Nearest training samples


@pytest.mark.parametrize(("d", "percentile"), [(2, 1.0), (16, 5.0)])
def test_new_samples_come_as_near_to_the_training_set_as_the_percentile_says(d: int, percentile: float) -> None:
    estimates = [
        nearest_training(features(normal(1000, d, 2 * s)), features(normal(1000, d, 2 * s + 1)), percentile=percentile)
        for s in range(10)
    ]
    assert np.mean([estimate.value for estimate in estimates]) == pytest.approx(percentile / 100, rel=0.25)


def test_the_share_of_copies_is_found_and_each_copy_is_named_with_its_original() -> None:
    train, fake = normal(800, 16, 0), normal(500, 16, 1)
    originals = torch.arange(100, 150)
    fake[200:250] = train[originals] + 1e-3 * normal(50, 16, 2)
    estimate = nearest_training(features(train), features(fake), pairs=50)
    assert 0.1 <= estimate.value <= 0.13
    assert estimate.low <= 0.1 <= estimate.high
    pairs = estimate.details["pairs"]
    assert {(pair["fake"], pair["train"]) for pair in pairs} == {(200 + i, 100 + i) for i in range(50)}
    assert [pair["ratio"] for pair in pairs] == sorted(pair["ratio"] for pair in pairs)
    assert pairs[0]["distance"] == pytest.approx(float((fake[pairs[0]["fake"]] - train[pairs[0]["train"]]).norm()))


def test_training_images_that_occur_twice_neither_hide_copies_nor_divide_by_zero() -> None:
    train = normal(200, 8, 0)
    estimate = nearest_training(features(torch.cat([train, train])), features(torch.cat([train[:5], train[:5] + 1])))
    assert estimate.details["threshold"] == 0
    assert estimate.value == 0.5
    assert all(np.isfinite(pair["ratio"]) for pair in estimate.details["pairs"])


def test_nearest_training_refuses_what_is_no_percentile() -> None:
    with pytest.raises(GanevalError, match=r"percentile is 101"):
        nearest_training(features(normal(9, 2, 0)), features(normal(9, 2, 1)), percentile=101)
