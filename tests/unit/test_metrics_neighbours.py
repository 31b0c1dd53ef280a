"""Metrics of neighbourhoods and two-sample tests against closed forms, brute force and known limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import betabinom

from ganeval.errors import GanevalError
from ganeval.metrics.clipped_coverage import clipped_coverage, expected_filling
from ganeval.metrics.clipped_density import clipped_density
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
    assert realism(features(real), features(fake), k=k) == pytest.approx(np.median(ratios), rel=1e-9)


def test_realism_of_copies_is_refused_in_words_and_a_few_copies_are_not() -> None:
    real = normal(50, 4, 0)
    few = torch.cat([real[:10], normal(40, 4, 1)])
    assert np.isfinite(realism(features(real), features(few)))
    with pytest.raises(GanevalError, match="exact copies"):
        realism(features(real), features(real.clone()))
