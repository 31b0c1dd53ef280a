"""Grids of images and their reconstructions: order, sizes, and a model that cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.errors import GanevalError
from ganeval.images import open_images
from ganeval.images.source import ImageSource
from reference_models.checkpoint import Checkpoint, load_checkpoint
from reference_models.feed import TrainingImages
from reference_models.reconstruction import Redrawing, fitted, reconstruction_rows
from reference_models.registry import make_recipe
from reference_models.trainer import TrainOptions, train


class Padded(nn.Module):
    """Images in, images out, darker by half; remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("anything", torch.zeros(()))
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return images


def trained(run: Path, name: str) -> Checkpoint:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 1, 28, 28), dtype=np.uint8)
    recipe = make_recipe(name, {"filters": 4, "latent": 4, "batch_size": 4})
    train(recipe, TrainingImages(pixels, margin=2), run, TrainOptions(steps=1))
    return load_checkpoint(run)


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return trained(tmp_path_factory.mktemp("vae"), "vae")


def source(tmp_path: Path, count: int) -> ImageSource:
    grey = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1) * 20
    np.savez(tmp_path / "images.npz", arr_0=np.broadcast_to(grey, (count, 28, 28, 3)))
    opened = open_images(tmp_path / "images.npz")
    assert isinstance(opened, ImageSource)
    return opened


def test_the_model_sees_padded_images_and_the_margin_is_cut_off(vae: Checkpoint) -> None:
    eye = Padded()
    nets = ModuleDict({"E": eye, "G": eye})
    images = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    class Recalls(type(vae.recipe)):  # type: ignore[misc]
        def reconstruct(self, nets: ModuleDict, images: Tensor, labels: Tensor) -> Tensor:
            return nets["G"](images)  # type: ignore[no-any-return]

    same = Redrawing(replace(vae, recipe=Recalls(), nets=nets), "reconstruct")(images)
    assert torch.equal(same, images)
    assert [len(seen) for seen in eye.seen] == [32, 32]
    assert eye.seen[0].shape[1:] == (1, 32, 32)
    assert eye.seen[0][:, :, :2].unique().tolist() == [-1.0]


def test_rows_of_images_stand_above_their_reconstructions(vae: Checkpoint, tmp_path: Path) -> None:
    rows = reconstruction_rows(Redrawing(vae, "reconstruct"), source(tmp_path, 5), 5, 3)
    assert rows.shape == (12, 1, 28, 28)
    assert [image.unique().tolist() for image in rows[[0, 1, 2, 6, 7]]] == [[0], [20], [40], [60], [80]]
    real = torch.cat([rows[0:3], rows[6:8]])
    torch.testing.assert_close(torch.cat([rows[3:6], rows[9:11]]), Redrawing(vae, "reconstruct")(real))
    assert not rows[8].any()
    assert not rows[11].any()


def test_fewer_images_are_spread_over_the_source(vae: Checkpoint, tmp_path: Path) -> None:
    rows = reconstruction_rows(Redrawing(vae, "reconstruct"), source(tmp_path, 9), 3, 3)
    assert [image.unique().tolist() for image in rows[:3]] == [[0], [80], [160]]


def test_images_take_the_models_size_and_channels(vae: Checkpoint) -> None:
    assert fitted(vae, torch.zeros(2, 3, 40, 60, dtype=torch.uint8)).shape == (2, 1, 28, 28)


def test_a_model_without_encoder_names_those_that_can(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path, "dcgan")
    with pytest.raises(
        GanevalError, match=r"dcgan cannot reconstruct.*: take .*autoencoder, bigan.*cyclegan, .*vaegan"
    ):
        Redrawing(checkpoint, "reconstruct")
