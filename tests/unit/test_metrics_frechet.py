"""The Frechet distance of infinitely many samples against distributions whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.metrics.fd import fd
from ganeval.metrics.fd_infinity import fd_infinity
from ganeval.summaries import Features, Moments
from ganeval.uncertainty import Estimate


def normal(n: int, d: int, seed: int, mean: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, scale, (n, d)).astype(np.float32))


def extrapolated(real: torch.Tensor, fake: torch.Tensor, parts: int = 4) -> Estimate:
    summaries = [Features(), Features()]
    for summary, rows in zip(summaries, (real, fake)):
        summary.update(rows)
    return fd_infinity(summaries[0], summaries[1], parts=parts, rng=np.random.default_rng(0))


def plain(real: torch.Tensor, fake: torch.Tensor) -> float:
    summaries = [Moments(), Moments()]
    for summary, rows in zip(summaries, (real, fake)):
        summary.update(rows)
    return fd(summaries[0], summaries[1])


def test_no_bias_is_left_for_equal_distributions() -> None:
    real, fake = normal(10_000, 64, 0), normal(10_000, 64, 1)
    assert plain(real, fake) == pytest.approx(0.22, abs=0.01)
    assert extrapolated(real, fake).value == pytest.approx(0.006, abs=0.02)


@pytest.mark.parametrize(("n", "m", "d"), [(2000, 2000, 64), (3000, 1200, 64), (600, 600, 128), (200, 200, 128)])
def test_the_bias_falls_to_a_small_share_whatever_the_counts(n: int, m: int, d: int) -> None:
    pairs = [(normal(n, d, 2 * s), normal(m, d, 2 * s + 1)) for s in range(4)]
    biased = np.mean([plain(*pair) for pair in pairs])
    assert abs(np.mean([extrapolated(*pair).value for pair in pairs])) < 0.05 * biased


def test_a_known_distance_is_found() -> None:
    # a shift of 0.1 in each of 64 features: 0.64; and standard deviations of 1 and 1.2: 64 * 0.04
    pairs = [(normal(4000, 64, 2 * s), normal(4000, 64, 2 * s + 1, mean=0.1, scale=1.2)) for s in range(3)]
    assert np.mean([extrapolated(*pair).value for pair in pairs]) == pytest.approx(0.64 + 2.56, rel=0.02)


def test_sizes_below_the_width_are_left_out_or_named() -> None:
    def method(n: int) -> str:
        return extrapolated(normal(n, 40, 0), normal(n, 40, 1)).method

    assert method(400) == "line over 4 sample sizes down to 100"
    assert method(100) == "line over 2 sample sizes down to 50"
    assert method(60) == "line over 2 sample sizes down to 40"
    assert method(30) == "line over 2 sample sizes down to 24, too few for 40 features: still biased upwards"


def test_the_bias_of_reconstructions_is_a_small_part_of_that_of_new_samples() -> None:
    real, other = normal(500, 32, 0), normal(500, 32, 1)
    reconstructed = real + 0.1 * normal(
        500, 32, 2
    )  # the distance of the distributions is 32 (sqrt(1.01) - 1)^2 = 0.0008
    assert plain(real, other) > 0.9
    assert plain(real, reconstructed) < 0.03


def test_no_interval_is_claimed() -> None:
    estimate = extrapolated(normal(100, 4, 0), normal(100, 4, 1))
    assert (estimate.low, estimate.high) == (None, None)


def test_a_line_needs_two_sizes() -> None:
    with pytest.raises(GanevalError, match=r"parts is 1.*at least 2"):
        extrapolated(normal(100, 4, 0), normal(100, 4, 1), parts=1)
