"""Metrics against closed forms, published toys and independent implementations."""

from __future__ import annotations

import math

import numpy as np
import prdc
import pytest
import scipy.linalg
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import calc_cdist_part

from ganeval.errors import GanevalError
from ganeval.kernels import mmd2, polynomial
from ganeval.metrics.authpct import authpct
from ganeval.metrics.coverage import coverage
from ganeval.metrics.density import density
from ganeval.metrics.fd import fd
from ganeval.metrics.kid import kid
from ganeval.metrics.precision import precision
from ganeval.metrics.recall import recall
from ganeval.summaries import Features, Moments


def normal(n: int, d: int, seed: int, mean: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, scale, (n, d)).astype(np.float32))


def moments(rows: torch.Tensor) -> Moments:
    summary = Moments()
    summary.update(rows)
    return summary


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


# ---- Frechet


@pytest.mark.parametrize(("n", "m", "d"), [(300, 200, 40), (3000, 2000, 40), (50, 60, 200), (2000, 60, 200)])
def test_fd_equals_the_textbook_formula(n: int, m: int, d: int) -> None:
    mixing = normal(d, d, 9, scale=1 / math.sqrt(d))
    a, b = normal(n, d, 0) @ mixing, normal(m, d, 1, mean=0.3) @ mixing.T
    s1, s2 = np.cov(a.double(), rowvar=False), np.cov(b.double(), rowvar=False)
    shift = a.double().mean(0).numpy() - b.double().mean(0).numpy()
    expected = shift @ shift + np.trace(s1 + s2 - 2 * scipy.linalg.sqrtm(s1 @ s2).real)
    assert fd(moments(a), moments(b)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "d"), [(400, 50), (50, 400)])
def test_fd_equals_torch_fidelity(n: int, d: int) -> None:
    a, b = normal(n, d, 0), normal(n + 30, d, 1, mean=0.2, scale=1.3)
    peer = fid_statistics_to_metric(fid_features_to_statistics(a), fid_features_to_statistics(b), verbose=False)
    assert fd(moments(a), moments(b)) == pytest.approx(peer["frechet_inception_distance"], rel=1e-5)


def test_fd_of_isotropic_gaussians_approaches_its_closed_form() -> None:
    n, d = 200_000, 4
    distance = fd(moments(normal(n, d, 0)), moments(normal(n, d, 1, mean=0.5, scale=2.0)))
    assert distance == pytest.approx(d * 0.5**2 + d * (2 - 1) ** 2, rel=0.02)


@pytest.mark.parametrize(("n", "d"), [(400, 50), (50, 400), (3000, 50)])
def test_fd_of_a_set_with_itself_is_exactly_zero(n: int, d: int) -> None:
    rows = normal(n, d, 0)
    assert fd(moments(rows), moments(rows.clone())) == 0.0


def test_fd_of_a_shuffled_copy_is_zero_up_to_rounding() -> None:
    rows = normal(3000, 50, 0)
    assert 0 <= fd(moments(rows), moments(rows.flip(0))) < 1e-9


def test_fd_survives_dead_features() -> None:
    a, b = normal(500, 20, 0), normal(500, 20, 1)
    dead = torch.zeros(500, 5)
    assert fd(moments(torch.cat([a, dead], 1)), moments(torch.cat([b, dead], 1))) == pytest.approx(
        fd(moments(a), moments(b)), rel=1e-9
    )


def test_fd_bias_falls_as_one_over_n() -> None:
    products = []
    for n in (512, 2048):
        pairs = [(normal(n, 64, 2 * s), normal(n, 64, 2 * s + 1)) for s in range(4)]
        products.append(n * np.mean([fd(moments(a), moments(b)) for a, b in pairs]))
    assert products == pytest.approx([2.2e3, 2.2e3], rel=0.05)


# ---- Kernel


def test_kid_on_subsets_equals_torch_fidelity_on_the_same_draws() -> None:
    fake, real = normal(300, 40, 0), normal(250, 40, 1, mean=0.2)
    options = {"kid_subsets": 7, "kid_subset_size": 100, "rng_seed": 2020, "verbose": False}
    peer = kid_features_to_metric(fake, real, **options)["kernel_inception_distance_mean"]
    ours = kid(features(real), features(fake), subsets=7, subset_size=100, rng=np.random.RandomState(2020))
    assert ours.value == pytest.approx(peer, rel=1e-5)


def test_kid_of_isotropic_gaussians_approaches_its_closed_form() -> None:
    # d = 16, every coordinate shifted by 0.1: E[(x.y/d + 1)^3] in closed form gives 0.03245
    values = [
        mmd2(normal(4000, 16, 2 * s), normal(4000, 16, 2 * s + 1, mean=0.1), polynomial(3)).value for s in range(6)
    ]
    assert np.mean(values) == pytest.approx(0.03245, rel=0.12)


