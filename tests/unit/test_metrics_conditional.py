"""Distances of class-conditional generators, against closed forms and formulas written out with scipy and numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf

from ganeval.errors import GanevalError
from ganeval.gaussians import ledoit_wolf
from ganeval.metrics.conditional_fd import conditional_fd
from ganeval.metrics.fd import fd
from ganeval.metrics.fd_per_class import fd_per_class
from ganeval.metrics.fjd import fjd
from ganeval.summaries import Features, Labelled, Moments

Rows = npt.NDArray[np.float64]


def labelled(classes: list[Rows], seed: int = 0) -> Labelled:
    """Rows of class 0, 1, ... in random order."""
    order = np.random.default_rng(seed).permutation(sum(map(len, classes)))
    features = Features()
    features.update(torch.from_numpy(np.concatenate(classes).astype(np.float32)[order]))
    labels = np.repeat(np.arange(len(classes)), [len(rows) for rows in classes])
    return Labelled.of(features, torch.from_numpy(labels[order]))


def some_classes(counts: list[int], d: int, seed: int, shift: float = 0.0) -> list[Rows]:
    """Correlated Gaussians around different means, rounded to what float32 holds."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(d, d)) / np.sqrt(d)
    classes = [rng.normal(size=(n, d)) @ mix * (1 + k / 4) + 3 * k + shift for k, n in enumerate(counts)]
    return [rows.astype(np.float32).astype(np.float64) for rows in classes]


def distance(m: Rows, s: Rows, n: Rows, t: Rows) -> float:
    return float(np.sum((m - n) ** 2) + np.trace(s + t) - 2 * np.trace(sqrtm(s @ t)).real)


def of_rows(x: Rows, y: Rows) -> float:
    return distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))


def test_each_class_has_the_distance_that_scipy_gives_and_the_score_is_their_mean() -> None:
    real, fake = some_classes([40, 60, 50], 6, 0), some_classes([30, 45, 80], 6, 1, 0.2)
    expected = [of_rows(x, y) for x, y in zip(real, fake)]
    estimate = fd_per_class(labelled(real), labelled(fake))
    assert list(estimate.details["per_class"].values()) == pytest.approx(expected, rel=1e-7)
    assert estimate.value == pytest.approx(np.mean(expected), rel=1e-7)


def test_the_distance_of_known_gaussians_is_found_in_each_class() -> None:
    rng = np.random.default_rng(0)
    real = [rng.normal(0, 1, (20_000, 3)), rng.normal(5, 2, (20_000, 3))]
    fake = [rng.normal(1, 1, (20_000, 3)), rng.normal(5, 3, (20_000, 3))]
    values = fd_per_class(labelled(real), labelled(fake)).details["per_class"]
    assert values["0"] == pytest.approx(3.0, rel=0.03)  # 3 * 1^2
    assert values["1"] == pytest.approx(3.0, rel=0.03)  # 3 * (3 - 2)^2


@pytest.mark.parametrize(("n", "d"), [(30, 5), (30, 30), (12, 40)])
def test_shrinkage_is_that_of_ledoit_and_wolf(n: int, d: int) -> None:
    rows = some_classes([n], d, 3)[0]
    weight = sklearn_ledoit_wolf(rows)[1]
    covariance = np.cov(rows.T)
    expected = (1 - weight) * covariance + weight * np.trace(covariance) / d * np.eye(d)
    made = ledoit_wolf(torch.from_numpy(rows))
    assert 0 < weight < 1
    np.testing.assert_allclose(made.factor.T @ made.factor + made.floor * torch.eye(d), expected, atol=1e-12)


@pytest.mark.parametrize("d", [8, 30, 60])
def test_shrunk_distances_are_those_of_the_shrunk_matrices(d: int) -> None:
    real, fake = some_classes([20, 25], d, 0), some_classes([15, 30], d, 1, 0.1)

    def shrunk(rows: Rows) -> tuple[Rows, Rows]:
        weight, covariance = sklearn_ledoit_wolf(rows)[1], np.cov(rows.T)
        return rows.mean(0), (1 - weight) * covariance + weight * np.trace(covariance) / d * np.eye(d)

    expected = [distance(*shrunk(x), *shrunk(y)) for x, y in zip(real, fake)]
    estimate = fd_per_class(labelled(real), labelled(fake), shrinkage="ledoit-wolf")
    assert list(estimate.details["per_class"].values()) == pytest.approx(expected, rel=1e-7)


def test_shrinkage_takes_most_of_the_bias_of_small_classes() -> None:
    rng = np.random.default_rng(0)
    spread = np.arange(1, 65) ** -0.375
    real, fake = ([rng.normal(size=(50, 64)) * spread for _ in range(4)] for _ in range(2))
    biased = fd_per_class(labelled(real), labelled(fake))
    less = fd_per_class(labelled(real), labelled(fake), shrinkage="ledoit-wolf")
    assert less.value < 0.4 * biased.value
    assert "fewer than the 64 features" in biased.method


def cfid(real: list[Rows], fake: list[Rows]) -> float:
    """The matrix formula of the paper's authors with one-hot conditions, for equal counts in all classes."""
    n, classes = len(real[0]), len(real)
    x = np.repeat(np.eye(classes), n, axis=0)
    y, z = np.concatenate(real), np.concatenate(fake)

    def cov(a: Rows, b: Rows) -> Rows:
        return np.asarray((a - a.mean(0)).T @ (b - b.mean(0)) / len(a))

    inverse = np.linalg.pinv(cov(x, x))
    given = [(cov(a, a) - cov(a, x) @ inverse @ cov(x, a)) * n / (n - 1) for a in (y, z)]
    difference = cov(y, x) - cov(z, x)
    means = np.sum((y.mean(0) - z.mean(0)) ** 2) + np.trace(difference @ inverse @ difference.T)
    return float(means) + distance(np.zeros(1), given[0], np.zeros(1), given[1])


