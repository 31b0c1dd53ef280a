"""Shared blocks: shapes at every size, and spectral norms against a singular value decomposition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import nn

from reference_models.layers import (
    dcgan_initialise,
    downward_stack,
    spectral,
    stack_features,
    stage_widths,
    up,
    upward_stack,
    verdict,
)
from reference_models.recipe import DataSpec
from reference_models.seeds import seeded


@pytest.fixture(autouse=True)
def fixed_weights() -> Iterator[None]:
    with seeded(torch.device("cpu"), "layers"):
        yield


@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_one_stage_doubles_the_size(kernel: int) -> None:
    assert up(2, 3, kernel)(torch.zeros(1, 2, 5, 5)).shape == (1, 3, 10, 10)


@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize(("size", "channels"), [(16, 1), (64, 3)])
def test_stacks_meet_in_the_middle(size: int, channels: int, kernel: int) -> None:
    spec = DataSpec(size, channels)
    images = upward_stack(7, spec, 4, kernel=kernel)(torch.randn(2, 7))
    assert images.shape == (2, channels, size, size)
    assert images.abs().max() <= 1
    stack = downward_stack(channels, spec, 4, kernel=kernel)
    assert stack(images).shape == (2, stack_features(spec, 4))
    assert verdict(stack, stack_features(spec, 4))(images).shape == (2,)


def test_widths_double_up_to_eight_times() -> None:
    assert stage_widths(16, 3) == [3, 6]
    assert stage_widths(256, 3) == [3, 6, 12, 24, 24, 24]


def test_a_stack_without_norm_scores_every_image_alone() -> None:
    stack = downward_stack(1, DataSpec(16, 1), 4, norm=None)
    images = torch.randn(3, 1, 16, 16)
    torch.testing.assert_close(stack(images)[1:2], stack(images[1:2]))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in stack.modules())


def test_initial_weights_are_dcgans() -> None:
    net = nn.Sequential(nn.Conv2d(64, 64, 4), nn.BatchNorm2d(20000), nn.Linear(200, 200)).apply(dcgan_initialise)
    assert net[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert net[1].weight.mean().item() == pytest.approx(1, abs=0.001)
    assert net[1].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert net[2].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert all(not layer.bias.any() for layer in net)


def largest_singular_value(layer: nn.Module) -> float:
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    # a transposed convolution's weight is (inputs, outputs, height, width)
    rows = weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight
    return float(torch.linalg.svdvals(rows.detach().flatten(1))[0])


@pytest.mark.parametrize(
    "make",
    [
        partial(nn.Linear, 6, 9),
        partial(nn.Conv2d, 5, 4, 3),
        partial(nn.ConvTranspose2d, 4, 7, 4),
        partial(nn.Embedding, 10, 3),
    ],
    ids=lambda make: make.func.__name__,
)
def test_spectral_normalisation_divides_by_the_largest_singular_value(make: Callable[[], nn.Module]) -> None:
    layer = make()
    expected = layer.weight.detach() / largest_singular_value(layer)
    net = spectral(nn.Sequential(layer))
    for _ in range(200):  # a power iteration each
        _ = layer.weight
    torch.testing.assert_close(net[0].weight.detach(), expected, rtol=1e-4, atol=1e-6)
    assert largest_singular_value(net[0]) == pytest.approx(1, rel=1e-4)


def test_spectral_norms_stay_still_in_evaluation_and_live_in_buffers() -> None:
    net = spectral(verdict(downward_stack(1, DataSpec(16, 1), 4), 128))
    assert sum(name.endswith("._u") for name, _ in net.named_buffers()) == 3
    before = {name: value.clone() for name, value in net.named_buffers()}
    net.eval()(torch.randn(2, 1, 16, 16))
    assert all(torch.equal(value, before[name]) for name, value in net.named_buffers())
    net.train()(torch.randn(2, 1, 16, 16))
    assert not all(torch.equal(value, before[name]) for name, value in net.named_buffers() if name.endswith("._u"))


def test_a_spectrally_normalised_network_without_norms_cannot_stretch_distances() -> None:
    net = spectral(nn.Sequential(nn.Linear(6, 32), nn.LeakyReLU(0.1), nn.Linear(32, 1))).train()
    for _ in range(100):
        net(torch.zeros(1, 6))
    one, other = torch.randn(500, 6), torch.randn(500, 6)
    stretch = (net(one) - net(other)).abs().squeeze(1) / (one - other).norm(dim=1)
    assert stretch.max() <= 1 + 1e-4
