"""Checkpoints: what is kept, what is refused, what samples come out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ganeval.errors import GanevalError
from reference_models.checkpoint import checkpoints, generate_images, is_checkpoint, load_checkpoint, render
from reference_models.feed import TrainingImages
from reference_models.recipe import DataSpec
from reference_models.registry import make_recipe
from reference_models.state import build_networks
from reference_models.trainer import TrainOptions, train

RECIPE = make_recipe("dcgan", {"filters": 4, "batch_size": 4, "latent": 8, "kernel": 4})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("checkpoint") / "run"
    pixels = np.random.default_rng(0).integers(0, 256, (9, 3, 12, 12), dtype=np.uint8)
    data = TrainingImages(pixels, np.arange(9) % 3, "noise", "abc", margin=2)
    train(RECIPE, data, run, TrainOptions(steps=3, seed=5, keep_every=2, save_every=2))
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_a_checkpoint_says_how_it_came_about(trained: Path) -> None:
    found = load_checkpoint(trained)
    assert (found.recipe, found.recipe_name, found.step) == (RECIPE, "dcgan", 3)
    assert found.spec == DataSpec(16, 3, classes=3, margin=2)
    assert found.info["schema"] == "ganeval/checkpoint/1"
    assert found.info["data"] == {"name": "noise", "fingerprint": "abc", "count": 9, "source": None}
    assert found.info["training"]["seed"] == 5
    assert found.info["draws"] == 3
    assert found.info["versions"]["torch"] == torch.__version__
    assert found.info["optimizers"]["G"]["groups"][0]["lr"] == 2e-4
    assert "optimizer.D.0.exp_avg" in found.info["tensors"]
    assert not any(net.training for net in found.nets.values())


def test_paths_mean_checkpoints(trained: Path, tmp_path: Path) -> None:
    assert [path.name for path in checkpoints(trained)] == [f"step-{step:08d}.json" for step in (0, 2, 3)]
    first = trained / "step-00000000.json"
    for path in (trained, first, first.with_suffix(".safetensors")):
        assert is_checkpoint(path)
    assert load_checkpoint(trained).step == 3
    assert load_checkpoint(first).step == load_checkpoint(first.with_suffix(".safetensors")).step == 0
    for path in (tmp_path, trained / "log.csv", trained / "step-00000009.json", tmp_path / "none"):
        assert not is_checkpoint(path)


def test_averages_are_in_place_unless_raw_weights_are_asked_for(trained: Path) -> None:
    stored = load_file(trained / "step-00000003.safetensors")
    average, raw = load_checkpoint(trained), load_checkpoint(trained, average=False)
    key = "paint.0.weight"
    assert torch.equal(average.nets["G"].state_dict()[key], stored[f"average.G.{key}"])
    assert torch.equal(raw.nets["G"].state_dict()[key], stored[f"nets.G.{key}"])
    assert torch.equal(average.nets["D"].state_dict()["judge.weight"], stored["nets.D.judge.weight"])
    assert not torch.equal(stored[f"average.G.{key}"], stored[f"nets.G.{key}"])
    assert average.fingerprint != raw.fingerprint
    assert average.fingerprint == load_checkpoint(trained).fingerprint
    assert average.fingerprint != load_checkpoint(trained / "step-00000002.json").fingerprint


def test_samples_lose_the_margin_and_follow_their_labels(trained: Path) -> None:
    checkpoint = load_checkpoint(trained)
    samples = generate_images(checkpoint, [5, 5, 70], seed=0, labels=[0, 1, 2])
    assert samples.shape == (3, 3, 12, 12)
    assert torch.equal(samples[0], samples[1])
    assert torch.equal(samples[2], generate_images(checkpoint, [70], seed=0)[0])
    assert generate_images(checkpoint, [], seed=0).shape == (0, 3, 12, 12)
    with pytest.raises(GanevalError, match="1 labels for 2 samples"):
        generate_images(checkpoint, [0, 1], seed=0, labels=[0])


def test_labels_are_i_modulo_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    def shade(self: object, nets: object, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return (labels.float() / 2 - 1).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)

    monkeypatch.setattr(type(RECIPE), "generate", shade)
    spec = DataSpec(16, 1, classes=3)
    nets = build_networks(RECIPE, spec, 0, torch.device("cpu"))
    levels = render(RECIPE, nets, spec, range(40), 0)[:, 0, 0, 0].tolist()
    assert levels == [(0, 64, 128)[index % 3] for index in range(40)]


def test_a_changed_file_is_refused(run: Path) -> None:
    path = run / "step-00000003.safetensors"
    tensors = load_file(path)
    tensors["nets.D.judge.bias"] += 1
    save_file(tensors, path)
    with pytest.raises(GanevalError, match=r"damaged or was changed: sha256 [0-9a-f]{64}, expected"):
        load_checkpoint(run)
    assert load_checkpoint(run / "step-00000002.json").step == 2


def test_a_truncated_file_is_refused(run: Path) -> None:
    path = run / "step-00000003.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(GanevalError, match="damaged"):
        load_checkpoint(run)
    (run / "step-00000003.json").write_text('{"schema": "gan')
    with pytest.raises(GanevalError, match="is not a checkpoint of schema ganeval/checkpoint/1"):
        load_checkpoint(run)


def test_half_a_checkpoint_is_refused(run: Path) -> None:
    (run / "step-00000003.safetensors").unlink()
    with pytest.raises(GanevalError, match="is missing"):
        load_checkpoint(run)
    with pytest.raises(GanevalError, match="no checkpoint at"):
        load_checkpoint(run / "step-00000009.json")
    with pytest.raises(GanevalError, match="holds no checkpoint"):
        load_checkpoint(run.parent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.update(schema="ganeval/checkpoint/2"), "not a checkpoint of schema"),
        (lambda record: record.update(recipe="dcgam"), "unknown recipe 'dcgam': did you mean 'dcgan'"),
        (lambda record: record["options"].update(filterz=3), "unknown option of dcgan 'filterz'"),
        (lambda record: record["options"].update(filters=8), "do not fit recipe 'dcgan'"),
        (lambda record: record.update(script="rm"), "script"),
        (lambda record: record["spec"].update(size=17), "power of two"),
    ],
)
def test_a_changed_record_is_refused(run: Path, change: Callable[[dict[str, Any]], Any], message: str) -> None:
    edit(run / "step-00000003.json", change)
    with pytest.raises(GanevalError, match=message):
        load_checkpoint(run)
