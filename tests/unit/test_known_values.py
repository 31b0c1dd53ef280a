"""Toys whose answers are known: closed forms, and what is published of metrics on Gaussians, outliers and lost modes.

Where a tolerance is more than sampling noise, the reason stands beside it.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganeval.kernels import mmd2, polynomial
from ganeval.metrics.c2st import c2st
from ganeval.metrics.coverage import coverage
from ganeval.metrics.density import density
from ganeval.metrics.fd import fd
from ganeval.metrics.fd_infinity import fd_infinity
from ganeval.metrics.mind import mind
from ganeval.metrics.precision import precision
from ganeval.metrics.recall import recall
from ganeval.summaries import Features, Moments

PRDC = (precision, recall, density, coverage)


def normal(n: int, d: int, seed: int, mean: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, scale, (n, d)).astype(np.float32))


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


def moments(rows: torch.Tensor) -> Moments:
    summary = Moments()
    summary.update(rows)
    return summary


def prdc(real: torch.Tensor, fake: torch.Tensor, k: int = 5) -> list[float]:
    r, f = features(real), features(fake)
    return [metric(r, f, k=k) for metric in PRDC]


# ---- Equal distributions


@pytest.mark.parametrize(
    ("k", "known"),
    [
        (1, (0.381, 0.375, 1.020, 0.5024)),
        (3, (0.605, 0.609, 0.992, 0.8727)),
        (5, (0.710, 0.714, 0.9955, 0.9701)),
        (10, (0.829, 0.834, 0.994, 0.9990)),
    ],
)
def test_precision_recall_density_and_coverage_of_equal_gaussians(k: int, known: tuple[float, ...]) -> None:
    """2,000 against 2,000 in 64 dimensions: far from 1, but for density and for coverage by its own formula."""
    sides = [(normal(2000, 64, 2 * seed), normal(2000, 64, 2 * seed + 1)) for seed in (1, 2)]
    values = np.mean([prdc(*pair, k) for pair in sides], axis=0)
    assert values[:2] == pytest.approx(known[:2], abs=0.03)
    assert values[2] == pytest.approx(known[2], abs=0.12 if k == 1 else 0.07)  # a ball in a dense place counts often
    assert values[3] == pytest.approx(known[3], abs=0.025)
    assert known[3] == pytest.approx(1 - math.prod((2000 - i) / (4000 - i) for i in range(1, k + 1)), abs=0.003)


def test_a_copy_is_perfect_by_all_four() -> None:
    rows = normal(300, 8, 0)
    assert prdc(rows, rows.clone())[:2] == [1, 1]
    assert prdc(rows, rows.clone())[3] == 1


@pytest.mark.parametrize(("n", "m", "d"), [(500, 500, 3), (900, 300, 40), (300, 900, 40)])
@pytest.mark.parametrize("k", [1, 5])
def test_coverage_of_equal_distributions_does_not_know_which_they_are(n: int, m: int, d: int, k: int) -> None:
    expected = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    shapes = (lambda rows: rows, torch.exp, lambda rows: rows / rows.norm(dim=1, keepdim=True))
    values = [
        coverage(features(shape(normal(n, d, 2 * seed))), features(shape(normal(m, d, 2 * seed + 1))), k=k)
        for seed in range(4)
        for shape in shapes
    ]
    assert np.mean(values) == pytest.approx(expected, abs=0.02)


# ---- Outliers: N(0, I) against N(mean, I) in 64 dimensions. Known for 10,000 samples; 2,000 move values by up to 0.09.


@pytest.mark.parametrize(
    ("mean", "known"),
    [(0.0, (0.678, 0.677, 0.988, 0.966)), (0.5, (0.272, None, 0.153, 0.321)), (1.0, (0.003, 0.003, 0.003, 0.003))],
)
def test_a_shift_shows_in_all_four_without_outliers(mean: float, known: tuple[float | None, ...]) -> None:
    for value, expected in zip(prdc(normal(2000, 64, 0), normal(2000, 64, 1, mean)), known, strict=True):
        assert expected is None or value == pytest.approx(expected, abs=0.09)


@pytest.mark.parametrize(("mean", "p", "d"), [(0.5, 0.830, 0.296), (1.0, 1.000, 0.201)])
def test_one_real_outlier_beyond_the_generated_set_makes_all_of_it_precise(mean: float, p: float, d: float) -> None:
    real = torch.cat([normal(1999, 64, 0), torch.full((1, 64), 3.0)])
    values = prdc(real, normal(2000, 64, 1, mean))
    assert values[0] == pytest.approx(p, abs=0.09)
    assert values[2] == pytest.approx(d, abs=0.09)


@pytest.mark.parametrize(("mean", "r", "c"), [(-0.5, 0.852, 0.324), (-1.0, 1.000, 0.0024)])
def test_one_generated_outlier_beyond_the_real_set_makes_recall_perfect(mean: float, r: float, c: float) -> None:
    fake = torch.cat([normal(1999, 64, 1, mean), torch.full((1, 64), 3.0)])
    values = prdc(normal(2000, 64, 0), fake)
    assert values[1] == pytest.approx(r, abs=0.09)
    assert values[3] == pytest.approx(c, abs=0.06)


# ---- Lost modes: ten far apart, 1,000 samples


def of_modes(d: int, weights: list[float], seed: int) -> torch.Tensor:
    shares = np.array(weights) / sum(weights)
    modes = torch.from_numpy(np.random.default_rng(seed).choice(10, 1000, p=shares))
    return 20 * normal(10, d, 99)[modes] + normal(1000, d, seed + 100)


@pytest.mark.parametrize(
    ("dropped", "r", "c"), [(0, 0.833, 0.972), (3, 0.560, 0.683), (6, 0.310, 0.394), (9, 0.068, 0.093)]
)
def test_modes_dropped_one_after_the_other_show_in_recall_and_in_coverage(dropped: int, r: float, c: float) -> None:
    real, fake = of_modes(64, [1] * 10, 0), of_modes(64, [1] * (10 - dropped) + [0] * dropped, 1)
    _, seen_r, _, seen_c = prdc(real, fake)
    assert seen_r == pytest.approx(r, abs=0.04)
    assert seen_c == pytest.approx(c, abs=0.03)


@pytest.mark.parametrize(
    ("d", "by", "r", "c"),
    [(64, 0.5, 0.822, 0.965), (64, 0.9, 0.841, 0.888), (64, 0.98, 0.909, 0.574), (64, 1.0, 0.068, 0.093)]
    + [(8, 0.5, 0.926, None), (8, 0.9, 0.930, None), (8, 0.98, 0.949, None), (8, 1.0, 0.086, None)],
)
def test_modes_that_thin_out_together_show_in_coverage_and_not_in_recall(
    d: int, by: float, r: float, c: float | None
) -> None:
    """Nine modes keep 1 - by of their weight. At 0.98 each has some 17 samples, give or take a quarter: hence 0.07."""
    real, fake = of_modes(d, [1] * 10, 0), of_modes(d, [1] + [1 - by] * 9, 1)
    _, seen_r, _, seen_c = prdc(real, fake)
    assert seen_r == pytest.approx(r, abs=0.06)
    assert c is None or seen_c == pytest.approx(c, abs=0.07)


# ---- One dimension in which the sets do not overlap, among 1,001


def test_one_disjoint_dimension_among_many() -> None:
    real, fake = normal(1000, 1001, 0), normal(1000, 1001, 1)
    apart = fake.clone()
    apart[:, 0] += 6
    assert prdc(real, apart) == pytest.approx([0.342, 0.314, 0.314, 0.695], abs=0.07)
    assert fd(moments(real), moments(fake)) == pytest.approx(504.1, abs=2)
    assert fd(moments(real), moments(apart)) == pytest.approx(539.6, abs=4)
    halves = {"folds": 2, "rng": np.random.default_rng(0)}
    assert c2st(features(real), features(apart), **halves).value == pytest.approx(0.938, abs=0.07)
    assert c2st(features(real), features(fake), **halves).value == pytest.approx(0.511, abs=0.04)


# ---- Closed forms


def third_moment(d: int, a: np.ndarray, s: float, b: np.ndarray, r: float) -> float:
    """E[(x.y / d + 1)^3] for independent x ~ N(a, s^2 I), y ~ N(b, r^2 I)."""
    ab, aa, bb = a @ b, a @ a, b @ b
    square = ab**2 + s**2 * bb + r**2 * aa + d * s**2 * r**2
    cube = ab**3 + 3 * ab * r**2 * aa + 3 * s**2 * ab * (bb + (d + 2) * r**2)
    return float(cube / d**3 + 3 * square / d**2 + 3 * ab / d + 1)


@pytest.mark.parametrize(
    ("d", "shift", "scale", "known"), [(16, 0.1, 1.0, 0.03245), (16, 0.3, 1.0, None), (8, 0.2, 1.5, None)]
)
def test_kid_of_isotropic_gaussians(d: int, shift: float, scale: float, known: float | None) -> None:
    """Mean of 6 estimates within 3 of their own standard errors of the closed form."""
    origin, moved = np.zeros(d), np.full(d, shift)
    expected = (
        third_moment(d, origin, 1, origin, 1)
        + third_moment(d, moved, scale, moved, scale)
        - 2 * third_moment(d, origin, 1, moved, scale)
    )
    assert known is None or expected == pytest.approx(known, abs=5e-6)
    found = [
        mmd2(normal(1500, d, 2 * seed), normal(1500, d, 2 * seed + 1, shift, scale), polynomial(3)) for seed in range(6)
    ]
    error = math.sqrt(sum(each.error**2 for each in found)) / len(found)
    assert np.mean([each.value for each in found]) == pytest.approx(expected, abs=3 * error)
    assert error < 0.1 * expected


@pytest.mark.parametrize("d", [8, 256])
def test_mind_of_a_shift_is_three_times_its_square(d: int) -> None:
    """In expectation over directions: 20 draws of 1,000 leave about 1 percent."""
    x, shift = normal(40, d, 0), normal(1, d, 7)
    values = [mind(features(x), features(x + shift), rng=np.random.default_rng(seed)).value for seed in range(20)]
    assert np.mean(values) == pytest.approx(3 * float(shift.square().sum()), rel=0.03)


@pytest.mark.parametrize(("n", "known"), [(128, 17.27), (512, 4.34), (2048, 1.061)])
def test_the_bias_of_the_frechet_distance_is_a_constant_over_n(n: int, known: float) -> None:
    pairs = [(normal(n, 64, 2 * seed), normal(n, 64, 2 * seed + 1)) for seed in range(3)]
    mean = np.mean([fd(moments(a), moments(b)) for a, b in pairs])
    assert mean == pytest.approx(known, rel=0.03)
    assert n * mean == pytest.approx(2.2e3, rel=0.05)


def test_extrapolating_the_generated_side_alone_leaves_half_of_the_bias() -> None:
    """A shift of 0.1 in 64 dimensions is 0.64. With 10,000 + 10,000 samples: 0.8725, 0.7645 one-sided, 0.6522."""
    n, truth = 4000, 0.64
    plain, one_sided, two_sided = [], [], []
    for seed in range(3):
        real, fake = normal(n, 64, 2 * seed), normal(n, 64, 2 * seed + 1, 0.1)
        sizes = np.linspace(n // 4, n, 8).astype(int)
        distances = [fd(moments(real), moments(fake[:size])) for size in sizes]
        plain.append(distances[-1])
        one_sided.append(np.polyfit(1 / sizes, distances, 1)[1])
        two_sided.append(fd_infinity(features(real), features(fake), rng=np.random.default_rng(seed)).value)
    bias = np.mean(plain) - truth
    assert bias == pytest.approx(2.2e3 / n + 0.02, abs=0.06)
    assert np.mean(one_sided) - truth == pytest.approx(bias / 2, abs=0.12 * bias)
    assert np.mean(two_sided) - truth == pytest.approx(0, abs=0.12 * bias)
