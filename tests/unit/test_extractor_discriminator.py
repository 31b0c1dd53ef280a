"""The layers of a run's own discriminator: of a hand-made one, written out, and of one trained for two steps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganeval.errors import GanevalError
from ganeval.extractors import load_extractor
from reference_models import checkpoint
from reference_models.feed import TrainingImages
from reference_models.recipe import DataSpec
from reference_models.registry import make_recipe
from reference_models.trainer import TrainOptions, train


def critic(channels: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(channels, 4, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True)),
            nn.Flatten(),
            nn.Linear(96, 8),
            nn.Tanh(),
            nn.Linear(8, 1),
            nn.Sigmoid(),
        )


def install(monkeypatch: pytest.MonkeyPatch, nets: dict[str, nn.Module], spec: DataSpec) -> None:
    made = SimpleNamespace(nets=nn.ModuleDict(nets), spec=spec, fingerprint="abc")
    monkeypatch.setattr(checkpoint, "load_checkpoint", lambda path, device: made)


def noise(count: int, channels: int, size: int) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=rng)


def test_layers_are_the_nonlinearities_in_the_order_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    network = critic(3)
    install(monkeypatch, {"D": network}, DataSpec(16, 3))
    extractor = load_extractor("discriminator:run")
    assert extractor.widths == {"layer1": 4, "layer2": 6, "layer3": 8, "last": 8}  # the sigmoid's verdict is left out
    images = noise(5, 3, 16)
    rows = extractor(images, set(extractor.widths))
    with torch.no_grad():
        first = nn.functional.leaky_relu(network[0](images.float() / 127.5 - 1), 0.2)
        second = network[2](first)
        third = network[5](network[4](network[3](second)))
    torch.testing.assert_close(rows["layer1"], first.mean((2, 3)))
    torch.testing.assert_close(rows["layer2"], second.mean((2, 3)))
    torch.testing.assert_close(rows["layer3"], third)
    assert torch.equal(rows["last"], rows["layer3"])


def test_images_are_padded_as_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {"D": critic(1)}, DataSpec(16, 1, margin=2))
    extractor = load_extractor("discriminator:run")
    prepared = extractor.prepare(torch.full((1, 1, 12, 12), 255, dtype=torch.uint8))
    assert prepared.shape == (1, 1, 16, 16)
    assert torch.equal(prepared[..., 2:-2, 2:-2], torch.ones(1, 1, 12, 12))
    assert prepared.sum() == 12**2 - (16**2 - 12**2)


def test_colour_becomes_grey_and_grey_becomes_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {"D": critic(1)}, DataSpec(16, 1))
    grey = load_extractor("discriminator:run")
    red = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    red[:, 0] = 255
    torch.testing.assert_close(grey.prepare(red), torch.full((1, 1, 16, 16), 2 * 0.299 - 1))
    install(monkeypatch, {"D": critic(3)}, DataSpec(16, 3))
    assert load_extractor("discriminator:run").prepare(noise(2, 1, 9)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize(
    ("nets", "message"),
    [({"G": nn.Identity()}, "has no discriminator, only G"), ({"D": nn.Flatten()}, "no nonlinearity as a module")],
)
def test_networks_with_nothing_to_read(
    monkeypatch: pytest.MonkeyPatch, nets: dict[str, nn.Module], message: str
) -> None:
    install(monkeypatch, nets, DataSpec(16, 3))
    with pytest.raises(GanevalError, match=message):
        load_extractor("discriminator:run")


@pytest.mark.parametrize(
    ("recipe", "options"),
    [("dcgan", {"filters": 4, "batch_size": 4, "latent": 8, "kernel": 4}), ("gan", {"batch_size": 4})],
)
def test_a_trained_run(tmp_path: Path, recipe: str, options: dict[str, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 1, 12, 12), dtype=np.uint8)
    data = TrainingImages(pixels, np.zeros(8, dtype=np.int64), "noise", "abc", margin=2)
    train(make_recipe(recipe, options), data, tmp_path / "run", TrainOptions(steps=2, seed=1))
    extractor = load_extractor(f"discriminator:{tmp_path / 'run'}")
    rows = extractor(noise(3, 1, 12), set(extractor.widths))
    assert len(rows) >= 3
    assert all(row.shape == (3, extractor.widths[layer]) for layer, row in rows.items())
    assert rows["last"].std(0).max() > 0


def test_a_missing_run_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(GanevalError, match="nowhere"):
        load_extractor(f"discriminator:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize("recipe", ["bigan", "bigbigan"])
def test_a_discriminator_of_pairs_cannot_read_images_alone(tmp_path: Path, recipe: str) -> None:
    tiny = make_recipe(recipe, {"filters": 4, "batch_size": 4, "latent": 8, "units": 8})
    pixels = np.random.default_rng(0).integers(0, 256, (8, 1, 16, 16), dtype=np.uint8)
    train(tiny, TrainingImages(pixels), tmp_path, TrainOptions(steps=1))
    with pytest.raises(GanevalError, match="judges images and codes together"):
        load_extractor(f"discriminator:{tmp_path}")
