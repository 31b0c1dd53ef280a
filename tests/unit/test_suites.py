"""`full`: every metric that can run does, and for every other one the scorecard says what it lacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ganeval.compare import compare
from ganeval.errors import GanevalError
from ganeval.extractors import weights
from ganeval.metrics.metric import registered
from ganeval.reporting.provenance import skipped_lines
from ganeval.scorecard import Scorecard, load_scorecard
from ganeval.scoring import Job, score
from ganeval.suites import FULL, SUITES, members, shorter

FAKE, REAL = "dataset:fashion-mnist-mini:test[0:60]", "dataset:fashion-mnist-mini:test[60:160]"


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scorecard]:
    """Everything, on pixels, with no weights anywhere and no training set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GANEVAL_WEIGHTS", "GANEVAL_CACHE", "TORCH_HOME", "HF_HUB_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        patch.setattr(weights, "_fetch", _refuse)
        yield score(Job(FAKE, REAL, suite=FULL, features=("pixels:8", "pixels:4"), cached=False)).card


def _refuse(wanted: weights.Weights, target: Path) -> None:
    assert not weights.may_download(), f"a suite downloads {wanted.name}"
    raise weights.WeightsError("not here")


def test_every_metric_is_scored_or_skipped_with_a_reason(card: Scorecard) -> None:
    scored = {one.metric for one in card.scores}
    skipped = {name.partition(" (")[0] for name in card.skipped}
    assert scored | skipped == set(members(FULL))
    assert {"fd", "kid", "precision", "vendi", "conditional_fd", "swd"} <= scored
    assert all(np.isfinite(one.value) for one in card.scores)
    assert all(len(reason) > 10 for reason in card.skipped.values())


def test_reasons_name_what_is_missing(card: Scorecard) -> None:
    assert "'train'" in card.skipped["authpct"]
    assert "--weights" in card.skipped["fid"]
    assert "logits" in card.skipped["classifier_score"]
    assert "belong together" in card.skipped["perceptual_distance"]


def test_seconds_tell_two_networks_apart(card: Scorecard) -> None:
    assert {"fd (pixels:8.flat)", "fd (pixels:4.flat)", "laplacian_swd", "total"} <= set(card.seconds)
    assert "fd" not in card.seconds
    assert len([one for one in card.scores if one.metric == "fd"]) == 2


def test_too_few_samples_are_a_reason_and_no_error() -> None:
    few = score(
        Job("dataset:fashion-mnist-mini:test[0:3]", REAL, suite=FULL, features=("pixels:4",), cached=False)
    ).card
    assert "samples" in few.skipped["c2st"]
    assert few.score("fd") is not None


def test_an_option_that_a_metric_refuses_is_an_error_and_no_reason() -> None:
    few = Job("dataset:fashion-mnist-mini:test[0:3]", REAL, suite=FULL, features=("pixels:4",), cached=False)
    with pytest.raises(GanevalError, match=r"vendi.q is -1"):
        score(dataclasses.replace(few, options={"vendi.q": "-1"}))


def test_what_is_asked_for_by_name_is_not_skipped() -> None:
    with pytest.raises(GanevalError, match="train"):
        score(Job(FAKE, REAL, metrics=("authpct",), suite=FULL, features=("pixels:4",), cached=False))


def test_features_in_place_of_images_leave_other_networks_out(tmp_path: Path) -> None:
    for name, seed in (("fake", 0), ("real", 1)):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(seed).normal(size=(60, 5)).astype(np.float32))
    given = score(Job(f"features:{tmp_path / 'fake.npy'}", f"features:{tmp_path / 'real.npy'}", suite=FULL)).card
    assert "unknown network" in given.skipped["fid"]
    assert given.score("fd") is not None


def test_what_was_left_out_is_told_once_per_reason(card: Scorecard, tmp_path: Path) -> None:
    card.save(tmp_path / "scorecard.json")
    assert load_scorecard(tmp_path).skipped == card.skipped
    lines = skipped_lines(compare([card]))
    assert len(lines) == len(set(card.skipped.values()))
    assert any(line.startswith("Not computed: authpct, ") for line in lines)


def test_suites_are_closed() -> None:
    assert set(members(FULL)) == {name for name, one in registered().items() if one.family != "divergence"}
    assert set(members("divergences")) <= set(registered())
    assert set(members("quick")) < set(members("standard"))
    with pytest.raises(GanevalError, match="did you mean 'full'"):
        members("fulll")
    assert list(SUITES) == ["quick", "standard", "divergences", "full"]


def test_names_are_as_short_as_tells_them_apart() -> None:
    assert shorter(["fd (a.b)", "fd (c.d)", "ct"]) == {"fd (a.b)": "fd (a.b)", "fd (c.d)": "fd (c.d)", "ct": "ct"}
