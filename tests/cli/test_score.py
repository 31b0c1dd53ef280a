"""`ganeval score` and `list` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from ganeval.cli.main import ganeval, main
from ganeval.scorecard import load_scorecard

REAL = "dataset:fashion-mnist-mini:test[0:60]"
FAKE = "dataset:fashion-mnist-mini:train[0:50]"
PIXELS = ("--features", "pixels:8")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(ganeval, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message that a mistake of the user ends in, with exit code 2 and no traceback."""
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    assert left.value.code == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def card(*arguments: str) -> dict[str, object]:
    made = json.loads(run("score", *arguments, "--json").stdout)
    assert isinstance(made, dict)
    return made


def values(*arguments: str) -> list[float]:
    return [score["value"] for score in card(*arguments)["scores"]]  # type: ignore[index, attr-defined]


def test_standard_suite_writes_the_whole_folder(tmp_path: Path) -> None:
    run("score", FAKE, "--reference", REAL, "--train", FAKE, *PIXELS, "--out", str(tmp_path), "--name", "mine")
    made = load_scorecard(tmp_path)
    names = ["fd", "kid", "precision", "recall", "density", "coverage", "authpct"]
    assert [score.metric for score in made.scores] == names
    assert made.score("kid").low is not None  # type: ignore[union-attr]
    assert made.fake.count == 50
    assert made.others["train"].count == 50
    assert "copied from the training set" in (tmp_path / "index.html").read_text()
    assert (tmp_path / "samples.png").exists()


def test_scores_do_not_depend_on_batch_size() -> None:
    first, *others = [
        values(FAKE, "--reference", REAL, "--batch-size", size, "--no-cache") for size in ("1", "7", "64")
    ]
    for other in others:
        assert other == pytest.approx(first, rel=1e-6)


def test_features_computed_elsewhere_give_the_same_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8) for name in ("real", "fake")}
    for name, pixels in images.items():
        np.savez(tmp_path / f"{name}.npz", pixels)
        rows = pixels.transpose(0, 3, 1, 2).reshape(40, -1).astype(np.float32) / 255
        np.save(tmp_path / f"{name}.npy", rows)
    by_images = values(str(tmp_path / "fake.npz"), "--reference", str(tmp_path / "real.npz"), "--features", "pixels")
    by_rows = values(f"features:{tmp_path}/fake.npy", "--reference", f"features:{tmp_path}/real.npy")
    assert by_rows == pytest.approx(by_images, rel=1e-6)


def test_num_samples_limits_every_set_and_reference_samples_all_but_the_fake() -> None:
    made = card(FAKE, "--reference", REAL, "--num-samples", "30", "--reference-samples", "40", *PIXELS)
    assert made["fake"]["count"] == 30  # type: ignore[index]
    assert made["reference"]["count"] == 40  # type: ignore[index]


def test_a_file_that_cannot_be_decoded_is_named_or_left_out_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert "broken.png" in fails(capsys, "score", str(tmp_path), "--reference", str(tmp_path), *PIXELS)
    made = card(str(tmp_path), "--reference", str(tmp_path), *PIXELS, "--on-bad-image", "skip", "--metrics", "fd")
    assert made["fake"]["count"] == 12  # type: ignore[index]
    assert made["fake"]["skipped"] == ["broken.png"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scor",), "did you mean 'score'"),
        (("score", FAKE, "--reference", REAL, "--metrics", "fdd"), "did you mean 'fd'"),
        (("score", FAKE, "--reference", REAL, "--suite", "standart"), "did you mean 'standard'"),
        (("score", FAKE, "--reference", REAL, "--features", "inceptoin"), "did you mean 'inception'"),
        (("score", FAKE, "--reference", "nowhere"), "nothing found at 'nowhere'"),
        (("score", FAKE, "--reference", REAL, "--set", "kid.subset=3"), "did you mean 'subsets'"),
        (("score", FAKE, "--reference", REAL, "--set", "fid.k=3"), "unknown metric in --set"),
        (("score", FAKE, "--reference", REAL, "--metrics", "authpct"), "give it with --train"),
        (("score", FAKE, "--reference", REAL, "--num-samples", "5000"), "asked for 5000 images"),
        (("score", FAKE, "--reference", "features:x.npy"), "x.npy"),
        (("score", FAKE, "--reference", REAL, "--device", "warp"), "device 'warp' cannot be used"),
        (("train", "dcgann", "--data", REAL, "--out", "x", "--steps", "1"), "did you mean 'dcgan'"),
    ],
)
def test_mistakes_end_in_one_message(
    arguments: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in fails(capsys, *arguments)


@pytest.mark.parametrize("what", ["metrics", "features", "datasets", "recipes", "protocols", "weights"])
def test_lists_name_and_explain_everything(what: str) -> None:
    rows = json.loads(run("list", what, "--json").stdout)
    assert rows
    text = run("list", what).stdout
    for row in rows:
        assert row["name"] in text
        assert row["what"]
