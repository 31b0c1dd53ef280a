"""`ganeval demo`, shortened: the whole way from training to the report, and again from what it left."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from ganeval import demo
from ganeval.cli.main import ganeval
from ganeval.images import open_images

ROWS = ["dcgan", "wgan_gp", "held-out real images", "copy of training images", "pixel Gaussian", "untrained generator"]


def run(out: Path) -> str:
    arguments = ["demo", "--steps", "3", "--num-samples", "100", "--out", str(out)]
    result = CliRunner().invoke(ganeval, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_demo_tells_the_whole_story_and_can_be_taken_up_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    for row in ROWS:
        assert row in first
        assert row in (tmp_path / "index.html").read_text()
        assert row in (tmp_path / "comparison.md").read_text()
        card = json.loads((tmp_path / row.replace(" ", "-") / "scorecard.json").read_text())
        assert card["name"] == row
        assert card["scores"][0]["metric"] == "fd"
        assert card["others"]["train"]["count"] == 4000
    assert "copy of training images: copied from the training set" in first
    assert first.count("copied from the training set") == 1
    trained = (tmp_path / "runs/dcgan/step-00000003.safetensors").read_bytes()
    assert run(tmp_path) == first
    assert (tmp_path / "runs/dcgan/step-00000003.safetensors").read_bytes() == trained


def test_the_pixel_gaussian_has_the_pixels_mean_and_covariance() -> None:
    source = open_images("dataset:fashion-mnist-mini:train[0:1000]")
    images = np.concatenate([batch.numpy() for batch in source.batches(500)])  # type: ignore[union-attr]
    drawn = demo.gaussian_images(source, 4000, 0)  # type: ignore[arg-type]
    assert drawn.shape == (4000, 1, 28, 28)
    assert drawn.dtype == np.uint8
    # clipping to [0, 255] moves dark pixels up, so compare where the Gaussian lies well inside
    mean, spread = images.mean(0), images.std(0)
    inside = (mean - 2 * spread > 0) & (mean + 1 * spread < 255)
    if inside.any():
        np.testing.assert_allclose(drawn.mean(0)[inside], mean[inside], atol=8)
    assert np.corrcoef(drawn.mean(0).ravel(), mean.ravel())[0, 1] > 0.98


def test_the_demos_image_sets_do_not_overlap() -> None:
    def contents(place: str) -> set[bytes]:
        return {image.numpy().tobytes() for batch in open_images(place).batches(500) for image in batch}  # type: ignore[union-attr]

    train, heldout, reference, copy = map(contents, (demo.TRAIN, demo.HELDOUT, demo.REFERENCE, demo.COPY))
    assert copy <= train
    assert not train & heldout
    assert not reference & (train | heldout)
