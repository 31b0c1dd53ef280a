"""Metrics of pairs and paths from given distances: values, intervals, and what a path length leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.metrics.lpips import lpips
from ganeval.metrics.lpips_class_diversity import lpips_class_diversity
from ganeval.metrics.lpips_diversity import lpips_diversity
from ganeval.metrics.metric import get, metric, registered
from ganeval.metrics.ms_ssim_diversity import ms_ssim_diversity
from ganeval.metrics.perceptual_class_diversity import perceptual_class_diversity
from ganeval.metrics.perceptual_distance import perceptual_distance
from ganeval.metrics.perceptual_diversity import perceptual_diversity
from ganeval.metrics.perceptual_path_length import perceptual_path_length
from ganeval.metrics.ppl import ppl
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, mean_interval


def features(values: np.ndarray) -> Features:
    summary = Features()
    summary.update(torch.from_numpy(values.astype(np.float32))[:, None])
    return summary


def drawn(n: int, seed: int) -> np.ndarray:
    """Skewed, as distances are; mean 2."""
    return np.random.default_rng(seed).gamma(2, 1, n)


def share_covered(estimate: Callable[[int], Estimate], truth: float) -> float:
    made = [estimate(seed) for seed in range(400)]
    return float(np.mean([m.low is not None and m.high is not None and m.low <= truth <= m.high for m in made]))


@pytest.mark.parametrize("one", [perceptual_distance, lpips, perceptual_class_diversity, lpips_class_diversity])
def test_a_mean_over_pairs_with_its_interval(one: Callable[[Features], Estimate]) -> None:
    values = drawn(50, 0).astype(np.float32).astype(np.float64)
    estimate = one(features(values))
    error = values.std(ddof=1) / math.sqrt(50)
    assert estimate.value == pytest.approx(values.mean(), rel=1e-12)
    assert estimate.high == pytest.approx(values.mean() + 1.959964 * error, rel=1e-6)
    assert estimate.low == pytest.approx(values.mean() - 1.959964 * error, rel=1e-6)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    assert share_covered(lambda seed: mean_interval(drawn(100, seed), "m"), 2.0) == pytest.approx(0.95, abs=0.035)
    many = drawn(1_000_000, 9999)
    low, high = np.percentile(many, [1, 99])
    trimmed = many[(many >= low) & (many <= high)].mean()
    share = share_covered(lambda seed: perceptual_path_length(features(drawn(400, seed)), epsilon=1.0), trimmed)
    assert share == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize("one", [perceptual_diversity, lpips_diversity, ms_ssim_diversity])
def test_diversity_stands_beside_the_references(one: Callable[[Features, Features], Estimate]) -> None:
    estimate = one(features(drawn(60, 0)), features(drawn(40, 1)))
    assert estimate.value == pytest.approx(drawn(60, 0).mean(), rel=1e-6)
    assert estimate.details["real"] == pytest.approx(drawn(40, 1).mean(), rel=1e-6)
    assert f"{estimate.details['real']:.4g} between real images" in estimate.method


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_a_path_length_leaves_out_what_the_authors_leave_out(n: int) -> None:
    values = drawn(n, 3).astype(np.float32).astype(np.float64)
    ordered = np.sort(values)
    low, high = ordered[math.floor((n - 1) * 0.01)], ordered[math.ceil((n - 1) * 0.99)]
    kept = values[(values >= low) & (values <= high)]
    estimate = perceptual_path_length(features(values), epsilon=1e-2)
    assert estimate.value == pytest.approx(kept.mean() * 1e4, rel=1e-12)
    assert f"{len(kept)} of {n} independent paths" in estimate.method
    whole = perceptual_path_length(features(values), epsilon=1e-2, discard=False)
    assert whole.value == pytest.approx(values.mean() * 1e4, rel=1e-12)
    assert ppl(features(values), epsilon=1e-2) == estimate


def test_a_path_length_says_how_it_went_and_what_drowns_it() -> None:
    path = features(drawn(20, 0))
    assert "z, full, slerp, epsilon 0.0001, float" in perceptual_path_length(path).method
    assert "w, end, epsilon" in perceptual_path_length(path, space="w", sampling="end").method
    assert "rounding to uint8 dominates" in perceptual_path_length(path, pixels="uint8").method
    assert "rounding" not in perceptual_path_length(path, pixels="uint8", epsilon=0.1).method
    with pytest.raises(GanevalError, match="epsilon is 0"):
        perceptual_path_length(path, epsilon=0.0)


def test_metrics_of_pairs_read_pairs_only() -> None:
    pairs = {name for name, one in registered().items() if one.pairs}
    assert {"lpips", "ppl", "ms_ssim_diversity", "perceptual_distance"} <= pairs
    assert not {"fd", "kid", "authpct"} & pairs
    assert get("perceptual_distance").tap == "efficientnet_lite0_distance.distance"
    with pytest.raises(AssertionError, match="pairs"):

        @metric(better="lower", range=(0, 1), optimum=0, paper="none", family="perceptual", cost="N")
        def both(fake: Features, pairs: Features) -> float:
            return 0.0
