"""The Wasserstein distance between Gaussians against pairs of distributions whose W2 is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganeval.metrics.metric import estimated, registered
from ganeval.summaries import Moments
from ganeval.testing.truth import pair
from ganeval.uncertainty import Estimate


def computed(real: torch.Tensor, fake: torch.Tensor) -> Estimate:
    summaries = {"real": Moments(), "fake": Moments()}
    for summary, rows in zip(summaries.values(), (real, fake)):
        summary.update(rows)
    return estimated(registered()["w2_gaussian"], summaries, {}, draws=lambda: np.random.default_rng(0))


@pytest.mark.parametrize(("name", "width"), [("shift", 16), ("scale", 2), ("covariance", 16)])
def test_the_interval_is_for_the_population(name: str, width: int) -> None:
    made = pair(name, width)
    true = made.known["w2"].value
    found = [computed(*made.samples(200, seed)) for seed in range(12)]
    assert sum(one.low <= true <= one.high for one in found if one.low is not None and one.high is not None) >= 10
    assert np.mean([one.details["bias_corrected"] for one in found]) == pytest.approx(true, rel=0.08)


def test_few_samples_raise_the_value_and_not_the_interval() -> None:
    made = pair("covariance", 16)
    found = computed(*made.samples(200, 0))
    assert found.high is not None
    assert found.value > found.high > made.known["w2"].value


@pytest.mark.parametrize(("name", "width"), [("discrete", 1), ("discrete", 8), ("mixture", 1)])
def test_other_shapes_than_gaussians_are_warned_of(name: str, width: int) -> None:
    made = pair(name, width)
    found = computed(*made.samples(1000, 0))
    assert found.high is not None
    assert found.high < made.known["w2"].value
    assert "only a lower bound of their W2" in found.details["warnings"][0]


@pytest.mark.parametrize(("name", "count"), [("shift", 200), ("scale", 1000), ("equal", 200)])
def test_gaussians_are_not_warned_of(name: str, count: int) -> None:
    assert not any("warnings" in computed(*pair(name, 4).samples(count, seed)).details for seed in range(8))


def test_sets_without_spread_are_as_far_apart_as_their_points() -> None:
    assert computed(torch.zeros(30, 3), torch.full((30, 3), 2.0)).value == pytest.approx(12**0.5)
    assert computed(torch.ones(30, 3), torch.ones(30, 3)).value == 0
