"""Feature likelihood divergence: its mixture against scikit-learn and gradient steps, the score on known generators."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.mixture import GaussianMixture

from ganeval.errors import GanevalError
from ganeval.metrics.fld import fld
from ganeval.metrics.fld_gap import fld_gap
from ganeval.mixtures import Mixture, fit
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


def normal(n: int, d: int, seed: int, mean: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, scale, (n, d)).astype(np.float32))


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


# ---- The mixture


def test_surprise_is_that_of_scikit_learn() -> None:
    centres, rows = normal(20, 5, 0), normal(30, 5, 1)
    variances = normal(20, 1, 2)[:, 0].double().exp()
    peer = GaussianMixture(20, covariance_type="spherical")
    peer.weights_, peer.means_ = np.full(20, 1 / 20), centres.double().numpy()
    peer.covariances_, peer.precisions_cholesky_ = variances.numpy(), variances.rsqrt().numpy()
    expected = -peer.score_samples(rows.double().numpy()) / 5
    assert Mixture(centres, variances).surprise(rows).numpy() == pytest.approx(expected, rel=1e-9)


def objective(centres: torch.Tensor, rows: torch.Tensor, logs: torch.Tensor, common: torch.Tensor) -> torch.Tensor:
    """What the paper's program minimises: nats per dimension, with one Gaussian for rows far from all centres."""
    width = rows.shape[1]

    def log_density(squares: torch.Tensor, log: torch.Tensor) -> torch.Tensor:
        return -squares / (2 * log.exp()) - width / 2 * (log + math.log(2 * math.pi))

    about_mean = 0.81 * (rows - rows.mean(0)).square().sum(1, keepdim=True)
    joint = torch.cat(
        [
            log_density(torch.cdist(rows, centres) ** 2, logs) - math.log(len(centres)),
            log_density(about_mean, common),
        ],
        1,
    )
    return -joint.logsumexp(1).mean() / width


def with_best_common(centres: torch.Tensor, rows: torch.Tensor, logs: torch.Tensor) -> float:
    found = minimize_scalar(lambda log: float(objective(centres, rows, logs, torch.tensor([log]))), bounds=(-3, 3))
    return float(found.fun)


def test_gradient_steps_hardly_improve_the_widths() -> None:
    centres, rows = normal(30, 6, 0, scale=0.8).double(), normal(80, 6, 1).double()
    fitted = fit(centres, rows).variances.log()
    gained = with_best_common(centres, rows, torch.zeros(30).double()) - with_best_common(centres, rows, fitted)
    logs, common = fitted.clone().requires_grad_(), torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([logs, common], lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        objective(centres, rows, logs, common).backward()
        optimiser.step()
    left = with_best_common(centres, rows, fitted) - with_best_common(centres, rows, logs.detach())
    assert gained > 0
    assert left < 0.02 * gained


def test_a_centre_far_from_all_rows_does_not_widen_for_an_outlier() -> None:
    rows = torch.cat([normal(100, 4, 0), torch.full((1, 4), 30.0)])
    centres = torch.cat([normal(50, 4, 1), torch.full((1, 4), 20.0)])
    assert fit(centres, rows).variances[:50].max() < 10


# ---- FLD


def score(train: torch.Tensor, fake: torch.Tensor, heldout: torch.Tensor | None = None, size: int = 10_000) -> Estimate:
    heldout = normal(400, train.shape[1], 1) if heldout is None else heldout
    return fld(features(train), features(heldout), features(fake), size=size, rng=np.random.default_rng(0))


def test_new_samples_are_as_good_as_training_images_and_worse_ones_are_worse() -> None:
    train = normal(400, 24, 0)
    ladder = [score(train, normal(400, 24, 2, mean=mean)).value for mean in (0.0, 0.3, 0.6, 1.2)]
    assert ladder[0] == pytest.approx(0, abs=2)
    assert ladder == sorted(ladder)
    assert ladder[-1] > 10


def test_missing_modes_raise_it() -> None:
    centres = 4 * normal(4, 16, 5)
    made = [
        centres[torch.arange(400) % modes] + normal(400, 16, seed) for seed, modes in ((0, 4), (1, 4), (2, 4), (3, 2))
    ]
    assert score(made[0], made[3], made[1]).value > score(made[0], made[2], made[1]).value + 10


def test_copies_raise_it_and_open_the_gap() -> None:
    train = normal(400, 16, 0)
    near = train + 0.05 * normal(400, 16, 3)
    estimate = score(train, near)
    assert estimate.value > 1000
    assert estimate.details["generalisation_gap"] < -1000
    half = torch.cat([near[:300], normal(300, 16, 2)])
    honest = score(train, normal(400, 16, 2))
    assert score(train, half).value > honest.value
    assert abs(honest.details["generalisation_gap"]) < 3


def test_exact_copies_alone_go_beyond_any_bound_but_stay_finite() -> None:
    train = normal(100, 8, 0)
    value = score(train, train.clone()).value
    assert 1e12 < value < math.inf


def test_the_gap_is_the_difference_of_the_two_scores_whatever_the_constant() -> None:
    train, heldout, fake = normal(300, 8, 0), normal(200, 8, 1), torch.cat([normal(150, 8, 2), normal(300, 8, 0)[:20]])
    details = score(train, fake, heldout).details
    gap = fld_gap(features(train), features(heldout), features(fake), rng=np.random.default_rng(0))
    assert gap.value == pytest.approx(details["generalisation_gap"], rel=1e-6)
    assert details["generalisation_gap"] == pytest.approx(details["train"] - score(train, fake, heldout).value)
    assert gap.value < -50


def test_the_units_of_the_features_do_not_matter_and_dead_features_are_harmless() -> None:
    train, heldout, fake = normal(200, 6, 0), normal(150, 6, 1), normal(200, 6, 2, mean=0.4)
    plain = score(train, fake, heldout).value
    scale = torch.tensor([1.0, 2.0, 4.0, 8.0, 0.5, 16.0])  # powers of 2: no rounding, the same order of rows
    scaled = score(train * scale, fake * scale, heldout * scale).value
    assert scaled == pytest.approx(plain, abs=1)  # another split of the training set
    dead = [torch.cat([rows, torch.ones(len(rows), 1)], 1) for rows in (train, fake, heldout)]
    assert math.isfinite(score(*dead).value)


def test_at_most_so_many_samples_enter() -> None:
    train, fake = normal(200, 6, 0), normal(300, 6, 2)
    few, all_of_them = (score(train, fake, size=size).value for size in (20, 10_000))
    assert few != all_of_them
    with pytest.raises(GanevalError, match=r"size is 0"):
        score(train, fake, size=0)
