"""Blocks of progan, stylegan and stylegan2 against explicit forms, finite differences and counting."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, linear

from ganeval.errors import GanevalError
from reference_models.growing import GrowingDiscriminator, GrowingImage, Growth, Schedule, advance
from reference_models.layers import EqualisedConv, EqualisedLinear, MinibatchDeviation, PixelNorm, widths_by_size
from reference_models.penalties import r1
from reference_models.recipe import DataSpec
from reference_models.style import Noise, StyleGenerator, mixed_styles, smoothly_doubled, smoothly_halved

pytestmark = pytest.mark.usefixtures("seeded_globally")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_equalised_layers_are_layers_with_scaled_weights() -> None:
    inputs, maps = normal(3, 6), normal(3, 6, 5, 5)
    dense, conv = EqualisedLinear(6, 4, rate=0.01, bias=0.5), EqualisedConv(6, 4, 3, gain=1.0)
    assert dense.bias.tolist() == pytest.approx([50.0] * 4)
    expected = linear(inputs, dense.weight * (math.sqrt(2) / math.sqrt(6) * 0.01), torch.full((4,), 0.5))
    assert torch.allclose(dense(inputs), expected, atol=1e-6)
    nn.init.normal_(conv.bias)
    assert torch.allclose(conv(maps), conv2d(maps, conv.weight / math.sqrt(54), conv.bias, padding=1), atol=1e-5)


def test_equalised_layers_keep_the_variance_whatever_their_rate() -> None:
    for rate in (1.0, 0.01):
        assert EqualisedLinear(512, 512, gain=1.0, rate=rate)(normal(200, 512)).std().item() == pytest.approx(
            1, rel=0.02
        )
    wide = EqualisedConv(256, 64, 3)
    hidden = nn.LeakyReLU(0.2)(wide(normal(8, 256, 16, 16)))
    # He's gain for a ReLU: a leaky one passes 1 + 0.2^2 of it
    assert hidden[:, :, 1:-1, 1:-1].square().mean().item() == pytest.approx(1.04, rel=0.05)


def test_equalised_learning_rate_moves_outputs_alike_whatever_the_width() -> None:
    for width in (4, 64):
        layer = EqualisedLinear(width, 3, gain=1.0)
        before = layer.weight.detach().clone() * layer.scale
        layer(torch.ones(1, width)).sum().backward()
        assert layer.weight.grad is not None
        stepped = layer.weight.detach() - 0.1 * layer.weight.grad.sign()  # Adam's first step
        moved = (stepped * layer.scale - before).abs()
        assert torch.allclose(moved, torch.full_like(moved, 0.1 / math.sqrt(width)), rtol=1e-4)


def test_pixel_norm_makes_vectors_of_mean_square_one() -> None:
    maps = normal(2, 8, 3, 3) * 5
    assert torch.allclose(PixelNorm()(maps).square().mean(1), torch.ones(2, 3, 3), atol=1e-5)
    assert torch.allclose(PixelNorm()(maps)[0, :, 1, 2], maps[0, :, 1, 2] / maps[0, :, 1, 2].square().mean().sqrt())


def test_minibatch_deviation_by_hand() -> None:
    maps = normal(8, 3, 2, 2)
    out = MinibatchDeviation(4)(maps)
    assert torch.equal(out[:, :3], maps)
    for image in range(8):
        group = maps[[other for other in range(8) if other % 2 == image % 2]]
        value = group.std(0, correction=0).mean()
        assert torch.allclose(out[image, 3], value.expand(2, 2), atol=1e-5)
    alike = maps[:1].expand(4, -1, -1, -1)
    assert MinibatchDeviation(4)(alike)[:, 3].max() < 1e-3
    assert MinibatchDeviation(4)(maps[:5]).shape == (5, 4, 2, 2)


def test_widths_fall_with_size_and_are_capped() -> None:
    widths = widths_by_size(1024, 16_384, 512)
    assert list(widths.values()) == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    assert min(widths_by_size(1024, 64, 8).values()) == 1


def test_growth_is_a_function_of_the_images_shown() -> None:
    growth = Growth(Schedule(first=4, stable=10, fade=20), 16)
    stages: dict[int, tuple[int, float]] = {}
    for shown in range(100):
        stages[shown] = growth.now()
        advance([growth], 1)
    assert {stages[shown] for shown in range(10)} == {(4, 1.0)}
    assert [stages[10 + n] for n in range(20)] == [(8, (n + 1) / 20) for n in range(20)]
    assert {stages[30 + n] for n in range(10)} == {(8, 1.0)}
    assert [stages[40 + n] for n in range(20)] == [(16, (n + 1) / 20) for n in range(20)]
    assert {stages[shown] for shown in range(60, 100)} == {(16, 1.0)}
    assert "shown" in growth.state_dict()


def test_no_growth_from_the_full_size_on() -> None:
    growth = Growth(Schedule(first=64, stable=1, fade=1), 16)
    for _ in range(5):
        assert growth.now() == (16, 1.0)
        advance([growth], 1)
    with pytest.raises(GanevalError, match="'first_size' is 6: expected a power of two"):
        Schedule(first=6, stable=1, fade=1)


def test_new_sizes_fade_in_over_the_enlarged_older_image() -> None:
    painter = GrowingImage(DataSpec(16, 1), {4: 2, 8: 3, 16: 2}, 4).train()
    small, large = normal(2, 2, 4, 4), normal(2, 3, 8, 8)
    old, new = painter.paint["4"](small), painter.paint["8"](large)
    expected = 0.75 * interpolate(old, scale_factor=2.0) + 0.25 * new
    assert torch.allclose(painter([small, large], 0.25), expected, atol=1e-6)
    assert torch.equal(painter([small, large], 1.0), new)
    full = painter.eval()([small, large], 1.0)
    assert torch.equal(full, interpolate(new, scale_factor=2.0).clamp(-1, 1))


def test_the_discriminator_starts_a_fade_as_what_it_was() -> None:
    widths = widths_by_size(16, 64, 4)
    critic = GrowingDiscriminator(DataSpec(16, 3), widths, Schedule(4, 8, 1_000_000), nn.AvgPool2d(2))
    images = normal(4, 3, 16, 16)
    before, shrunk = critic(images), critic.shrunk(images)
    assert shrunk.shape == (4, 3, 4, 4)
    assert torch.equal(critic(shrunk), before)
    advance([critic.growth], 8)  # the share of 8x8 is a millionth
    assert critic.shrunk(images).shape == (4, 3, 8, 8)
    assert torch.allclose(critic(critic.shrunk(images)), before, atol=1e-4)
    assert torch.allclose(critic.shrunk(images), interpolate(shrunk, scale_factor=2.0), atol=1e-4)


def test_smooth_resizing_is_binomial_and_keeps_grey() -> None:
    grey = torch.full((1, 2, 8, 8), 0.5)
    assert torch.allclose(smoothly_doubled(grey)[..., 1:-1, 1:-1], torch.tensor(0.5))
    assert torch.allclose(smoothly_halved(grey)[..., 1:-1, 1:-1], torch.tensor(0.5))
    maps = normal(2, 3, 8, 8)
    bilinear = interpolate(maps, scale_factor=2.0, mode="bilinear")
    assert torch.allclose(smoothly_doubled(maps)[..., 2:-2, 2:-2], bilinear[..., 2:-2, 2:-2], atol=1e-6)
    filtered = interpolate(maps, scale_factor=0.5, mode="bilinear", antialias=True)
    assert torch.allclose(smoothly_halved(maps)[..., 1:-1, 1:-1], filtered[..., 1:-1, 1:-1], atol=1e-6)


def test_noise_is_fresh_in_training_and_still_in_evaluation() -> None:
    noise, maps = Noise(4, 3), torch.zeros(5, 3, 4, 4)
    assert torch.equal(noise(maps), maps)  # strengths start at 0
    nn.init.ones_(noise.strength)
    assert not torch.equal(noise(maps)[0], noise(maps)[1])
    noise.eval()
    assert torch.equal(noise(maps), noise.still.expand(5, 3, 4, 4))


class Painting(nn.Module):
    layers = 4

    def forward(self, w: Tensor) -> Tensor:
        return w


def test_styles_cross_over_at_their_layer() -> None:
    first, second = torch.zeros(3, 2), torch.ones(3, 2)
    mixed = mixed_styles(first, second, torch.tensor([1, 3, 4]), 4)
    assert mixed[:, :, 0].tolist() == [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_truncation_draws_styles_to_their_mean_in_evaluation_alone() -> None:
    generator = StyleGenerator(nn.Identity(), Painting(), width=2, truncation=0.5)
    z = torch.tensor([[1.0, 3.0], [3.0, 5.0]])
    assert torch.equal(generator(z), z)
    assert torch.allclose(generator.average, 0.005 * torch.tensor([2.0, 4.0]))
    for _ in range(3000):
        generator(z)
    assert torch.allclose(generator.average, torch.tensor([2.0, 4.0]), atol=1e-3)
    assert torch.allclose(generator.eval()(z), torch.tensor([[1.5, 3.5], [2.5, 4.5]]), atol=1e-3)


def test_r1_is_the_squared_slope_by_finite_differences() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(18, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)).double()
    images = normal(3, 2, 3, 3).double()
    total = 0.0
    for pixel in range(18):
        nudge = torch.zeros(18, dtype=torch.float64)
        nudge[pixel] = 1e-5
        nudge = nudge.view(2, 3, 3)
        total += ((critic(images + nudge) - critic(images - nudge)) / 2e-5).square().mean().item()
    assert r1(critic, images).item() == pytest.approx(total, rel=1e-6)
