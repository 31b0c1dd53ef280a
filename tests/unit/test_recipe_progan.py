"""ProGAN's losses by hand, and training through its sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.checkpoint import generate_images, load_checkpoint
from reference_models.feed import TrainingImages
from reference_models.gans.progan import ProGAN
from reference_models.recipe import Batch
from reference_models.trainer import TrainOptions, train

TINY = ProGAN(batch_size=4, latent=8, widest=4, stable_images=4, fade_images=8)


class Score(nn.Module):
    """D(x) = the mean of the image."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))

    def shrunk(self, images: Tensor) -> Tensor:
        return images


class Grey(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return (z[:, :1] * 0 + torch.tensor([[1.0], [0.0]])).view(-1, 1, 1, 1).expand(-1, 1, 16, 16).requires_grad_()


def test_losses_by_hand() -> None:
    recipe, nets = replace(TINY, penalty=10.0, drift=0.001), ModuleDict({"G": Grey(), "D": Score()})
    real = torch.tensor([0.25, -0.5]).view(2, 1, 1, 1).expand(-1, 1, 16, 16)
    batch = Batch(real, torch.zeros(2, dtype=torch.int64), torch.Generator().manual_seed(0))
    terms = recipe.critic_loss(nets, batch) | recipe.generator_loss(nets, batch)
    assert terms["loss D"].item() == pytest.approx(0.5 + 0.125)
    assert terms["W"].item() == pytest.approx(-0.625)
    assert terms["drift"].item() == pytest.approx(0.001 * (0.0625 + 0.25) / 2)
    assert terms["penalty"].item() == pytest.approx(10 * (1 / 16 - 1) ** 2, rel=1e-5)  # a slope of 1/256 per pixel
    assert terms["loss G"].item() == pytest.approx(-0.5)
    assert terms["size"].item() == 16


def test_images_grow_while_samples_have_the_full_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 1, 16, 16), dtype=np.uint8)
    data = TrainingImages(pixels, None, "noise", "f", 0)
    sizes = []
    for steps in (1, 2, 5, 7):
        train(TINY, data, tmp_path, TrainOptions(steps=steps, log_every=1))
        checkpoint = load_checkpoint(tmp_path)
        images = generate_images(checkpoint, range(3), seed=0)
        assert images.shape == (3, 1, 16, 16)
        blocks = images.unflatten(2, (-1, 4)).unflatten(4, (-1, 4))
        alike = bool((blocks == blocks[:, :, :, :1, :, :1]).all())
        sizes.append((checkpoint.nets["G"].growth.now()[0], alike))
        assert checkpoint.nets["D"].growth.now() == checkpoint.nets["G"].growth.now()
    assert sizes == [(8, False), (8, False), (16, False), (16, False)]
    rows = (tmp_path / "log.csv").read_text().splitlines()
    column = rows[0].split(",").index("size")
    assert [float(row.split(",")[column]) for row in rows[1:]] == [4, 8, 8, 8, 16, 16, 16]
