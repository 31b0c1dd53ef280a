"""Models that translate, as a user meets them: train, sample, score, messages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from ganeval.cli.main import main
from reference_models.checkpoint import load_checkpoint
from reference_models.reconstruction import Redrawing

TINY = ["--steps", "2", "--sample-every", "2", "--set", "filters=4", "--set", "batch_size=4", "--device", "cpu"]


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def read(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as file:
        return np.asarray(file)


def save(path: Path, count: int, seed: int) -> npt.NDArray[np.uint8]:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 14, 14, 3), dtype=np.uint8)
    np.savez(path, pixels, np.arange(count) % 2)
    return pixels


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets, and a run on them of either model."""
    folder = tmp_path_factory.mktemp("translation")
    save(folder / "x.npz", 12, 0)
    save(folder / "y.npz", 12, 1)
    for name, more in (("pix2pix", []), ("cyclegan", ["--set", "blocks=1"])):
        data = ["--data", folder / "y.npz", "--source", folder / "x.npz"]
        assert run("train", name, *data, "--out", folder / name, *TINY, *more) == 0
    return folder


def test_grids_while_training_show_both_sides(place: Path) -> None:
    assert read(place / "pix2pix/samples/step-00000002.png").shape == (3 * 16 + 2, 12 * 16 + 2, 3)
    assert read(place / "cyclegan/samples/step-00000002.png").shape == (3 * 16 + 2, 16 * 16 + 2, 3)


def test_translations_of_given_and_of_remembered_images(place: Path, tmp_path: Path) -> None:
    given = torch.from_numpy(save(place / "other.npz", 5, 2)).permute(0, 3, 1, 2)
    assert run("sample", place / "cyclegan", "--input", place / "other.npz", "--out", tmp_path / "a.npz") == 0
    expected = Redrawing(load_checkpoint(place / "cyclegan"), "translate")(given)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert np.array_equal(file["arr_0"], expected.permute(0, 2, 3, 1).numpy())
    grid = tmp_path / "grid.png"
    assert run("sample", place / "cyclegan", "--input", place / "other.npz", "-n", "2", "--out", grid) == 0
    assert read(grid).shape == (16 + 2, 4 * 16 + 2, 3)
    assert np.array_equal(read(grid)[2:16, 18:32], expected[0].permute(1, 2, 0).numpy())
    assert run("sample", place / "pix2pix", "-n", "4", "--out", grid) == 0
    assert read(grid).shape == (16 + 2, 12 * 16 + 2, 3)  # with what it learnt to make of them
    with np.load(place / "y.npz", allow_pickle=False) as file:
        assert np.array_equal(read(grid)[2:16, 34:48], file["arr_0"][0])
    for more in (["--direction", "back"], ["--reconstruct", place / "x.npz"]):
        assert run("sample", place / "cyclegan", *more, "-n", "4", "--out", tmp_path / "other.png") == 0
    assert run("sample", place / "pix2pix", "--input", place / "x.npz", "--target", place / "y.npz", "--out", grid) == 0


def test_scores_per_direction_and_of_cycles(place: Path, tmp_path: Path) -> None:
    x, y = place / "x.npz", place / "y.npz"
    asked = {
        "forward": ["--input", x, "--reference", y],
        "remembered": ["--reference", y],
        "back": ["--direction", "back", "--input", y, "--reference", x],
        "cycle": ["--reconstruct", x, "--reference", x],
    }
    values = {}
    for name, sets in asked.items():
        out = tmp_path / name
        assert run("score", place / "cyclegan", *sets, "--metrics", "l1", "--no-cache", "--out", out) == 0
        card = json.loads((out / "scorecard.json").read_text())
        values[name] = card["scores"][0]["value"]
    assert values["forward"] == values["remembered"]
    assert len(set(values.values())) == 3
    assert all(0 < value < 1 for value in values.values())
    with np.load(x, allow_pickle=False) as file:
        given = torch.from_numpy(file["arr_0"]).permute(0, 3, 1, 2)
    again = Redrawing(load_checkpoint(place / "cyclegan"), "reconstruct")(given)
    assert values["cycle"] == pytest.approx((given.double() - again.double()).abs().mean().item() / 255, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "pix2pix", "--data", "y.npz", "--out", "new", "--steps", "1"], "name the images to translate"),
        (["train", "dcgan", "--data", "y.npz", "--source", "x.npz", "--out", "new", *TINY], "translates nothing"),
        (["sample", "pix2pix", "--direction", "back", "--out", "a.png"], "unknown direction of pix2pix"),
        (["sample", "pix2pix", "--reconstruct", "x.npz", "--out", "a.png"], "cannot reconstruct images"),
        (["sample", "pix2pix", "--input", "x.npz", "--reconstruct", "x.npz", "--out", "a.png"], "give one of them"),
        (["sample", "pix2pix", "--by-label", "--out", "a.png"], "leave them out"),
        (["sample", "pix2pix", "--input", "few.npz", "--target", "y.npz", "--out", "a.png"], "pairs need image i"),
        (["score", "x.npz", "--input", "y.npz", "--reference", "y.npz", "--metrics", "l1"], "leave them out"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(place)
    save(Path("few.npz"), 3, 3)
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_forgotten_source_has_to_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("x", "y"):
        save(tmp_path / f"{name}.npz", 4, 0)
    data = ["--data", tmp_path / "y.npz", "--source", tmp_path / "x.npz"]
    assert run("train", "pix2pix", *data, "--out", tmp_path / "run", *TINY) == 0
    save(tmp_path / "x.npz", 4, 1)
    assert run("sample", tmp_path / "run", "--out", tmp_path / "a.png") == 2
    assert "holds other images by now" in capsys.readouterr().err
    (tmp_path / "x.npz").unlink()
    assert run("sample", tmp_path / "run", "--out", tmp_path / "a.png") == 2
    assert "give images to pix2pix with --input" in capsys.readouterr().err


def test_a_discriminator_of_two_images_is_no_extractor_of_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = ("--features", f"discriminator:{place / 'pix2pix'}", "--device", "cpu")
    assert run("score", place / "x.npz", "--reference", place / "y.npz", "--metrics", "fd", *features) == 2
    assert "judges an image beside the one that it was translated from" in " ".join(capsys.readouterr().err.split())
