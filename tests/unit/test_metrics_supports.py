"""Soft and statistical supports against their definitions spelled out, and on outliers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from ganeval.errors import GanevalError
from ganeval.metrics.precision import precision
from ganeval.metrics.probabilistic_precision import probabilistic_precision
from ganeval.metrics.probabilistic_recall import probabilistic_recall
from ganeval.metrics.recall import recall
from ganeval.metrics.topological_precision import topological_precision
from ganeval.metrics.topological_recall import topological_recall
from ganeval.summaries import Features
from ganeval.supports import projected, support


def normal(n: int, d: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1, (n, d)).astype(np.float32))


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- Probabilistic precision and recall


@pytest.mark.parametrize(("k", "scale"), [(4, 1.2), (1, 2.0)])
def test_probabilistic_precision_and_recall_equal_their_definition_spelled_out(k: int, scale: float) -> None:
    real, fake = normal(70, 6, 0).double(), normal(50, 6, 1, mean=0.4).double()

    def score(points: torch.Tensor, centres: torch.Tensor) -> float:
        radius = scale * np.mean(np.sort(cdist(centres, centres), axis=1)[:, k])
        shares = []
        for point in points:
            outside = 1.0
            for centre in centres:
                outside *= min(1.0, float((point - centre).norm()) / radius)
            shares.append(1 - outside)
        return float(np.mean(shares))

    r, f = features(real.float()), features(fake.float())
    assert probabilistic_precision(r, f, k=k, scale=scale) == pytest.approx(score(fake, real), rel=1e-6)
    assert probabilistic_recall(r, f, k=k, scale=scale) == pytest.approx(score(real, fake), rel=1e-6)


def test_one_outlier_deceives_precision_and_recall_but_not_the_probabilistic_ones() -> None:
    real, fake = normal(1000, 64, 0), normal(1000, 64, 1, mean=1.0)
    with_outlier = torch.cat([real[1:], torch.full((1, 64), 3.0)])
    for old, new, sides in (
        (precision, probabilistic_precision, lambda rows: (features(rows), features(fake))),
        (recall, probabilistic_recall, lambda rows: (features(fake), features(rows))),
    ):
        assert old(*sides(real), k=4) < 0.05
        assert old(*sides(with_outlier), k=4) > 0.9
        assert new(*sides(with_outlier)) == pytest.approx(new(*sides(real)), abs=0.02)
        assert new(*sides(with_outlier)) < 0.1


def test_constant_features_of_equal_sets_are_perfect() -> None:
    same = features(torch.ones(20, 3))
    assert (probabilistic_precision(same, same), probabilistic_recall(same, same)) == (1, 1)
    assert topological_precision(same, same, rng=seeded()) == 1


def test_probabilistic_metrics_refuse_options_without_meaning() -> None:
    x, y = features(normal(9, 2, 0)), features(normal(9, 2, 1))
    for metric in (probabilistic_precision, probabilistic_recall):
        with pytest.raises(GanevalError, match=r"k is 0 and scale 1.2, expected 1 or more"):
            metric(x, y, k=0)


# ---- Topological precision and recall


def spelled_out(rows: np.ndarray, points: np.ndarray, k: int, alpha: float, counts: np.ndarray) -> np.ndarray:
    """Which points the support of rows holds, from its published definition and the given resamples (R, N)."""
    n = len(rows)
    reach = sorted(np.sort([np.linalg.norm(rows[i] - rows[j]) for j in range(i + 1, n)])[k - 1] for i in range(n - k))
    h = reach[len(reach) // 2 - 1]

    def density(at: np.ndarray, sample: np.ndarray) -> np.ndarray:
        distances = cdist(at, sample)
        return np.where(distances <= h, np.cos(np.pi / 2 * distances / h), 0).mean(1)

    own = density(rows, rows)
    moved = [np.abs(density(rows, np.repeat(rows, count, axis=0)) - own).max() for count in counts]
    return density(points, rows) > np.quantile(moved, 1 - alpha)


def test_a_support_is_that_of_its_definition_spelled_out() -> None:
    rows, points, k = normal(120, 3, 0), normal(200, 3, 1) * 1.5, 15
    estimated = support(rows, k, alpha=0.2, resamples=9, rng=seeded(7))
    rng = seeded(7)
    in_order = np.array(sorted(rows.numpy(), key=lambda row: row.tobytes()))[rng.permutation(120)].astype(float)
    counts = rng.multinomial(120, np.full(120, 1 / 120), size=9)
    expected = spelled_out(in_order, points.double().numpy(), k, 0.2, counts)
    assert 0.2 < expected.mean() < 0.9
    assert np.array_equal(estimated.holds(points).numpy(), expected)


def test_topological_precision_and_recall_leave_outliers_out() -> None:
    """An outlier of the real set does not let the generated sample beside it count, and neither is counted."""
    rows, outlier = normal(300, 4, 0), torch.full((1, 4), 20.0)
    with_outlier = torch.cat([rows, outlier])
    inside = support(with_outlier, 20, alpha=0.1, resamples=50, rng=seeded())
    assert not bool(inside.holds(outlier + 0.1))
    assert inside.holds(rows).double().mean() > 0.5
    copy = torch.cat([normal(300, 4, 1), outlier + 0.1])
    values = [
        metric(features(with_outlier), features(copy), rng=seeded())
        for metric in (topological_precision, topological_recall)
    ]
    assert min(values) > 0.75


def test_topological_recall_sees_dropped_modes_and_precision_does_not() -> None:
    centres, labels = normal(4, 8, 5) * 20, torch.arange(800) % 4
    real, fake = features(centres[labels] + normal(800, 8, 0)), features(centres[labels % 2] + normal(800, 8, 1))
    assert topological_recall(real, fake, rng=seeded()) < 0.6
    assert topological_precision(real, fake, rng=seeded()) > 0.9


def test_a_projection_keeps_distances_up_to_one_factor() -> None:
    x = normal(40, 2000, 0)
    before, after = cdist(x, x), cdist(*[projected(x, 500, seeded())] * 2)
    ratios = (after / np.where(before > 0, before, 1))[before > 0]
    assert ratios.std() / ratios.mean() < 0.05


def test_supports_say_what_they_lack() -> None:
    x, y = features(normal(200, 40, 0)), features(normal(30, 40, 1))
    with pytest.raises(GanevalError, match=r"at least 161 samples, got 30: use more images, or a smaller width"):
        topological_precision(x, y, rng=seeded())
    with pytest.raises(GanevalError, match=r"alpha 1.5"):
        topological_recall(x, x, alpha=1.5, rng=seeded())
    halves = features(torch.tensor([[0.0]] * 3 + [[10.0]] * 3))  # every resample of one half only moves all there is
    with pytest.raises(GanevalError, match="stands out of the noise"):
        topological_precision(halves, halves, alpha=1e-9, resamples=1000, rng=seeded())
