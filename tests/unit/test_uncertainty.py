"""Intervals: that they hold what they are for, do not depend on order, and follow the level."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from ganeval.metrics.metric import estimated, get
from ganeval.row_sample import RowSample, draw
from ganeval.summaries import Features, GivenMoments, Moments, Summary
from ganeval.testing.truth import pair
from ganeval.uncertainty import Estimate, between_runs, share_interval, squared_interval
from ganeval.uncertainty.halving import halving


def rows(n: int, d: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy((np.random.default_rng(seed).normal(0, scale, (n, d))).astype(np.float32))


def of(kind: type[Summary], data: torch.Tensor, batch: int = 50) -> Summary:
    made = kind()
    for part in data.split(batch):
        made.update(part)
    return made


def score(name: str, sets: dict[str, Summary], level: float = 0.95) -> Estimate:
    return estimated(get(name), sets, get(name).options, draws=lambda: np.random.default_rng(0), level=level)


def bounds(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize(("d", "n"), [(16, 400), (64, 400)])
def test_frechet_intervals_hold_the_population_value_where_the_plug_in_value_never_does(d: int, n: int) -> None:
    truth, inside, plug_in = d * 0.5**2, 0, []
    for seed in range(40):
        sets = {"real": of(Moments, rows(n, d, 2 * seed)), "fake": of(Moments, rows(n, d, 2 * seed + 1, scale=1.5))}
        found = score("fd", sets)
        low, high = bounds(found)
        inside += low <= truth <= high
        plug_in.append(found.value)
    assert min(plug_in) > truth
    assert inside >= 35  # 95 % of 40 is 38; below 35 in 1.4 % of all seeds


def test_a_frechet_interval_takes_given_moments_as_the_population() -> None:
    given = GivenMoments(torch.zeros(16).double(), torch.eye(16).double())
    found = score("fd", {"real": given, "fake": of(Moments, rows(800, 16, 1, scale=1.5))})
    low, high = bounds(found)
    assert low < 4.0 < high
    assert "taken as given" in found.method
    assert score("fd", {"real": given, "fake": given}).low is None


def test_frechet_intervals_of_a_copy_are_zero() -> None:
    data = rows(300, 8, 1)
    assert bounds(score("fd", {"real": of(Moments, data), "fake": of(Moments, data.flip(0))})) == pytest.approx(
        (0, 0), abs=1e-6
    )


@pytest.mark.parametrize("name", ["precision", "recall", "coverage", "c2st_knn", "swd"])
def test_halving_gives_the_spread_between_samples(name: str) -> None:
    found = [
        score(name, {"real": of(Features, rows(200, 4, 2 * s)), "fake": of(Features, rows(200, 4, 2 * s + 1, 1.3))})
        for s in range(12)
    ]
    spread = np.std([estimate.value for estimate in found], ddof=1)
    errors = np.sqrt(np.mean([estimate.details["standard_error"] ** 2 for estimate in found]))
    assert 0.5 < errors / spread < 2.0


def test_the_error_of_a_distance_is_that_of_its_square_where_the_whole_lies() -> None:
    """Halves have larger distances, by bias, and roots are flatter there."""
    sets = {"real": of(Features, rows(300, 4, 0)), "fake": of(Features, rows(300, 4, 1) + 0.2)}
    roots = halving()(score("swd", sets, 0), dict(sets), _swd)
    squares = halving()(Estimate(roots.value**2), dict(sets), lambda given: Estimate(_swd(given).value ** 2))
    found = score("swd", sets)
    assert found.details["standard_error"] == pytest.approx(squares.details["standard_error"] / (2 * found.value))
    assert found.details["standard_error"] > 1.1 * roots.details["standard_error"]


def test_the_error_of_a_distance_between_near_copies_is_not_that_of_a_root_at_0() -> None:
    data = rows(100, 4, 0)
    sets = {"real": of(Features, data), "fake": of(Features, data + 1e-4 * rows(100, 4, 1))}
    roots = halving()(score("swd", sets, 0), dict(sets), _swd)
    assert roots.details["standard_error"] / 2 < score("swd", sets).details["standard_error"] < 0.1


def _swd(given: Mapping[str, Summary]) -> Estimate:
    return score("swd", dict(given), 0)


def test_intervals_do_not_depend_on_order_and_batches() -> None:
    data = [rows(120, 6, 1), rows(100, 6, 2)]
    turned = [part.flip(0) for part in data]
    for name, kind in (("fd", Moments), ("precision", Features), ("swd", Features)):
        first = score(name, {role: of(kind, part) for role, part in zip(("real", "fake"), data)})
        other = score(name, {role: of(kind, part, 7) for role, part in zip(("real", "fake"), turned)})
        assert bounds(other) == pytest.approx(bounds(first), rel=1e-6)


def test_a_higher_level_gives_a_wider_interval_and_level_0_none() -> None:
    sets = {"real": of(Features, rows(100, 6, 1)), "fake": of(Features, rows(100, 6, 2, 1.5))}
    for name in ("kid", "precision", "c2st", "swd"):
        (low, high), (lower, higher) = bounds(score(name, sets)), bounds(score(name, sets, 0.99))
        assert lower <= low < high <= higher
        assert "99%" in score(name, sets, 0.99).method
        assert score(name, sets, 0).low is None


def test_a_sample_of_rows_is_the_same_whatever_the_order_batches_and_shards() -> None:
    data = rows(500, 3, 0)
    whole, parts = RowSample(50), RowSample(50)
    whole.update(data)
    for part in data.flip(0).split(33):
        parts.update(part)
    assert torch.equal(whole.rows, parts.rows)
    assert whole.rows.shape == (50, 3)
    again = Moments.from_state(of(Moments, data).state_dict())
    assert torch.equal(again.sample, of(Moments, data.flip(0)).sample)


def test_rows_that_repeat_are_drawn_in_their_proportions() -> None:
    """As a generator that makes few images would have it: 60, 30 and 10 % of three, and as many that occur once."""
    rng = np.random.default_rng(0)
    few = torch.tensor([[1.0], [2.0], [3.0]])[torch.from_numpy(rng.choice(3, 6000, p=[0.6, 0.3, 0.1]))]
    data = torch.cat([few, 10 + rows(6000, 1, 1)])[torch.from_numpy(rng.permutation(12_000))]
    sampled, orders = RowSample(1000), draw(data, 1000)
    sampled.update(data)
    for drawn in (sampled.rows, data[torch.from_numpy(orders)]):
        assert len(drawn) == 1000
        shares = [float((drawn == value).double().mean()) for value in (1.0, 2.0, 3.0)]
        assert shares == pytest.approx([0.3, 0.15, 0.05], abs=0.04)
    assert sorted(draw(few, 10_000)) == list(range(6000))


def test_a_sample_of_rows_that_repeat_is_the_same_whatever_the_order_and_batches() -> None:
    data = torch.from_numpy(np.random.default_rng(0).integers(12, size=(3000, 2)).astype(np.float32))  # 144 contents
    whole, parts, again = RowSample(100), RowSample(100), RowSample(100)
    whole.update(data)
    for part in data.flip(0).split(33):
        parts.update(part)
    again.update(*whole.held())
    assert torch.equal(parts.rows, whole.rows)
    assert torch.equal(again.rows, whole.rows)
    assert torch.equal(data[torch.from_numpy(draw(data, 100))], whole.rows)


def test_an_interval_of_rows_that_repeat_holds_the_value() -> None:
    """Drawn by content alone, 500 rows of four points were all at one of them, and the interval had no width."""
    made, held = pair("discrete", 1), 0
    for seed in range(12):
        sets = {role: of(Features, side) for role, side in zip(("real", "fake"), made.samples(3000, seed))}
        low, high = bounds(score("emd", sets))
        held += low <= made.known["w1"].value <= high
    assert held >= 9  # without copies drawing for themselves 2


def test_runs_of_one_recipe_spread_more_than_their_samples() -> None:
    runs = [Estimate(value, value - 0.2, value + 0.2, level=0.95) for value in (9.0, 10.0, 11.0)]
    found = between_runs(runs)
    assert found.details["seeds"] == pytest.approx(1 - (0.2 / 1.959964) ** 2, rel=1e-5)
    low, high = bounds(found)
    assert high - low == pytest.approx(2 * 4.302653 / np.sqrt(3), rel=1e-5)


def test_a_set_without_spread_has_a_frechet_interval_too() -> None:
    constant = torch.zeros(40, 3)
    sets = {"real": of(Moments, rows(40, 3, 0)), "fake": of(Moments, constant)}
    low, high = bounds(score("fd", sets))
    assert low <= 3 <= high  # the trace of the identity


def test_the_interval_of_no_hits_starts_at_exactly_0_and_of_all_hits_ends_at_1() -> None:
    assert bounds(share_interval(0, 2000, "example"))[0] == 0
    assert bounds(share_interval(1999, 1999, "example"))[1] == 1


def test_halves_that_do_not_differ_give_no_interval() -> None:
    far = {"real": of(Features, rows(60, 4, 0)), "fake": of(Features, rows(60, 4, 1) + 1000)}
    found = score("recall", far)
    assert (found.value, found.low, found.high) == (0.0, None, None)


def test_squared_distances_reach_as_far_as_the_noise_that_their_ends_would_have() -> None:
    value, error, chance = 2.0, 0.5, 0.2
    for end in bounds(squared_interval(value, (error, chance), "example")):
        own = chance**2 + (error**2 - chance**2) * end / value
        assert abs(value - end) == pytest.approx(1.959964 * np.sqrt(own), rel=1e-6)
    assert bounds(squared_interval(-0.1, (chance, chance), "example")) == pytest.approx((-0.491993, 0.291993))


@pytest.mark.parametrize(("name", "shift"), [("kid", 0.15), ("energy_distance", 0.0)])
def test_intervals_of_kernel_distances_miss_on_neither_side_alone(name: str, shift: float) -> None:
    found = [
        score(name, {"real": of(Features, rows(150, 8, 2 * s)), "fake": of(Features, rows(150, 8, 2 * s + 1) + shift)})
        for s in range(80)
    ]
    target = np.mean([estimate.value for estimate in found]) if shift else 0.0
    ends = np.array([bounds(estimate) for estimate in found])
    over, under = (ends[:, 0] > target).sum(), (ends[:, 1] < target).sum()
    assert over <= 6  # 2 expected; more in 0.5 % of all seeds
    assert under <= 6
