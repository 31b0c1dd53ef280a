"""pix2pix: its losses by hand, the U-Net's shapes, skips and noise, and the patches of its discriminator."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.gans.pix2pix import Noise, Pix2Pix, UNet
from reference_models.patches import patch_discriminator, patch_layers, receptive_field
from reference_models.recipe import Batch, DataSpec
from reference_models.seeds import seeded

CPU = torch.device("cpu")


class Constant(nn.Module):
    """The same image whatever comes in, moved by a weight that is 0."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value, self.weight = value, nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        return torch.full_like(images, self.value) + self.weight


class Sum(nn.Module):
    """Scores of two patches: 1 + the mean of all channels, and 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, pairs: Tensor) -> Tensor:
        mean = self.weight * (1 + pairs.mean((1, 2, 3)))
        return torch.stack([mean, 0 * mean], 1).view(-1, 1, 1, 2)


def batch() -> Batch:
    real, source = torch.full((2, 1, 4, 4), 0.5), torch.full((2, 1, 4, 4), -0.25)
    return Batch(real, torch.zeros(2, dtype=torch.int64), torch.Generator().manual_seed(0), source)


def test_losses_by_hand() -> None:
    recipe, nets = Pix2Pix(), ModuleDict({"G": Constant(-0.75), "D": Sum()})
    real, fake = 1 + (0.5 - 0.25) / 2, 1 + (-0.75 - 0.25) / 2  # the source is judged beside either
    found = recipe.discriminator_loss(nets, batch())
    plain = (math.log1p(math.exp(-real)) + math.log(2)) / 2 + (math.log1p(math.exp(fake)) + math.log(2)) / 2
    assert found["loss D"].item() == pytest.approx(plain / 2, rel=1e-6)
    assert found["D(x)"].item() == pytest.approx((1 / (1 + math.exp(-real)) + 0.5) / 2, rel=1e-6)
    found = recipe.generator_loss(nets, batch())
    assert found["fooling"].item() == pytest.approx((math.log1p(math.exp(-fake)) + math.log(2)) / 2, rel=1e-6)
    assert found["weighted L1"].item() == pytest.approx(125.0)
    assert found["L1"].item() == pytest.approx(1.25)
    assert not found["L1"].requires_grad


@pytest.mark.parametrize(("size", "channels"), list(product((16, 32, 64, 128), (1, 3))))
def test_shapes_of_both_networks(size: int, channels: int) -> None:
    with seeded(CPU, 0):
        nets = Pix2Pix(filters=2).networks(DataSpec(size, channels))
        images = torch.rand(2, channels, size, size) * 2 - 1
        translated = nets["G"](images)
        scores = nets["D"](torch.cat([images, translated], 1))
    assert translated.shape == images.shape
    assert translated.abs().max() <= 1
    assert scores.shape[:2] == (2, 1)
    assert scores.shape[2] == scores.shape[3] == size // 2 ** patch_layers(3, size) - 2


def test_the_papers_widths_at_256() -> None:
    with torch.device("meta"):
        net = UNet(DataSpec(256, 3), 64)
    down = [layer.out_channels for stage in net.down for layer in stage if isinstance(layer, nn.Conv2d)]
    up = [layer for stage in net.up for layer in stage if isinstance(layer, nn.ConvTranspose2d)]
    assert down == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [layer.out_channels for layer in up] == [512, 512, 512, 512, 256, 128, 64]
    assert [layer.in_channels for layer in up] == [512, 1024, 1024, 1024, 1024, 512, 256]
    assert [any(isinstance(layer, Noise) for layer in stage) for stage in net.up] == [True] * 3 + [False] * 4


def test_skips_carry_what_the_bottleneck_loses() -> None:
    with seeded(CPU, 0), torch.no_grad():
        net = UNet(DataSpec(16, 1), 2).eval()
        net.down[-1][1].weight.zero_()  # type: ignore[index, union-attr, operator]
        one, other = torch.rand(2, 1, 1, 16, 16)
        with seeded(CPU, 1):
            first = net(one)
        with seeded(CPU, 1):
            second = net(other)
    assert not torch.equal(first, second)


def test_noise_is_there_in_evaluation_too_and_seeded() -> None:
    with seeded(CPU, 0), torch.no_grad():
        net = UNet(DataSpec(16, 1), 4).eval()
        images = torch.rand(1, 1, 16, 16)
    drawn = []
    for seed in (1, 1, 2):
        with seeded(CPU, seed), torch.no_grad():
            drawn.append(net(images))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    maps = torch.ones(1, 1, 100, 100)
    with seeded(CPU, 0):
        kept = Noise().eval()(maps)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert kept.mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_score_sees_its_patch_and_no_more(layers: int) -> None:
    size, side = 128, receptive_field(layers)
    with seeded(CPU, 0):
        judge = patch_discriminator(1, DataSpec(size, 1), 2, layers)
        for layer in [layer for layer in judge if isinstance(layer, nn.InstanceNorm2d)]:
            layer.forward = lambda maps: maps  # type: ignore[method-assign]
        images = torch.rand(1, 1, size, size, requires_grad=True)
        scores = judge(images)
        middle = scores.shape[-1] // 2
        scores[0, 0, middle, middle].backward()
    assert images.grad is not None
    seen = images.grad[0, 0].abs().sum(0).nonzero()
    assert (seen.max() - seen.min() + 1).item() == side
