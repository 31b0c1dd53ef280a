"""Diversity metrics against published values, peers and populations whose diversity is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency
from torch_fidelity.metric_isc import isc_features_to_metric

from ganeval.errors import GanevalError
from ganeval.metrics.birthday import birthday
from ganeval.metrics.inception_score import inception_score
from ganeval.metrics.ndb import _p_values, ndb
from ganeval.metrics.vendi import effective_number, vendi
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


def normal(n: int, d: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1, (n, d)).astype(np.float32))


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- Vendi


def test_vendi_has_its_published_values() -> None:
    points = torch.tensor([0.0, 0, 10, 10, 20, 20]).double()
    kernel = torch.exp(-(points[:, None] - points).abs())
    assert effective_number(kernel / 6, 1) == pytest.approx(2.9999, abs=1e-4)  # published without rounding
    kernel = torch.tensor([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]]).double()
    assert effective_number(kernel / 3, 1) == pytest.approx(2.1573, abs=5e-5)


@pytest.mark.parametrize("q", [0, 0.5, 1, 2, math.inf])
def test_vendi_of_orthogonal_groups_has_its_closed_form(q: float) -> None:
    shares = np.array([0.5, 0.3, 0.2])
    rows = torch.eye(7)[torch.repeat_interleave(torch.tensor([0, 3, 5]), torch.tensor([50, 30, 20]))] * 3
    limits = {0: 3, 1: np.exp(-np.sum(shares * np.log(shares))), math.inf: 2}
    expected = limits[q] if q in limits else np.sum(shares**q) ** (1 / (1 - q))
    assert vendi(features(rows), q=q) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("q", [0.1, 1.0, 2.0])
def test_vendi_is_the_same_from_the_kernel_and_from_the_covariance(q: float) -> None:
    rows = normal(40, 12, 0)
    unit = rows.double() / rows.double().norm(dim=1, keepdim=True)
    assert vendi(features(rows), q=q) == pytest.approx(effective_number(unit @ unit.T / 40, q), rel=1e-9)


def test_vendi_of_infinite_order_takes_infinity_or_its_word() -> None:
    rows = torch.eye(3).repeat_interleave(torch.tensor([1, 2, 5]), 0)
    assert vendi(features(rows), q="inf") == vendi(features(rows), q=math.inf) == pytest.approx(8 / 5)


def test_vendi_refuses_what_has_no_direction_or_order() -> None:
    with pytest.raises(GanevalError, match="zero"):
        vendi(features(torch.zeros(4, 3)))
    with pytest.raises(GanevalError, match="order"):
        vendi(features(normal(4, 3, 0)), q=-1)


# ---- Number of different bins


def test_proportions_are_tested_as_the_chi_squared_test_does() -> None:
    first, second = np.array([30.0, 50.0, 20.0, 0.0]), np.array([25.0, 90.0, 5.0, 0.0])
    ours = _p_values(first, second)
    for p, a, b in zip(ours[:3], first, second):
        table = [[a, first.sum() - a], [b, second.sum() - b]]
        assert p == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-9)
    assert ours[3] == 1


@pytest.mark.parametrize("d", [4, 200])
def test_ndb_of_equal_distributions_is_at_most_its_level_in_any_dimension(d: int) -> None:
    pairs = [(features(normal(600, d, 2 * s)), features(normal(600, d, 2 * s + 1))) for s in range(10)]
    values = [ndb(*pair, bins=30, rng=seeded(s)).value for s, pair in enumerate(pairs)]
    assert 0.01 < np.mean(values) < 0.08


def test_ndb_as_published_calls_equal_distributions_different_in_many_dimensions() -> None:
    pairs = [(features(normal(600, 400, 2 * s)), features(normal(600, 400, 2 * s + 1))) for s in range(3)]
    assert np.mean([ndb(*pair, bins=60, split=False, rng=seeded()).value for pair in pairs]) > 0.12
    assert ndb(pairs[0][0], pairs[0][0], split=False, rng=seeded()).value == 0


def test_ndb_finds_the_modes_that_are_missing() -> None:
    centres, labels = normal(10, 8, 5) * 20, torch.arange(1000) % 10
    real, fake = centres[labels] + normal(1000, 8, 0), centres[labels % 5] + normal(1000, 8, 1)
    assert ndb(features(real), features(fake), bins=10, rng=seeded()).value >= 0.9
    with pytest.raises(GanevalError, match="2 bins"):
        ndb(features(real), features(fake), bins=1, rng=seeded())


# ---- Support size


def _holds(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def test_birthday_finds_the_size_of_a_uniform_support_and_its_interval_holds() -> None:
    support, real = 100, features(torch.arange(100.0)[:, None] * 10)  # real samples: 10 apart
    estimates = []
    for s in range(60):
        drawn = seeded(s).integers(support, size=150)
        rows = torch.from_numpy(drawn)[:, None] * 100 + normal(150, 1, s).clamp(-1, 1)
        estimates.append(birthday(real, features(rows)))
    assert np.mean([e.value for e in estimates]) == pytest.approx(support, rel=0.03)
    assert 52 <= sum(_holds(e, support) for e in estimates) <= 60


def test_birthday_of_unequal_modes_is_the_inverse_collision_probability_within_its_interval() -> None:
    real, shares = features(torch.arange(100.0)[:, None] * 10), np.array([0.5, *[0.5 / 200] * 200])
    held = []
    for s in range(40):
        drawn = seeded(s).choice(201, size=200, p=shares)
        estimate = birthday(real, features(torch.from_numpy(drawn)[:, None] * 100.0))
        held.append(_holds(estimate, 1 / float(np.sum(shares**2))))
    assert 0.85 <= np.mean(held) <= 1


def test_birthday_without_duplicates_says_what_can_be_shown_and_with_one_image_says_one() -> None:
    real = features(normal(200, 8, 0))
    assert birthday(real, features(torch.arange(100.0)[:, None].repeat(1, 8) * 50)).value == 100 * 99 / 2 + 1
    assert birthday(real, features(torch.ones(100, 8))).value == 1
    with pytest.raises(GanevalError, match="between 0 and 1"):
        birthday(real, real, closest=1.5)


# ---- Inception score


@pytest.mark.parametrize(("splits", "shuffle"), [(10, True), (1, True), (7, False)])
def test_inception_score_equals_torch_fidelity(splits: int, shuffle: bool) -> None:
    logits = 3 * normal(523, 40, 0)
    peer = isc_features_to_metric(logits, splits=splits, shuffle=shuffle, rng_seed=2020)
    rng = np.random.RandomState(2020)
    ours = inception_score(features(logits), splits=splits, shuffle=shuffle, rng=rng)
    assert ours.value == pytest.approx(peer["inception_score_mean"], rel=1e-9)
    assert f"{peer['inception_score_std']:.3g}" in ours.method


def test_inception_score_has_its_limits() -> None:
    classes = torch.arange(600) % 12

    def score(logits: torch.Tensor) -> float:
        return inception_score(features(logits), splits=1, rng=seeded()).value

    assert score(1e4 * torch.eye(12)[classes]) == pytest.approx(12)  # probabilities of the others underflow
    assert score(torch.ones(50, 1).repeat(1, 7)) == 1
    assert score(torch.tensor([[0.0, 0, -2000], [0, 0, -2000]])) == 1  # a class that nobody ever sees
    with pytest.raises(GanevalError, match="at least 1 part"):
        inception_score(features(normal(50, 3, 0)), splits=0, rng=seeded())
