"""Metrics of neighbourhoods and two-sample tests against closed forms, brute force and known limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import betabinom, norm
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from ganeval.errors import GanevalError
from ganeval.metrics.c2st import c2st
from ganeval.metrics.c2st_knn import c2st_knn
from ganeval.metrics.clipped_coverage import clipped_coverage, expected_filling
from ganeval.metrics.clipped_density import clipped_density
from ganeval.metrics.one_nn import _relabelling_variance, one_nn
from ganeval.metrics.realism import realism
from ganeval.summaries import Features


def normal(n: int, d: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1, (n, d)).astype(np.float32))


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


# ---- Clipped density and coverage


def test_clipped_density_equals_its_definition_spelled_out() -> None:
    real, fake, k = normal(80, 6, 0), normal(60, 6, 1, mean=0.9), 4
    among = cdist(real, real)
    radii = np.sort(among, axis=1)[:, k]
    radii = np.minimum(radii, np.median(radii))
    shares = [min(1, sum(cdist(fake[[j]], real)[0] <= radii) / k) for j in range(60)]
    np.fill_diagonal(among, np.inf)
    reference = [min(1, sum(among[j] <= radii) / k) for j in range(80)]
    assert clipped_density(features(real), features(fake), k=k) == pytest.approx(np.mean(shares) / np.mean(reference))


@pytest.mark.parametrize("metric", [clipped_density, clipped_coverage])
@pytest.mark.parametrize("bad", [0.0, 0.3, 0.7])
def test_clipped_metrics_are_the_share_of_good_samples(metric: type, bad: float) -> None:
    real, fake = normal(1500, 8, 0), normal(1500, 8, 1)
    fake[: int(1500 * bad)] += 100
    assert metric(features(real), features(fake)) == pytest.approx(1 - bad, abs=0.05)


@pytest.mark.parametrize(("n", "m", "k"), [(50, 30, 5), (20, 100, 3), (400, 3, 5)])
def test_expected_filling_is_that_of_a_beta_binomial(n: int, m: int, k: int) -> None:
    hits = np.arange(m + 1)
    expected = np.sum(np.minimum(hits, k) * betabinom.pmf(hits, m, k, n - k)) / k
    assert expected_filling(n, m, k)[-1] == pytest.approx(expected, rel=1e-9)


def test_one_real_outlier_hardly_moves_clipped_density() -> None:
    real, fake = normal(1000, 32, 0), normal(1000, 32, 1, mean=0.8)
    with_outlier = torch.cat([real, torch.full((1, 32), 4.0)])
    values = [clipped_density(features(rows), features(fake)) for rows in (real, with_outlier)]
    assert values[0] == pytest.approx(values[1], abs=0.01)


def test_clipped_coverage_sees_dropped_modes_and_clipped_density_does_not() -> None:
    centres, labels = normal(10, 8, 5) * 20, torch.arange(2000) % 10
    real, fake = features(centres[labels] + normal(2000, 8, 0)), features(centres[labels % 5] + normal(2000, 8, 1))
    assert clipped_coverage(real, fake) < 0.5
    assert clipped_density(real, fake) > 0.95


def test_constant_features_of_equal_sets_are_perfect_not_zero() -> None:
    same = features(torch.ones(20, 4))
    assert (clipped_density(same, same), clipped_coverage(same, same)) == (1, 1)


# ---- Realism


def test_realism_equals_its_definition_spelled_out() -> None:
    real, fake, k = normal(80, 6, 0), normal(61, 6, 1, mean=0.4), 3
    radii = np.sort(cdist(real, real), axis=1)[:, k]
    kept = radii <= np.median(radii)
    ratios = (radii[kept] / cdist(fake, real[torch.from_numpy(kept)])).max(1)
    estimate = realism(features(real), features(fake), k=k, listed=2)
    assert estimate.value == pytest.approx(np.median(ratios), rel=1e-9)
    order = np.argsort(ratios)
    assert [item["fake"] for item in estimate.details["lowest"]] == order[:2].tolist()
    assert [item["fake"] for item in estimate.details["highest"]] == order[:-3:-1].tolist()
    assert estimate.details["lowest"][0]["realism"] == pytest.approx(min(ratios), rel=1e-6)


def test_realism_of_copies_is_refused_in_words_and_a_few_copies_are_not() -> None:
    real = normal(50, 4, 0)
    few = torch.cat([real[:10], normal(40, 4, 1)])
    estimate = realism(features(real), features(few))
    assert np.isfinite(estimate.value)
    radii = features(real).radii(3)
    assert estimate.details["copies"] == int((radii[:10] <= radii.quantile(0.5)).sum())
    assert all(np.isfinite(item["realism"]) for item in estimate.details["highest"])  # JSON has no infinity
    with pytest.raises(GanevalError, match="exact copies"):
        realism(features(real), features(real.clone()))


# ---- Two-sample tests


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_c2st_approaches_the_best_accuracy_for_two_gaussians() -> None:
    real, fake = normal(4000, 4, 0), normal(3000, 4, 1, mean=0.5)  # Mahalanobis distance 1
    assert c2st(features(real), features(fake), rng=seeded()).value == pytest.approx(norm.cdf(0.5), abs=0.012)


def test_c2st_finds_one_disjoint_dimension_among_many() -> None:
    real, fake = normal(500, 301, 0), normal(500, 301, 1)
    at_chance = c2st(features(real), features(fake), folds=2, rng=seeded()).value
    real[:, 0], fake[:, 0] = 0, 1
    assert c2st(features(real), features(fake), folds=2, rng=seeded()).value > 0.9
    assert at_chance == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("test", [c2st, one_nn])
def test_two_sample_tests_cover_chance_about_as_often_as_they_say(test: type) -> None:
    estimates = [
        test(features(normal(120, 5, 2 * s)), features(normal(90, 5, 2 * s + 1)), rng=seeded(s)) for s in range(60)
    ]
    assert np.mean([estimate.value for estimate in estimates]) == pytest.approx(0.5, abs=0.02)
    assert 52 <= sum(estimate.low <= 0.5 <= estimate.high for estimate in estimates) <= 60


@pytest.mark.parametrize("test", [c2st, one_nn])
def test_an_accuracy_says_what_its_interval_is_for(test: type) -> None:
    method = test(features(normal(40, 3, 0)), features(normal(40, 3, 1)), rng=seeded()).method
    assert method.startswith("95% interval of the value at these counts, the accuracy that ")


@pytest.mark.parametrize("test", [c2st, c2st_knn, one_nn])
def test_two_sample_tests_tell_distant_sets_apart_and_constant_ones_not(test: type) -> None:
    far = test(features(normal(60, 5, 0)), features(normal(80, 5, 1, mean=20)), rng=seeded())
    assert (far.value, far.high) == (1, 1)
    assert far.low < 1
    same = features(torch.ones(40, 3))
    assert test(same, same, rng=seeded()).value == 0.5


def test_one_nn_equals_leave_one_out_of_scikit_learn() -> None:
    real, fake = normal(80, 6, 0), normal(80, 6, 1, mean=0.3)
    labels = np.repeat([0, 1], 80)
    peer = cross_val_score(KNeighborsClassifier(1), torch.cat([real, fake]), labels, cv=LeaveOneOut()).mean()
    assert one_nn(features(real), features(fake), rng=seeded()).value == pytest.approx(peer)


def test_one_nn_of_copies_is_zero_and_of_one_repeated_sample_is_half_wrong_at_most() -> None:
    real = normal(80, 6, 0)
    assert one_nn(features(real), features(real.flip(0)), rng=seeded()).value == 0
    assert one_nn(features(real), features(normal(1, 6, 1).repeat(80, 1)), rng=seeded()).value > 0.85


def test_relabelling_variance_is_that_of_all_relabellings() -> None:
    rows = normal(12, 2, 0)
    distances = cdist(rows, rows)
    np.fill_diagonal(distances, np.inf)
    neighbours = torch.from_numpy(distances.argmin(1))
    rng, labels = seeded(), np.repeat([0, 1], 6)
    counts = []
    for _ in range(20_000):
        drawn = rng.permutation(labels)
        counts.append(np.sum(drawn == drawn[neighbours]))
    assert _relabelling_variance(neighbours, 6) == pytest.approx(np.var(counts), rel=0.03)


def test_knn_classifier_equals_scikit_learn_on_the_same_halves() -> None:
    real, fake = normal(100, 4, 0), normal(100, 4, 1, mean=0.5)
    ours = c2st_knn(features(real), features(fake), k=5, rng=seeded(3)).value
    rng, halves = seeded(3), []
    for rows in (real, fake):
        in_order = sorted(rows.numpy(), key=lambda row: row.tobytes())
        halves.append(np.array(in_order)[rng.permutation(100)])
    fitted = np.concatenate([half[:50] for half in halves])
    tested = np.concatenate([half[50:] for half in halves])
    labels = np.repeat([0, 1], 50)
    assert ours == pytest.approx(KNeighborsClassifier(5).fit(fitted, labels).score(tested, labels))
