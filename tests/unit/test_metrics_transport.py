"""Transport metrics against POT, assignment problems and closed forms."""

from __future__ import annotations

import math
import sys

import numpy as np
import ot
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ganeval.errors import GanevalError
from ganeval.metrics.emd import emd
from ganeval.metrics.max_sliced_wasserstein import _ascend, max_sliced_wasserstein
from ganeval.metrics.mind import mind
from ganeval.metrics.swd import swd
from ganeval.slicing import unit_directions, wasserstein
from ganeval.summaries import Features
from ganeval.testing.truth import pair
from ganeval.uncertainty import Estimate


def normal(n: int, d: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1, (n, d)).astype(np.float32))


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


def seeded() -> np.random.Generator:
    return np.random.default_rng(0)


# ---- Sliced


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize(("n", "m"), [(60, 60), (60, 45), (31, 70)])
def test_swd_equals_pot_on_the_same_directions(n: int, m: int, p: int) -> None:
    x, y = normal(n, 12, 0), normal(m, 12, 1, mean=0.4)
    directions = unit_directions(50, 12, seeded()).numpy().T
    peer = ot.sliced_wasserstein_distance(x.double().numpy(), y.double().numpy(), projections=directions, p=p)
    assert swd(features(x), features(y), projections=50, p=p, rng=seeded()).value == pytest.approx(peer, rel=1e-9)


def test_swd_of_a_shift_is_its_length_over_the_root_of_the_width() -> None:
    x, shift = normal(200, 64, 0), normal(1, 64, 7)
    value = swd(features(x), features(x + shift), rng=seeded()).value
    assert value == pytest.approx(float(shift.norm()) / math.sqrt(64), rel=0.06)


def test_the_stated_monte_carlo_error_is_the_spread_over_seeds() -> None:
    x, y = features(normal(100, 32, 0)), features(normal(100, 32, 1, mean=0.3))
    for metric in (swd, mind):
        estimates = [metric(x, y, projections=100, rng=np.random.default_rng(s)) for s in range(300)]
        stated = np.mean([float(estimate.method.split()[-1]) for estimate in estimates])
        assert np.std([estimate.value for estimate in estimates]) == pytest.approx(stated, rel=0.2)


def test_directions_are_uniform_on_the_whole_sphere() -> None:
    directions = unit_directions(20_000, 5, seeded())
    assert directions.norm(dim=1).numpy() == pytest.approx(1)
    assert directions.mean(0).abs().max() < 0.02  # draws from one orthant would have a mean of about 0.4
    assert torch.allclose(directions.T @ directions / 20_000, torch.eye(5).double() / 5, atol=0.01)


def test_mind_is_the_sorted_formula_on_the_same_directions() -> None:
    x, y = normal(150, 40, 0), normal(150, 40, 1, mean=0.2)
    directions = unit_directions(1000, 40, seeded()).float()
    sorted_x, sorted_y = ((rows @ directions.T).sort(0).values for rows in (x, y))
    expected = 3 * 40 * float((sorted_x - sorted_y).square().mean(0).mean())
    assert mind(features(x), features(y), rng=seeded()).value == pytest.approx(expected, rel=1e-5)


def test_mind_of_a_shift_is_three_times_its_square_in_expectation() -> None:
    x, shift = normal(50, 32, 0), normal(1, 32, 7)
    values = [mind(features(x), features(x + shift), rng=np.random.default_rng(s)).value for s in range(20)]
    assert np.mean(values) == pytest.approx(3 * float(shift.square().sum()), rel=0.03)


def test_mind_sees_shapes_that_share_mean_and_covariance() -> None:
    gaussian, coins = normal(2000, 4, 0), normal(2000, 4, 1).sign()
    fresh = mind(features(gaussian), features(normal(2000, 4, 2)), rng=seeded()).value
    assert mind(features(gaussian), features(coins), rng=seeded()).value > 10 * fresh


def test_sets_of_different_sizes_are_compared_whole() -> None:
    x, y = normal(40, 6, 0), normal(60, 6, 1, mean=0.5)
    directions = unit_directions(20, 6, seeded())
    repeated = wasserstein(x.repeat_interleave(3, 0), y.repeat_interleave(2, 0), directions)
    assert wasserstein(x, y, directions).numpy() == pytest.approx(repeated.numpy(), rel=1e-9)


