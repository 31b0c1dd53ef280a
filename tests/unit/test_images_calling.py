"""Laws of latents, labels, and the options that say how a generator is called."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from ganeval.errors import GanevalError
from ganeval.images.calling import Calling, parse_shape


def rows(calling: Calling, count: int = 400, width: int = 50, seed: int = 0) -> np.ndarray:
    latents = calling.latents((width,), seed, range(count))
    assert latents.dtype == torch.float32
    return latents.numpy().astype(np.float64)


def test_normal_latents_are_standard_normal_and_all_different() -> None:
    made = rows(Calling())
    assert stats.kstest(made.ravel(), "norm").pvalue > 1e-3
    assert len(np.unique(made[:, 0])) == 400


def test_uniform_latents_fill_the_interval_from_minus_one_to_one() -> None:
    made = rows(Calling(law="uniform"))
    assert stats.kstest(made.ravel(), stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_latents_on_the_sphere_have_length_one_and_point_everywhere() -> None:
    made = rows(Calling(law="sphere"), count=4000, width=3)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, rtol=1e-6)
    # Archimedes: on the sphere in three dimensions every coordinate is uniform on [-1, 1]
    assert stats.kstest(made[:, 0], stats.uniform(-1, 2).cdf).pvalue > 1e-3
    octants = np.unique(made > 0, axis=0, return_counts=True)[1]
    assert stats.chisquare(octants).pvalue > 1e-3
    assert len(octants) == 8


@pytest.mark.parametrize("psi", [0.04, 0.7, 2.0])
def test_truncated_latents_have_the_law_of_resampling(psi: float) -> None:
    made = rows(Calling(truncation=psi)).ravel()
    assert np.abs(made).max() <= psi
    assert stats.kstest(made, stats.truncnorm(-psi, psi).cdf).pvalue > 1e-3


@pytest.mark.parametrize("calling", [Calling(), Calling(law="uniform"), Calling(law="sphere"), Calling(truncation=1.0)])
def test_a_latent_depends_on_seed_and_index_alone(calling: Calling) -> None:
    made = calling.latents((4,), 7, range(20))
    assert torch.equal(calling.latents((4,), 7, [13, 2]), made[[13, 2]])
    assert not torch.equal(calling.latents((4,), 8, range(20)), made)
    assert torch.equal(calling.latents((2, 2, 1), 7, range(20)).flatten(1), made)


def test_labels_go_round_the_classes_or_are_one_class() -> None:
    assert Calling().labels(range(3)) is None
    cycle = Calling(classes=3).labels([0, 1, 2, 3, 100])
    assert cycle is not None
    assert cycle.dtype == torch.int64
    assert cycle.tolist() == [0, 1, 2, 0, 1]
    assert Calling(classes=3, label=2).labels([0, 1]).tolist() == [2, 2]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"law": "norml"}, "did you mean 'normal'"),
        ({"output_range": "1,1"}, "unknown range in --output-range '1,1'"),
        ({"shape": (0,)}, "--latent-dim must be 1 or more, got 0"),
        ({"shape": ()}, "got nothing"),
        ({"classes": -1}, "--num-classes must be 0"),
        ({"truncation": 0.0}, "--truncation must be a number above 0, got 0"),
        ({"truncation": float("nan")}, "got nan"),
        ({"truncation": 0.5, "law": "uniform"}, "defined for normal latents, got --latent uniform"),
        ({"truncation": 0.5, "law": "sphere"}, "defined for normal latents, got --latent sphere"),
        ({"label": 3, "classes": 3}, "the model knows classes 0 to 2"),
        ({"label": 0}, "give --num-classes as well"),
    ],
)
def test_options_out_of_their_range_are_user_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(GanevalError, match=message):
        Calling(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "ten", "1x", "-5", "1.5"])
def test_shapes_that_cannot_be_read(text: str) -> None:
    with pytest.raises(GanevalError, match="expected a width such as 100"):
        parse_shape(text)
