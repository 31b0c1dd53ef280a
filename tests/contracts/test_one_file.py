"""Adding a metric, or a model, touches one new file: dropped in, it is found, listed, run and saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import ganeval.metrics
import reference_models.gans
from ganeval.cli.main import ganeval as ganeval_command

METRIC = '''
"""Distance between means."""
import math
from ganeval.metrics.metric import metric
from ganeval.summaries import Moments

@metric(better="lower", range=(0, math.inf), optimum=0, paper="none", family="Frechet", cost="N D")
def mean_distance(real: Moments, fake: Moments, *, scale: float = 1.0) -> float:
    """Euclidean distance between the mean features, times scale."""
    return scale * (real.mean - fake.mean).norm().item()
'''

RECIPE = '''
"""Least squares GAN, as small as can be."""
from dataclasses import dataclass
from torch import nn
from torch.optim import Adam
from reference_models.recipe import Recipe, Turn

@dataclass(frozen=True)
class Tiny(Recipe):
    title = "Tiny GAN"
    paper = "none"
    batch_size: int = 8
    latent: int = 4

    def networks(self, spec):
        pixels = spec.channels * spec.size**2
        shape = (spec.channels, spec.size, spec.size)
        return nn.ModuleDict({
            "G": nn.Sequential(nn.Linear(self.latent, pixels), nn.Tanh(), nn.Unflatten(1, shape)),
            "D": nn.Sequential(nn.Flatten(), nn.Linear(pixels, 1)),
        })

    def turns(self):
        return (Turn("D", ("D",), self.d_loss), Turn("G", ("G",), self.g_loss))

    def d_loss(self, nets, batch):
        fake = self.fake(nets, batch).detach()
        return {"real": (nets["D"](batch.real) - 1).square().mean(), "fake": nets["D"](fake).square().mean()}

    def g_loss(self, nets, batch):
        return {"G": (nets["D"](self.fake(nets, batch)) - 1).square().mean()}

    def fake(self, nets, batch):
        return batch.once("fake", lambda: nets["G"](self.latents(len(batch.real), batch.rng)))

    def optimizer(self, network, parameters):
        return Adam(parameters, 1e-3)

    def latents(self, n, rng):
        import torch
        return torch.randn(n, self.latent, generator=rng)

    def generate(self, nets, latents, labels):
        return nets["G"](latents)
'''


def run(*arguments: str) -> str:
    result = CliRunner().invoke(ganeval_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_metric_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mean_distance.py").write_text(METRIC)
    monkeypatch.setattr(ganeval.metrics, "__path__", [*ganeval.metrics.__path__, str(tmp_path)])
    assert "mean_distance" in run("list", "metrics")
    card = json.loads(
        run(
            "score", "dataset:fashion-mnist-mini:test[0:20]", "--reference", "dataset:fashion-mnist-mini:test[20:60]",
            "--features", "pixels", "--metrics", "mean_distance", "--set", "mean_distance.scale=2", "--json",
        )
    )  # fmt: skip
    assert card["scores"][0]["metric"] == "mean_distance"
    assert card["scores"][0]["value"] > 0
    assert card["scores"][0]["options"] == {"scale": 2.0}


def test_a_model_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.py").write_text(RECIPE)
    monkeypatch.setattr(reference_models.gans, "__path__", [*reference_models.gans.__path__, str(tmp_path)])
    assert "Tiny GAN" in run("list", "recipes")
    out = str(tmp_path / "run")
    run("train", "tiny", "--data", "dataset:fashion-mnist-mini:test", "--steps", "3", "--set", "latent=2", "--out", out)
    run("sample", out, "-n", "4", "--out", str(tmp_path / "samples.png"))
    assert (tmp_path / "samples.png").stat().st_size > 0
    reference = "dataset:fashion-mnist-mini:test[0:20]"
    card = json.loads(run("score", out, "--reference", reference, "--features", "pixels", "--metrics", "fd", "--json"))
    assert card["fake"]["count"] == 20
