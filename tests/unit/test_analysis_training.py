"""Scores along training: on courses made by hand, and on runs of a few steps."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ganeval.analysis.training import Course, Followed, Moment, agreement, follow, improved, warnings
from ganeval.analysis.training_page import page, summary
from ganeval.cli.main import ganeval as ganeval_command
from ganeval.errors import GanevalError
from ganeval.scorecard import ImageSetRecord, Score, Scorecard
from ganeval.scoring import Job
from reference_models.feed import TrainingImages
from reference_models.registry import make_recipe
from reference_models.trainer import TrainOptions, train


def a_card(**values: float) -> Scorecard:
    record = ImageSetRecord(name="images", fingerprint="0", count=10)
    scores = [
        Score(
            metric=name,
            features="pixels",
            value=value,
            better="higher" if name == "recall" else "lower",
            details={"warnings": [f"{value:g} is few"]} if name == "fd" else {},
        )
        for name, value in values.items()
    ]
    return Scorecard(name="a", fake=record, reference=record, protocol={}, scores=scores)


def a_course(name: str = "a", **values: list[float]) -> Course:
    cards = [a_card(**dict(zip(values, column))) for column in zip(*values.values())]
    return Course(name, tuple(Moment(10 * step, float(step), card) for step, card in enumerate(cards)))


def test_best_and_improvements_go_by_the_direction_of_the_metric() -> None:
    course = a_course(fd=[9.0, 4.0, 5.0, math.inf, 4.0], recall=[0.1, 0.5, 0.4, 0.6, 0.6])
    fd, recall = "fd (pixels)", "recall (pixels)"
    assert [moment.step for moment, _ in course.scored(fd)] == [0, 10, 20, 40]  # what is not finite is left out
    assert course.best(fd)[0].step == 10
    assert course.best(recall)[0].step == 30
    assert improved(course.scored(fd)) == 2
    assert improved(course.scored(recall)) == 2
    with pytest.raises(GanevalError, match="no finite kid"):
        course.best("kid (pixels)")


def test_scores_that_prefer_the_same_checkpoints_agree() -> None:
    falling, rising = [4.0, 3.0, 2.0, 1.0], [0.1, 0.2, 0.3, 0.4]
    course = a_course(fd=falling, recall=rising, kid=rising)
    assert agreement(course, "fd (pixels)", "recall (pixels)") == pytest.approx(1)
    assert agreement(course, "fd (pixels)", "kid (pixels)") == pytest.approx(-1)
    assert agreement(a_course(fd=[1.0, 2.0, 3.0], kid=[1.0, 2.0, 3.0]), "fd (pixels)", "kid (pixels)") is None
    assert agreement(a_course(fd=falling, kid=[1.0] * 4), "fd (pixels)", "kid (pixels)") is None


def test_a_warning_is_said_once_for_a_run() -> None:
    said = list(warnings(Followed((a_course("long", fd=[3.0, 2.0, 1.0]), a_course("short", fd=[3.0, 2.0])))))
    assert [text.split(":")[0] for text in said] == [
        "long, fd, at 3 of 3 checkpoints, last in these words",
        "short, fd, at 2 of 2 checkpoints, last in these words",
        "short has 2 checkpoints",
    ]
    assert said[0].endswith("1 is few")


def test_runs_that_stopped_at_different_steps_and_the_yardstick_share_a_page() -> None:
    courses = a_course("one", fd=[9.0, 4.0, 5.0, 2.0, 1.0]), a_course("two", fd=[8.0, 7.0])
    followed = Followed(courses, a_card(fd=0.5).model_copy(update={"name": "held out"}))
    assert summary(followed, "fd (pixels)")[0][-2:] == ("40", "3 of 4 times")
    made = page(followed, "ganeval ...")
    assert made.parts[-1].rows[-1] == ("held out", "", "", "0.500")
    assert len(made.parts[-1].rows) == 8


def a_run(folder: Path, seed: int = 0) -> Path:
    data = TrainingImages(np.random.default_rng(3).integers(256, size=(40, 1, 16, 16), dtype=np.uint8))
    recipe = make_recipe("gan", {"hidden": 8, "units": 8, "pieces": 2, "latent": 4, "batch_size": 20})
    train(recipe, data, folder, TrainOptions(4, seed=seed, device="cpu", save_every=1, keep_every=1, sample_every=9))
    return folder


def test_two_runs_from_the_command_line(tmp_path: Path) -> None:
    runs = [str(a_run(tmp_path / name / "run", seed)) for seed, name in enumerate(("a", "b"))]
    data = np.random.default_rng(5).integers(256, size=(110, 16, 16), dtype=np.uint8)
    files = [tmp_path / "real.npy", tmp_path / "others.npy"]
    np.save(files[0], data[:60])
    np.save(files[1], data[60:])
    given = ["analyze", "training", *runs, "--reference", str(files[0]), "--metrics", "fd,kid", "--features", "pixels"]
    given += ["--checkpoints", "3", "--num-samples", "40", "--yardstick", str(files[1])]
    result = CliRunner().invoke(
        ganeval_command, [*given, "--device", "cpu", "--json", "--out", str(tmp_path / "out")], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert [run["name"] for run in found["runs"]] == runs  # both folders are called run
    assert [at["step"] for at in found["runs"][0]["checkpoints"]] == [0, 2, 4]
    assert [score["metric"] for score in found["yardstick"]["scores"]] == ["fd", "kid"]
    assert found["runs"][0]["checkpoints"][0]["scores"][0]["counts"] == {"real": 40, "fake": 40}
    first, second = (run["checkpoints"][2]["scores"][0]["value"] for run in found["runs"])
    assert first != second
    text = (tmp_path / "out" / "index.md").read_text()
    assert "![fd](1-fd.png)" in text
    assert (tmp_path / "out" / "index.html").read_text().count("data:image/png;base64,") == 2


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanevalError, match="no run folder"):
        follow([tmp_path], Job("", "dataset:fashion-mnist-mini:test"))
    with pytest.raises(GanevalError, match="named twice"):
        follow([tmp_path, tmp_path], Job("", "dataset:fashion-mnist-mini:test"))