@pytest.mark.parametrize("options", [{"projections": 1}, {"p": 0}])
def test_swd_refuses_options_without_meaning(options: dict[str, int]) -> None:
    with pytest.raises(GanevalError, match="at least"):
        swd(features(normal(5, 2, 0)), features(normal(5, 2, 1)), rng=seeded(), **options)


# ---- Max-sliced


def max_sliced(real: torch.Tensor, fake: torch.Tensor) -> Estimate:
    return max_sliced_wasserstein(features(real), features(fake), rng=seeded())


def test_max_sliced_finds_a_shift_along_one_hidden_direction() -> None:
    hidden = unit_directions(1, 64, np.random.default_rng(5)).float()
    real, fake = normal(2000, 64, 0), normal(2000, 64, 1)
    assert max_sliced(real, fake + 2 * hidden).value == pytest.approx(2, rel=0.05)


def test_max_sliced_finds_a_direction_in_which_only_the_spread_differs() -> None:
    hidden = unit_directions(1, 64, np.random.default_rng(5)).float()
    real, fake = normal(2000, 64, 0), normal(2000, 64, 1)
    stretched = fake + 3 * (fake @ hidden.T) * hidden  # standard deviation 4 where that of the real set is 1
    assert max_sliced(real, stretched).value == pytest.approx(3, rel=0.1)


def test_max_sliced_is_not_deceived_by_the_samples_that_chose_the_direction() -> None:
    estimate = max_sliced(normal(400, 200, 0), normal(400, 200, 1))
    own = float(estimate.method.split()[-1])
    assert own > 1.0  # 200 directions among 200 samples a half: something always looks different
    assert estimate.value < 0.35 * own


@pytest.mark.parametrize("counts", [(9, 9), (9, 6), (5, 8)])
def test_the_ascent_ends_on_the_highest_of_all_angles_at_equal_and_unequal_counts(counts: tuple[int, int]) -> None:
    x, y = normal(counts[0], 2, 3) * torch.tensor([3.0, 1.0]), normal(counts[1], 2, 4)
    best, square = _ascend(x, y, unit_directions(16, 2, seeded()), 100)
    angles = torch.linspace(0, math.pi, 2001).double()
    highest = wasserstein(x, y, torch.stack([angles.cos(), angles.sin()], 1)).max()
    assert square == pytest.approx(float(highest), rel=1e-3)
    assert float(wasserstein(x, y, best)) == pytest.approx(square, rel=1e-12)


def test_slices_warn_where_few_samples_make_them() -> None:
    """Two draws of one Gaussian are as far apart as their floor says, within a third, whatever the counts."""
    for n, m in ((200, 200), (2000, 500)):
        drawn = [swd(features(normal(n, 16, s)), features(normal(m, 16, s + 50)), rng=seeded()) for s in range(8)]
        assert np.mean([one.value for one in drawn]) == pytest.approx(drawn[0].details["floor"], rel=1 / 3)
        assert all("bias of few samples" in one.details["warnings"][0] for one in drawn)
    assert "warnings" not in swd(features(normal(500, 16, 0)), features(normal(500, 16, 1) + 1), rng=seeded()).details
    assert "bias of few samples" in max_sliced(normal(300, 16, 0), normal(300, 16, 1)).details["warnings"][0]


def test_max_sliced_warns_where_its_direction_is_not_found() -> None:
    made = pair("discrete", 64)
    few, many = (max_sliced(*made.samples(n, 0)) for n in (400, 6000))
    assert few.value < 0.85 * made.known["max_sliced_w2"].value
    assert "too few samples to find the best" in few.details["warnings"][0]
    assert many.value == pytest.approx(made.known["max_sliced_w2"].value, rel=0.07)
    assert "warnings" not in many.details


def test_max_sliced_is_at_least_the_mean_over_directions() -> None:
    real, fake = normal(500, 10, 0), normal(450, 10, 1, mean=0.5)
    assert max_sliced(real, fake).value > swd(features(real), features(fake), rng=seeded()).value


# ---- Earth mover's


def earth(real: torch.Tensor, fake: torch.Tensor, size: int = 1000, p: int = 1) -> Estimate:
    return emd(features(real), features(fake), size=size, p=p, rng=seeded())


