"""What a discriminator knows: on Gaussians, where JS is known, and on runs of one step."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn
from torch.optim import Adam

from ganeval.analysis.sharpening import Plan, Samples, logits, sharpened
from ganeval.analysis.value import BLIND, Array, Logits, gain
from ganeval.cli.main import ganeval as ganeval_command
from ganeval.errors import GanevalError
from ganeval.testing.truth import pair
from reference_models.feed import TrainingImages
from reference_models.registry import make_recipe
from reference_models.trainer import TrainOptions, train

TINY: dict[str, dict[str, Any]] = {
    "gan": {"hidden": 8, "units": 8, "pieces": 2, "latent": 4, "batch_size": 20},
    "dcgan": {"filters": 2, "latent": 4, "batch_size": 20},
    "wgan_gp": {"filters": 2, "latent": 4, "batch_size": 20},
    "cgan": {"batch_size": 20, "hidden": 12, "units": 4, "label_units": 4},
    "bigan": {"filters": 4, "batch_size": 4, "latent": 8, "units": 8},
    "infogan": {"filters": 2, "hidden": 4, "batch_size": 20},
}


def a_run(recipe: str, folder: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 100, (40, 1, 16, 16), dtype=np.uint8)
    labels = np.arange(40) % 2 if recipe == "cgan" else None
    train(make_recipe(recipe, TINY[recipe]), TrainingImages(pixels, labels), folder, TrainOptions(steps=1))
    return folder


def held_out(folder: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 100, (120, 16, 16, 1), dtype=np.uint8)
    np.save(folder / "held.npy", pixels)
    return folder / "held.npy"


def test_the_best_discriminator_says_js_and_any_other_less() -> None:
    known = pair("shift")
    real, fake = known.samples(20_000, 0)

    def best(x: Tensor) -> Array:  # log of N(0, 1) less that of N(1.5, 1)
        found: Array = (1.5**2 / 2 - 1.5 * x[:, 0]).double().numpy()
        return found

    exact = Logits(best(real), best(fake))
    js = exact.js()
    assert js.low is not None
    assert js.high is not None
    assert js.low < known.known["js"].value < js.high
    assert js.high - js.low < 0.02
    assert exact.value().value == pytest.approx(2 * js.value + BLIND)
    other = Logits(0.3 * best(real), 0.3 * best(fake))
    assert other.js().value < js.low
    assert gain(other, exact).value == pytest.approx(exact.value().value - other.value().value)
    assert exact.accuracy().value == pytest.approx((1 + known.known["tv"].value) / 2, abs=0.01)


def test_sure_and_blind_discriminators() -> None:
    sure, blind, wrong = (Logits(np.full(50, at), np.full(50, -at)) for at in (50.0, 0.0, -5.0))
    assert sure.js().value == pytest.approx(math.log(2))
    assert (sure.accuracy().value, blind.accuracy().value, sure.auc(), blind.auc()) == (1.0, 0.5, 1.0, 0.5)
    assert blind.js().value == pytest.approx(0)
    assert wrong.js().value == 0
    assert wrong.js().details["unclipped"] < -1


def test_training_further_finds_js_between_gaussians_and_leaves_the_network_alone() -> None:
    known = pair("shift")
    learn, test = Samples(*known.samples(3000, 1)).halves()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(1, 16), nn.SiLU(), nn.Linear(16, 1), nn.Flatten(0)).eval()
    before = [parameter.clone() for parameter in network.parameters()]
    plan = Plan(200, 100, lambda parameters: Adam(parameters, 1e-2))
    found = sharpened(network, lambda net, x: net(x), learn, plan)
    after = logits(found.network, lambda net, x: net(x), test)
    assert after.js().value == pytest.approx(known.known["js"].value, abs=0.025)
    assert gain(logits(network, lambda net, x: net(x), test), after).value > 0.2
    assert all(torch.equal(old, new) for old, new in zip(before, network.parameters()))
    assert found.kept == max(found.trace, key=lambda moment: moment.held).step


def test_without_steps_the_best_is_the_discriminator_itself() -> None:
    network = nn.Sequential(nn.Flatten(0)).eval()
    samples = Samples(torch.ones(20, 1), -torch.ones(20, 1))
    plan = Plan(0, 4, lambda _: Adam([torch.zeros(1, requires_grad=True)]))
    found = sharpened(network, lambda net, x: net(x), samples, plan)
    assert (found.kept, len(found.trace)) == (0, 1)
    with pytest.raises(GanevalError, match="too few"):
        Samples(torch.ones(19, 1), torch.ones(20, 1)).halves()


def analyse(*arguments: str) -> Any:
    return CliRunner().invoke(ganeval_command, ["analyze", "discriminator", *arguments], catch_exceptions=False)


def test_a_run_from_the_command_line(tmp_path: Path) -> None:
    run, data, out = a_run("dcgan", tmp_path / "run"), held_out(tmp_path), tmp_path / "report"
    before = {file.name: hashlib.sha256(file.read_bytes()).digest() for file in run.iterdir() if file.is_file()}
    given = (str(run), "--data", str(data), "--steps", "12", "--device", "cpu", "--json")
    result = analyse(*given, "--out", str(out))
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["counts"] == {"real": 60, "generated": 60}
    assert sum(found["D"]["histogram_real"]) == 60
    gap = found["D*"]["value"]["value"] - found["D"]["value"]["value"]
    assert found["gap"]["value"] == pytest.approx(gap)
    assert [moment["step"] for moment in found["trace"]] == list(range(13))
    assert any("batch norms" in text for text in found["warnings"])
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert {path.name for path in out.iterdir()} == {
        "index.html", "index.md", "analysis.json", "histograms.png", "course.png"
    }  # fmt: skip
    assert json.loads((out / "analysis.json").read_text()) == found
    assert before == {f.name: hashlib.sha256(f.read_bytes()).digest() for f in run.iterdir() if f.is_file()}
    assert json.loads(analyse(*given).stdout) == found


@pytest.mark.parametrize(
    ("recipe", "complaint"), [("wgan_gp", "critic"), ("cgan", "sees labels"), ("bigan", "together")]
)
def test_critics_and_judges_of_pairs_are_refused(recipe: str, complaint: str, tmp_path: Path) -> None:
    run, data = a_run(recipe, tmp_path / "run"), held_out(tmp_path)
    with pytest.raises(GanevalError, match=complaint):
        analyse(str(run), "--data", str(data), "--device", "cpu")


@pytest.mark.parametrize("recipe", ["gan", "infogan"])
def test_logits_alone_and_beside_other_outputs_are_taken(recipe: str, tmp_path: Path) -> None:
    run, data = a_run(recipe, tmp_path / "run"), held_out(tmp_path)
    result = analyse(str(run), "--data", str(data), "--steps", "2", "--device", "cpu", "--average")
    assert result.exit_code == 0, result.output
    assert "JS is at least" in result.output