@pytest.mark.parametrize("shift", [0.0, 0.15])
def test_kid_standard_error_is_the_spread_over_repetitions(shift: float) -> None:
    results = [mmd2(normal(150, 16, 2 * s), normal(200, 16, 2 * s + 1, mean=shift), polynomial(3)) for s in range(300)]
    values, errors = np.array([(each.value, each.error) for each in results]).T
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.15)


def test_kid_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for s in range(200):
        estimate = kid(
            features(normal(400, 16, 2 * s)),
            features(normal(400, 16, 2 * s + 1, mean=0.1)),
            rng=np.random.default_rng(0),
        )
        covered += estimate.low <= 0.03245 <= estimate.high  # type: ignore[operator]
    assert 0.90 <= covered / 200 <= 0.99


def test_kid_refuses_subsets_of_one() -> None:
    with pytest.raises(GanevalError, match=r"subset_size is 1, expected 2 or more"):
        kid(
            features(normal(50, 4, 0)),
            features(normal(60, 4, 1)),
            subsets=2,
            subset_size=1,
            rng=np.random.default_rng(0),
        )


def test_kid_refuses_subsets_larger_than_a_set() -> None:
    with pytest.raises(GanevalError, match=r"subset_size is 1000, but a set has only 50"):
        kid(features(normal(50, 4, 0)), features(normal(60, 4, 1)), subsets=2, rng=np.random.default_rng(0))


# ---- Neighbours


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_neighbour_metrics_equal_prdc(k: int, mean: float, capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = normal(300, 16, 0), normal(260, 16, 1, mean=mean)
    peer = prdc.compute_prdc(real.double().numpy(), fake.double().numpy(), nearest_k=k)
    r, f = features(real), features(fake)
    ours = {metric.__name__: metric(r, f, k=k, strict=True) for metric in (precision, recall, density, coverage)}
    assert ours == pytest.approx(peer, rel=1e-5)


@pytest.mark.parametrize("k", [3, 5])
def test_precision_and_recall_equal_torch_fidelity(k: int) -> None:
    real, fake = normal(300, 16, 0), normal(260, 16, 1, mean=0.3)

    def share(points: torch.Tensor, manifold: torch.Tensor) -> float:
        radii = calc_cdist_part(manifold, manifold).kthvalue(k + 1).values
        return float((calc_cdist_part(points, manifold) <= radii).any(1).double().mean())

    assert precision(features(real), features(fake), k=k) == pytest.approx(share(fake, real), rel=1e-5)
    assert recall(features(real), features(fake), k=k) == pytest.approx(share(real, fake), rel=1e-5)


@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_coverage_of_equal_distributions_has_its_known_expectation(k: int) -> None:
    n, m = 1000, 800
    expected = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    values = [coverage(features(normal(n, 8, 2 * s)), features(normal(m, 8, 2 * s + 1)), k=k) for s in range(6)]
    assert np.mean(values) == pytest.approx(expected, abs=0.012)


def test_density_of_equal_distributions_is_one_on_average() -> None:
    values = [density(features(normal(1000, 8, 2 * s)), features(normal(1000, 8, 2 * s + 1))) for s in range(6)]
    assert np.mean(values) == pytest.approx(1, abs=0.03)


def test_a_real_outlier_deceives_precision_but_not_density() -> None:
    real, fake = normal(2000, 64, 0), normal(2000, 64, 1, mean=1.0)
    outlier = torch.cat([real, torch.full((1, 64), 3.0)])
    assert precision(features(real), features(fake), k=5) < 0.05
    assert precision(features(outlier), features(fake), k=5) > 0.9
    assert density(features(outlier), features(fake)) < 0.5


def test_dropped_modes_show_in_recall_and_coverage() -> None:
    centres = normal(10, 8, 5, scale=20)
    labels = torch.arange(2000) % 10
    real, fake = centres[labels] + normal(2000, 8, 0), centres[labels % 5] + normal(2000, 8, 1)
    for metric in (recall, coverage):
        assert 0.35 < metric(features(real), features(fake)) < 0.55


def test_constant_features_of_equal_sets_are_perfect_not_zero() -> None:
    same = features(torch.ones(20, 4))
    assert [metric(same, same) for metric in (precision, recall, coverage)] == [1, 1, 1]


# ---- Memorisation


def test_authpct_is_zero_for_copies_and_half_for_new_samples() -> None:
    train = normal(2000, 8, 0)
    assert authpct(features(train), features(train[500:1500].clone())).value == 0
    assert authpct(features(train), features(normal(2000, 8, 1))).value == pytest.approx(57, abs=6)
