"""`ganeval refs` as it is typed, and its references in `ganeval score`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ganeval.cli.main import ganeval, main

REAL = "dataset:fashion-mnist-mini:test[0:120]"
FAKE = "dataset:fashion-mnist-mini:train[0:100]"
PIXELS = ("--features", "pixels:4")


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(ganeval, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def told(*arguments: str, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code))


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message that a mistake of the user ends in, with exit code 2 and no traceback."""
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    assert left.value.code == 2
    return capsys.readouterr().err


def test_a_reference_is_built_once_and_used_by_name_or_digest(own_cache: Path) -> None:
    about = told("refs", "build", REAL, *PIXELS, "--name", "fashion")
    digest = about["origin"]["sha256"]
    assert Path(about["file"]) == own_cache / "references" / f"{digest}.npz"
    assert (about["count"], about["width"]) == (120, 48)
    assert about["origin"]["features"] == "pixels:4.flat"
    expected = told("score", FAKE, "--reference", REAL, *PIXELS, "--metrics", "fd")["scores"][0]
    for reference in ("ref:fashion", f"ref:{digest[:8]}", about["file"]):
        card = told("score", FAKE, "--reference", reference, *PIXELS, "--metrics", "fd")
        assert card["scores"][0]["value"] == pytest.approx(expected["value"], rel=1e-10)
        assert card["scores"][0]["counts"] == {"real": 120, "fake": 100}
        assert card["reference"]["name"] == reference


def test_show_lists_all_and_tells_what_is_in_one(tmp_path: Path) -> None:
    assert "make one with `ganeval refs build REAL`" in run("refs", "show")
    assert told("refs", "show") == []
    digest = told("refs", "build", REAL, *PIXELS, "--name", "fashion")["origin"]["sha256"]
    assert run("refs", "show") == f"{digest[:12]}  fashion  pixels:4.flat, 120 samples\n"
    assert [each["sha256"] for each in told("refs", "show")] == [digest]
    about = told("refs", "show", "fashion")
    assert about["arrays"] == ["mu", "sigma", "origin"]
    np.savez(tmp_path / "foreign.npz", mu=np.array([3.0, 4.0]), sigma=np.diag([1.0, 2.0]))
    text = run("refs", "show", str(tmp_path / "foreign.npz")).split("\n")
    facts = dict(line.split(maxsplit=1) for line in text if line)
    assert facts["mean_norm"] == "5"
    assert facts["trace"] == "3"
    assert facts["count"] == facts["origin"] == "unknown"


@pytest.mark.parametrize("layout", ["ganeval", "pytorch-fid", "edm"])
def test_what_is_written_for_other_tools_verifies_against_the_images(layout: str, tmp_path: Path) -> None:
    place = str(tmp_path / "out.npz")
    run("refs", "build", REAL, *PIXELS, "--out", place, "--format", layout)
    rest = () if layout == "ganeval" else PIXELS  # a file of ours names its features
    found = told("refs", "verify", place, "--against", REAL, *rest, "--batch-size", "7", "--no-cache")
    assert found["agrees"] is True
    assert found["differences"]["main"]["covariance"] < 1e-6
    assert found["sha256"] == ("matches" if layout == "ganeval" else "none in the file")
    other = told("refs", "verify", place, "--against", FAKE, *rest, code=1)
    assert other["agrees"] is False
    assert other["differences"]["main"]["frechet"] > 0.01
    assert told("refs", "verify", place, "--against", FAKE, *rest, "--tolerance", "2")["agrees"] is True


def test_a_reference_is_written_in_another_format_without_its_images(tmp_path: Path) -> None:
    run("refs", "build", REAL, *PIXELS, "--name", "fashion")
    run("refs", "build", "ref:fashion", "--out", str(tmp_path / "x.npz"), "--format", "pytorch-fid")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        assert file["sigma"].shape == (48, 48)
    assert [each["name"] for each in told("refs", "show")] == ["fashion"]
    run("refs", "build", "ref:fashion", "--name", "clothes")
    assert [each["name"] for each in told("refs", "show")] == ["clothes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("build", REAL, *PIXELS, "--out", "x.npz", "--format", "amd"), "did you mean 'adm'"),
        (("build", REAL, *PIXELS, "--out", "x.npz", "--format", "adm"), "--features inception"),
        (("build", REAL, *PIXELS, "--out", "x.npy"), "call it x.npz"),
        (("build", REAL, "--features", "inceptoin"), "did you mean 'inception'"),
        (("build", REAL, "--protocol", "pytorchfid"), "did you mean 'pytorch-fid'"),
        (("build", "nowhere", *PIXELS), "nothing found at 'nowhere'"),
        (("show", "nothing"), "no reference is called 'nothing'"),
        (("verify", "damaged.npz"), "cannot be read"),
        (("verify", "lopsided.npz"), "not symmetric"),
        (("build", "plain.npz", "--name", "mine"), "leave out the name mine"),
        (("verify", "plain.npz", "--against", REAL, *PIXELS), "of 2 and of 48 features"),
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
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 no archive")
    np.savez("lopsided.npz", mu=np.zeros(2), sigma=np.array([[1.0, 0.5], [0.0, 1.0]]))
    np.savez("plain.npz", mu=np.zeros(2), sigma=np.eye(2))
    assert words in fails(capsys, "refs", *arguments)


def test_scoring_against_statistics_says_what_they_cannot_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = str(tmp_path / "ref.npz")
    run("refs", "build", REAL, *PIXELS, "--out", place)
    message = fails(capsys, "score", FAKE, "--reference", place, *PIXELS, "--metrics", "fd,precision")
    assert "precision compares single samples" in message
    assert "holds only mean and covariance: give images" in message
    message = fails(capsys, "score", FAKE, "--reference", place, "--features", "pixels:8", "--metrics", "fd")
    assert "holds statistics of pixels:4.flat, and pixels:8.flat was asked for" in message