@pytest.mark.parametrize(("n", "d"), [(40, 6), (7, 5)])
def test_conditional_distance_is_the_papers_with_one_hot_conditions(n: int, d: int) -> None:
    real, fake = some_classes([n] * 3, d, 0), some_classes([n] * 3, d, 1, 0.3)
    assert conditional_fd(labelled(real), labelled(fake)).value == pytest.approx(cfid(real, fake), rel=1e-7)


def test_conditional_distance_of_known_gaussians() -> None:
    rng = np.random.default_rng(0)
    # class 0 has 3/4 of the real samples; means differ by 1 and 2 in each of 2 features; deviations are 1 against 2
    real = [rng.normal(0, 1, (30_000, 2)), rng.normal(4, 1, (10_000, 2))]
    fake = [rng.normal(1, 2, (15_000, 2)), rng.normal(6, 2, (15_000, 2))]
    estimate = conditional_fd(labelled(real), labelled(fake))
    assert estimate.details["means"] == pytest.approx(0.75 * 2 + 0.25 * 8, rel=0.03)
    assert estimate.details["covariance"] == pytest.approx(2 * (2 - 1) ** 2, rel=0.03)
    assert estimate.value == estimate.details["means"] + estimate.details["covariance"]


def test_pooled_covariances_are_never_further_apart_than_those_of_the_classes() -> None:
    for seed in range(5):
        real, fake = some_classes([20] * 4, 6, seed), some_classes([20] * 4, 6, seed + 50, 0.1)
        assert conditional_fd(labelled(real), labelled(fake)).value < fd_per_class(labelled(real), labelled(fake)).value


def test_swapped_classes_are_seen_by_all_but_the_plain_distance() -> None:
    real = some_classes([50, 50], 4, 0)
    swapped = [real[1], real[0]]
    apart = float(np.sum((real[0].mean(0) - real[1].mean(0)) ** 2))
    assert conditional_fd(labelled(real), labelled(swapped)).value == pytest.approx(apart, rel=1e-7)
    assert fd_per_class(labelled(real), labelled(swapped)).value == pytest.approx(of_rows(*real), rel=1e-7)
    assert fjd(labelled(real), labelled(swapped)).value > 1
    assert fjd(labelled(real), labelled(swapped), scale=0).value == pytest.approx(0, abs=1e-6)


def test_joint_distance_is_that_of_the_joined_rows() -> None:
    real, fake = some_classes([30, 40], 5, 0), some_classes([35, 25], 5, 1, 0.2)
    a = np.linalg.norm(np.concatenate(real), axis=1).mean()

    def joined(classes: list[Rows]) -> Rows:
        condition = np.repeat(np.eye(2), [len(rows) for rows in classes], axis=0)
        return np.concatenate([np.concatenate(classes), a * condition], axis=1)

    # the one-hot columns sum to a, so the joint covariance is singular: a grain of variance for scipy's root
    x, y = joined(real), joined(fake)
    grain = 1e-9 * np.eye(7)
    expected = distance(x.mean(0), np.cov(x.T) + grain, y.mean(0), np.cov(y.T) + grain)
    assert fjd(labelled(real), labelled(fake)).value == pytest.approx(expected, rel=1e-4)


def test_joint_distance_goes_from_the_plain_to_the_conditional_one() -> None:
    real, fake = some_classes([4000] * 3, 4, 0), some_classes([4000] * 3, 4, 1, 0.3)
    plain = [Moments(), Moments()]
    for summary, classes in zip(plain, (real, fake)):
        summary.update(torch.from_numpy(np.concatenate(classes).astype(np.float32)))
    sets = labelled(real), labelled(fake)
    assert fjd(*sets, scale=0).value == pytest.approx(fd(*plain), rel=1e-9)
    values = [fjd(*sets, scale=scale).value for scale in (0.0, 0.1, 1.0, 100.0)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(conditional_fd(*sets).value, rel=2e-3)


@pytest.mark.parametrize("metric", [fd_per_class, conditional_fd, fjd])
def test_sets_of_different_classes_are_named(metric: object) -> None:
    real, fake = labelled(some_classes([5, 5, 5], 2, 0)), labelled(some_classes([5, 5], 2, 1))
    with pytest.raises(GanevalError, match="real set has classes 0 to 2 and the generated set classes 0 to 1"):
        metric(real, fake)  # type: ignore[operator]


def test_a_class_of_one_sample_and_a_wrong_option_are_named() -> None:
    real, fake = labelled(some_classes([5, 5], 2, 0)), labelled(some_classes([5, 1], 2, 1))
    with pytest.raises(GanevalError, match="at least 2 samples of each class, and class 1 of the generated set has 1"):
        conditional_fd(real, fake)
    with pytest.raises(GanevalError, match="did you mean 'ledoit-wolf'"):
        fd_per_class(real, fake, shrinkage="ledoitwolf")  # type: ignore[arg-type]
    with pytest.raises(GanevalError, match="scale is -1"):
        fjd(real, fake, scale=-1)
