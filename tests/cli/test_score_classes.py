"""`ganeval score` with metrics of class-conditional models, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ganeval.cli.main import ganeval, main
from ganeval.data.embedded import fashion_mnist_mini

REAL = "dataset:fashion-mnist-mini:test[0:400]"
FAKE = "dataset:fashion-mnist-mini:train[0:300]"
PIXELS = ("--features", "pixels:8", "--no-cache")
METRICS = "fd_per_class,conditional_fd,fjd,cas,label_consistency"


def scores(*arguments: str) -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(ganeval, ["score", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return {score["metric"]: score for score in json.loads(result.stdout)["scores"]}


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["score", *arguments, *PIXELS])
    assert left.value.code == 2
    return capsys.readouterr().err


def write_folders(root: Path, names: list[str], split: str = "train", each: int = 12) -> Path:
    """A folder per class of the embedded data set, the first `each` images of each."""
    images, labels = fashion_mnist_mini(split)
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for i, image in enumerate(images[labels == number][:each]):
            Image.fromarray(image[0]).save(root / name / f"{i}.png")
    return root


def test_real_images_of_the_right_class_score_well_and_of_shuffled_classes_badly(tmp_path: Path) -> None:
    images, labels = fashion_mnist_mini("train")
    wrong = np.random.default_rng(0).permutation(labels[:300])
    np.savez(tmp_path / "wrong.npz", images[:300], wrong)
    right = scores(FAKE, "--reference", REAL, "--metrics", METRICS, *PIXELS)
    shuffled = scores(str(tmp_path / "wrong.npz"), "--reference", REAL, "--metrics", METRICS, *PIXELS)
    assert right.keys() == set(METRICS.split(","))
    for name, score in right.items():
        worse = shuffled[name]["value"]
        assert score["value"] > 3 * worse if score["better"] == "higher" else score["value"] < 0.7 * worse
    for name in ("cas", "label_consistency"):
        assert right[name]["value"] == pytest.approx(right[name]["details"]["real_accuracy"], abs=0.1)
        assert right[name]["low"] < right[name]["value"] < right[name]["high"]
        assert len(right[name]["details"]["confusion"]) == 10
    assert list(right["fd_per_class"]["details"]["per_class"]) == [str(number) for number in range(10)]


def test_labels_stay_with_their_images_through_every_selection(tmp_path: Path) -> None:
    # the mean distance of class means needs every label at its place: another order of a few already shows
    numbers = [str(number) for number in range(10)]
    folder = write_folders(tmp_path / "folders", numbers)
    (folder / "0" / "00_broken.png").write_bytes(b"no image")
    reference = ("--reference", REAL, "--metrics", "conditional_fd", *PIXELS)
    whole = scores(str(folder), *reference, "--on-bad-image", "skip")["conditional_fd"]
    sampled = scores(str(folder), *reference, "--on-bad-image", "skip", "--num-samples", "90")["conditional_fd"]
    assert (whole["counts"]["fake"], sampled["counts"]["fake"]) == (120, 90)
    assert sampled["details"]["means"] < 2.5 * whole["details"]["means"]
    np.savez(tmp_path / "wrong.npz", *(array[:120] for array in fashion_mnist_mini("train")[:1]), np.arange(120) // 12)
    wrong = scores(str(tmp_path / "wrong.npz"), *reference)["conditional_fd"]
    assert wrong["details"]["means"] > 2.5 * sampled["details"]["means"]


def test_folders_called_by_numbers_match_a_data_sets_classes(tmp_path: Path) -> None:
    # 3 before 10 and 20: sorted as text, the classes would be taken for each other
    names = ["0", "1", "2", "3", "4", "5", "6", "7", "10", "20"]
    numbered = scores(str(write_folders(tmp_path / "a", names)), "--reference", REAL, "--metrics", "cas", *PIXELS)
    assert numbered["cas"]["value"] > 0.6


def test_folders_of_other_names_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = write_folders(tmp_path / "real", ["bag", "coat", "shoe"], "test")
    same = write_folders(tmp_path / "same", ["bag", "coat", "shoe"])
    other = write_folders(tmp_path / "other", ["bag", "boot", "coat"])
    numbered = write_folders(tmp_path / "numbered", ["0", "1", "2"])
    for fake in (same, numbered):
        assert scores(str(fake), "--reference", str(real), "--metrics", "cas", *PIXELS)["cas"]["value"] > 0.5
    message = fails(capsys, str(other), "--reference", str(real), "--metrics", "cas")
    assert "have other names" in message
    assert "boot, shoe" in message
    assert scores(str(other), "--reference", str(real), "--metrics", "fd", *PIXELS)


def test_what_keeps_classes_from_being_compared_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "unlabelled.npz", fashion_mnist_mini("train")[0][:50])
    arguments = (str(tmp_path / "unlabelled.npz"), "--reference", REAL, "--metrics", "cas")
    assert "image set 'fake' has none" in fails(capsys, *arguments)
    few = ("dataset:fashion-mnist-mini:train[0:8]", "--reference", REAL, "--metrics", "conditional_fd")
    assert "real set has classes 0 to 9 and the generated set classes 0 to 7" in fails(capsys, *few)


def test_a_conditional_run_is_scored_by_the_labels_that_it_was_asked_for(tmp_path: Path) -> None:
    options = ("--set", "architecture=conv", "--set", "filters=4", "--set", "batch_size=8", "--steps", "2")
    data = ("--data", FAKE, "--device", "cpu", "--out", str(tmp_path / "run"))
    CliRunner().invoke(ganeval, ["train", "cgan", *data, *options], catch_exceptions=False)
    made = scores(str(tmp_path / "run"), "--reference", REAL, "--num-samples", "100", "--metrics", METRICS, *PIXELS)
    assert np.sum(made["label_consistency"]["details"]["confusion"], axis=1).tolist() == [10] * 10
    assert made.keys() == set(METRICS.split(","))
