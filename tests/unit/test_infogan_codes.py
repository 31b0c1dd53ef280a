"""benchmarks/infogan_codes.py: figures that are known in advance, and a run from end to end."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.images.arrays import ArraySource
from reference_models.checkpoint import Checkpoint
from reference_models.feed import TrainingImages
from reference_models.gans.infogan import InfoGAN
from reference_models.recipe import DataSpec
from reference_models.trainer import TrainOptions, train

ROOT = Path(__file__).parents[2]
RECIPE = InfoGAN(batch_size=4, latent=3, categories=4, continuous=2, filters=4, hidden=8)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("infogan_codes", ROOT / "benchmarks" / "infogan_codes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Painted(nn.Module):
    """G: pixel k of the first row is latent k."""

    def forward(self, latents: Tensor) -> Tensor:
        return torch.cat([latents, latents.new_zeros(len(latents), 256 - latents.shape[1])], 1).view(-1, 1, 16, 16)


class Reads(nn.Module):
    """D and Q: the category is where the first four pixels are brightest, the codes are the next two, nearly surely."""

    def forward(self, images: Tensor) -> Tensor:
        seen = images.flatten(1)
        return torch.cat([seen[:, :1], 50 * seen[:, :4], seen[:, 4:6], torch.full((len(seen), 2), -3.0)], 1)


def readable() -> Checkpoint:
    nets = ModuleDict({"G": Painted(), "D": Reads()})
    return Checkpoint(RECIPE, "infogan", DataSpec(16, 1), 7, nets, "f", {}, Path("step-7.json"))


def test_the_best_assignment_is_found(script: ModuleType) -> None:
    assert script.explained(np.diag([3, 4, 5])[:, [2, 0, 1]]) == (1.0, {1: 0, 2: 1, 0: 2})
    # category 0 is the largest for both classes, but may stand for one only
    assert script.explained(np.array([[6, 4], [9, 1]]))[0] == 0.65
    assert script.explained(np.array([[5, 0, 5]]))[0] == 0.5


def test_categories_are_counted_by_class(script: ModuleType) -> None:
    pixels = np.zeros((5, 1, 16, 16), np.uint8)
    for number, category in enumerate((2, 2, 0, 3, 3)):
        pixels[number, 0, 0, category] = 255
    source = ArraySource("set", pixels, np.array([0, 0, 1, 1, 2]))
    table = script.confusion(readable(), RECIPE, source)
    assert table.tolist() == [[0, 0, 2, 0], [1, 0, 0, 1], [0, 0, 0, 1]]
    assert script.explained(table)[0] == 0.8


def test_the_bound_of_codes_that_can_be_read(script: ModuleType) -> None:
    category, continuous = script.bounds(readable(), RECIPE, 130, seed=0)
    assert category == pytest.approx(math.log(4), abs=1e-4)
    # two codes known with a deviation of e^-3, at no distance from the mean
    assert continuous == pytest.approx(2 * (math.log(2) + 3 - math.log(2 * math.pi) / 2), abs=1e-4)


def test_a_run_from_end_to_end(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 1, 12, 12), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", pixels, np.arange(8) % 3)
    train(RECIPE, TrainingImages(pixels, None, "noise", "f", margin=2), tmp_path / "run", TrainOptions(steps=2))
    arguments = ["--images", str(tmp_path / "set.npz"), "--samples", "20", "--sweeps", str(tmp_path / "sweep.png")]
    for more in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["infogan_codes.py", str(tmp_path / "run"), *arguments, *more])
        script.main()
    text, line = capsys.readouterr().out.rsplit("\n", 2)[:2]
    figures = json.loads(line)
    assert np.sum(figures["confusion"]) == 8
    assert f"{figures['explained']:.1%} of 8 images" in text
    sizes = []
    for code in range(3):
        with Image.open(tmp_path / f"sweep-{code}.png") as file:
            sizes.append(file.size)
    assert sizes == [(4 * 14 + 2, 5 * 14 + 2), (10 * 14 + 2, 5 * 14 + 2), (10 * 14 + 2, 5 * 14 + 2)]