@pytest.mark.parametrize(("n", "m"), [(40, 40), (20, 30)])
def test_emd_equals_the_assignment_problem(n: int, m: int) -> None:
    x, y = normal(n, 8, 0), normal(m, 8, 1, mean=0.3)
    whole = math.lcm(n, m)  # samples repeated until both sides have as many
    costs = cdist(x.double().repeat_interleave(whole // n, 0), y.double().repeat_interleave(whole // m, 0))
    assert earth(x, y).value == pytest.approx(costs[linear_sum_assignment(costs)].mean(), rel=1e-9)


@pytest.mark.parametrize(("p", "cost"), [(1, "euclidean"), (2, "sqeuclidean")])
@pytest.mark.parametrize("n", [50, 70])
def test_emd_equals_pot(n: int, p: int, cost: str) -> None:
    x, y = normal(n, 8, 0), normal(70, 8, 1, mean=0.3)
    peer = ot.emd2(np.full(n, 1 / n), np.full(70, 1 / 70), ot.dist(x.double(), y.double(), cost).numpy())
    assert earth(x, y, p=p).value == pytest.approx(float(peer) ** (1 / p), rel=1e-9)


def test_emd_of_p_2_is_w2_and_refuses_less_than_1() -> None:
    x, y = normal(900, 1, 0), normal(900, 1, 1, mean=1.0)
    line = math.sqrt(float((x.sort(0).values - y.sort(0).values).double().square().mean()))
    assert earth(x, y, p=2).value == pytest.approx(line, rel=1e-6)
    assert earth(x, y, size=300, p=2).value == pytest.approx(line, rel=0.1)  # the mean of three pairs' squares
    with pytest.raises(GanevalError, match="p is 0"):
        earth(x, y, p=0)


def test_emd_of_a_shift_is_its_length() -> None:
    x, shift = normal(100, 8, 0), normal(1, 8, 7)
    assert earth(x, x + shift).value == pytest.approx(float(shift.norm()), rel=1e-6)


def test_emd_names_the_floor_that_its_sample_size_leaves() -> None:
    estimate = earth(normal(300, 32, 0), normal(200, 32, 1), size=100)
    floor = float(estimate.method.split()[-1])
    assert floor > 4  # far from the 0 of equal distributions
    assert estimate.value == pytest.approx(floor, rel=0.03)
    assert estimate.details["floor"] == pytest.approx(floor, rel=1e-5)
    assert "bias of few samples" in estimate.details["warnings"][0]
    few = earth(normal(150, 32, 0), normal(200, 32, 1), size=100)  # too few for another draw: two halves of the first
    assert few.details["floor"] > floor
    assert "between two real draws of 50" in few.method


def test_emd_of_many_samples_is_the_mean_of_pairs_of_draws_that_share_none() -> None:
    x, y = normal(700, 2, 0), normal(450, 2, 1, mean=0.5)
    estimate = earth(x, y, size=100)
    assert "mean of 4 such pairs" in estimate.method
    whole = earth(x[:450], y, size=450).value
    assert estimate.value == pytest.approx(whole, rel=0.2)
    spread = [
        np.std([earth(normal(n, 2, 2 * i), normal(n, 2, 2 * i + 1, mean=0.5), size=100).value for i in range(20)])
        for n in (100, 500)
    ]
    assert spread[1] < 0.7 * spread[0]  # 0.45 expected


def test_emd_far_above_its_floor_warns_of_nothing() -> None:
    assert "warnings" not in earth(normal(200, 2, 0), normal(200, 2, 1, mean=2.0)).details


def test_emd_without_pot_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(GanevalError, match=r"needs the package POT.*pip install 'ganeval\[transport\]'"):
        earth(normal(5, 2, 0), normal(6, 2, 1))


def test_emd_between_sets_of_one_size_does_without_pot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    x = normal(5, 2, 0)
    assert earth(x, x + 1).value == pytest.approx(math.sqrt(2), rel=1e-6)


def test_emd_is_the_same_with_and_without_pot(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(150, 3, 0), normal(150, 3, 1, mean=0.3)
    by_pot = earth(x, y).value
    monkeypatch.setitem(sys.modules, "ot", None)
    assert earth(x, y).value == pytest.approx(by_pot, rel=1e-12)


def test_emd_refuses_a_size_without_meaning() -> None:
    with pytest.raises(GanevalError, match=r"size is 1"):
        earth(normal(5, 2, 0), normal(5, 2, 1), size=1)
