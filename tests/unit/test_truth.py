"""Known divergences against closed forms, other people's integration, and the samples themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm, wasserstein_distance

from ganeval.errors import GanevalError
from ganeval.testing import integrals
from ganeval.testing.truth import (
    NAMES,
    PAIRS,
    GaussianMixture,
    discrete,
    gaussian,
    gaussians,
    mixtures,
    modes_dropped,
    pair,
    parallel_lines,
    widened,
)

P = GaussianMixture(np.array([0.5, 0.5]), np.array([[-1.0], [2.0]]), np.array([[[1.0]], [[0.25]]]))
Q = GaussianMixture(np.array([0.3, 0.7]), np.array([[0.0], [1.0]]), np.array([[[2.0]], [[1.0]]]))


def by_quad(integrand: str) -> float:
    def value(x: float) -> float:
        point = np.array([x])
        return float(integrals.integrands(P.log_density(point), Q.log_density(point))[integrand][0])

    total, _ = quad(value, -15, 15, points=list(np.linspace(-6, 6, 25)), limit=2000, epsabs=1e-12)
    return float(total)


@pytest.mark.parametrize("name", integrals.DENSITY_NAMES)
def test_mixtures_on_a_line_equal_adaptive_quadrature(name: str) -> None:
    known = mixtures("m", P, Q).known[name]
    assert known.value == pytest.approx(by_quad(name), rel=1e-8)
    assert known.error < 1e-8


def test_shifted_gaussians_in_closed_form() -> None:
    for width in (1, 2, 5):
        known = pair("shift", width).known
        assert known["kl"].value == pytest.approx(1.125, rel=1e-12)
        assert known["tv"].value == pytest.approx(2 * norm.cdf(0.75) - 1, rel=1e-9)
        assert known["chi2"].value == pytest.approx(math.expm1(2.25), rel=1e-9)
        assert known["w1"].value == pytest.approx(1.5, rel=1e-12)


def test_closed_forms_of_gaussians_agree_with_integration() -> None:
    mean, covariance = np.array([0.5, -0.25]), np.array([[1.2, 0.3], [0.3, 0.7]])
    closed = gaussians("g", np.zeros(2), np.eye(2), mean, covariance).known
    p, q = gaussian(np.zeros(2), np.eye(2)), gaussian(mean, covariance)
    grid = integrals.on_a_plane(p.log_density, q.log_density, np.full(2, -25.0), np.full(2, 25.0), 800)
    for name in ("kl", "kl_reverse", "js", "chi2"):
        assert closed[name].value == pytest.approx(grid[name].value, rel=1e-8)
    assert closed["tv"].value == pytest.approx(grid["tv"].value, abs=1e-4)


def test_the_radius_tells_all_of_scaled_gaussians() -> None:
    exact = pair("scale", 16).known
    factor = math.exp(0.25)
    p, q = gaussian(np.zeros(16), np.eye(16)), gaussian(np.zeros(16), factor**2 * np.eye(16))
    rng = np.random.default_rng(0)
    drawn = integrals.monte_carlo(p.log_density, q.log_density, p.draw(50_000, rng), q.draw(50_000, rng))
    for name in ("kl", "kl_reverse", "js", "tv"):
        assert abs(drawn[name].value - exact[name].value) < 4 * drawn[name].error
        assert drawn[name].error < 0.02 * exact[name].value


def test_log_densities_equal_scipys() -> None:
    mean, covariance = np.array([0.5, -0.25]), np.array([[1.2, 0.3], [0.3, 0.7]])
    points = np.random.default_rng(0).normal(size=(20, 2))
    expected = multivariate_normal(mean, covariance).logpdf(points)
    assert gaussian(mean, covariance).log_density(points) == pytest.approx(expected)


def test_transport_on_a_line() -> None:
    known = mixtures("m", P, Q).known
    x, y = (side.draw(200_000, np.random.default_rng(seed)) for seed, side in enumerate((P, Q)))
    assert known["w1"].value == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]), rel=0.02)
    assert known["w2"].value == pytest.approx(math.sqrt(np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2)), rel=0.02)
    both = gaussians("g", np.zeros(1), np.eye(1), np.array([1.0]), np.array([[4.0]]))
    line = mixtures("g", gaussian(np.zeros(1), np.eye(1)), gaussian(np.array([1.0]), np.array([[4.0]])))
    assert both.known["w2"].value == pytest.approx(math.sqrt(2))
    assert line.known["w2"].value == pytest.approx(math.sqrt(2), rel=1e-8)


def test_discrete_distributions_by_hand() -> None:
    known = discrete("coin", (0.5, 0.5), (0.25, 0.75)).known
    assert known["kl"].value == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert known["chi2"].value == pytest.approx(1 / 3)
    assert known["w1"].value == known["tv"].value == 0.25
    assert known["w2"].value == pytest.approx(0.5)
    with pytest.raises(GanevalError, match="adding to 1"):
        discrete("coin", (0.5, 0.6), (0.5, 0.5))


def test_lines_without_a_distance_are_equal() -> None:
    assert parallel_lines(0.0).known["js"].value == 0
    assert parallel_lines(0.3).known["w1"].value == 0.3


def test_far_modes_that_are_dropped_cost_the_log_of_what_is_left() -> None:
    known = modes_dropped(3, of=4, spacing=12.0).known
    assert known["kl_reverse"].value == pytest.approx(math.log(4 / 3), abs=1e-6)
    assert known["tv"].value == pytest.approx(0.25, abs=1e-6)
    assert known["w1"].value == pytest.approx(6.0, rel=1e-6)  # a twelfth each moves by 36, 24 and 12


@pytest.mark.parametrize("width", [1, 2, 7])
@pytest.mark.parametrize("name", [name for name in PAIRS if name != "mixture"])
def test_pairs_draw_what_they_say(name: str, width: int) -> None:
    made = pair(name, width)
    real, fake = made.samples(50, 3)
    assert real.shape == fake.shape == (50, made.width)
    assert bool((made.samples(50, 3)[1] == fake).all())
    assert set(made.known) <= set(NAMES)
    assert 0 <= made.known["js"].value <= math.log(2)
    assert all(value.error <= 1e-5 for value in made.known.values())


def test_pinsker_and_its_like_hold() -> None:
    for name in ("shift", "scale", "covariance", "mode dropped", "discrete"):
        known = {key: value.value for key, value in pair(name, 1).known.items()}
        assert 2 * known["tv"] ** 2 <= min(known["kl"], known["kl_reverse"])
        assert known["tv"] ** 2 / 2 <= known["js"] <= known["tv"] * math.log(2)
        assert known["kl"] <= math.log1p(known["chi2"])
        assert known["w1"] <= known["w2"]


def test_slices_equal_those_along_many_directions() -> None:
    rng = np.random.default_rng(0)
    for name, width in (("shift", 3), ("scale", 3), ("covariance", 3), ("covariance", 16)):
        made = pair(name, width)
        directions = rng.standard_normal((40_000, width))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        p, q, gap = moments_of(name, width)
        spreads = [np.sqrt(np.einsum("ki,ij,kj->k", directions, side, directions)) for side in (p, q)]
        squares = (directions @ gap) ** 2 + (spreads[0] - spreads[1]) ** 2
        assert made.known["sliced_w2"].value == pytest.approx(math.sqrt(squares.mean()), rel=0.01)
        most = math.sqrt(squares.max())
        assert most <= made.known["max_sliced_w2"].value * 1.01
        assert made.known["max_sliced_w2"].value <= made.known["w2"].value * (1 + 1e-9)
        if width == 3:  # many enough to meet the best of them
            assert most == pytest.approx(made.known["max_sliced_w2"].value, rel=0.01)


def moments_of(name: str, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariances and the difference of means, from a great many draws."""
    real, fake = (side.double().numpy() for side in pair(name, width).samples(400_000, 5))
    return np.cov(real.T), np.cov(fake.T), fake.mean(0) - real.mean(0)


def test_noise_that_both_share_leaves_the_best_direction_as_it_was() -> None:
    assert pair("discrete", 8).known["max_sliced_w2"].value == pair("discrete", 1).known["w2"].value
    assert "sliced_w2" not in pair("discrete", 8).known
    assert pair("manifold", 16).known["sliced_w2"].value == pytest.approx(1.5 / 4)


def test_widening_keeps_the_pair_within() -> None:
    base = pair("mode dropped", 1)
    wide = widened(base, 5, spread=0.0)
    real, _ = wide.samples(300)
    assert int(np.linalg.matrix_rank(real.numpy(), tol=1e-3)) == 1
    with pytest.raises(GanevalError, match="more than 1"):
        widened(parallel_lines(1.0), 1)
    with pytest.raises(GanevalError, match="did you mean 'shift'"):
        pair("shif")
