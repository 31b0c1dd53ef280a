"""Residual networks against explicit sums, place by place, and against the singular values of their weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from ganeval.errors import GanevalError
from reference_models.recipe import DataSpec
from reference_models.residual import (
    ConditionalNorm,
    DownBlock,
    ProjectionDiscriminator,
    SelfAttention,
    UpBlock,
    attended_size,
    spectral_conv,
    spectral_linear,
)
from reference_models.seeds import seeded

SPEC = DataSpec(16, 1, classes=3)


@pytest.fixture(autouse=True)
def _weights() -> Iterator[None]:
    with seeded(torch.device("cpu"), 0):
        yield


def largest_singular_value(weight: Tensor) -> float:
    return float(torch.linalg.svdvals(weight.detach().flatten(1))[0])


def test_spectral_weights_have_largest_singular_value_one() -> None:
    net = ProjectionDiscriminator(SPEC, 4, 8)
    with torch.no_grad():  # far from the orthogonal weights of the beginning, whose singular values are all 1
        for weight in net.parameters():
            weight.copy_(torch.randn_like(weight) * 3)
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding)]
    # blocks of 3, 3 and 2 convolutions, attention of 4, the verdict and the embedding
    assert len(layers) == 14
    for layer in layers:
        for _ in range(200):  # a power iteration each
            _ = layer.weight
        assert largest_singular_value(layer.weight) == pytest.approx(1, abs=2e-3)


def test_initial_weights_are_orthogonal() -> None:
    rows = spectral_conv(4, 6, 3).weight.detach().flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(6), atol=1e-4, rtol=0)
    columns = spectral_linear(3, 7).weight.detach()
    torch.testing.assert_close(columns.T @ columns, torch.eye(3), atol=1e-4, rtol=0)


def test_attention_starts_as_the_identity() -> None:
    maps = torch.randn(2, 16, 4, 4)
    attention = SelfAttention(16)
    assert attention.gamma.item() == 0
    assert torch.equal(attention(maps), maps)
    attention(maps).sum().backward()
    assert attention.gamma.grad is not None
    assert attention.gamma.grad != 0  # the gate can open


def test_attention_is_the_papers_sum_over_places() -> None:
    maps = torch.randn(2, 16, 4, 4)
    attention = SelfAttention(16).eval()
    nn.init.constant_(attention.gamma, 0.7)
    f, g, h, v = (layer.weight.detach()[:, :, 0, 0] for layer in (attention.f, attention.g, attention.h, attention.v))
    found = attention(maps).detach()
    for image, painted in zip(maps, found):
        places = [image[:, row, column] for row in range(4) for column in range(4)]
        for number, x_j in enumerate(places):
            exponents = [math.exp(float((f @ x_i) @ (g @ x_j))) for x_i in places]
            weighted = [e / sum(exponents) * (h @ x_i) for e, x_i in zip(exponents, places)]
            o_j = v @ torch.stack(weighted).sum(0)
            torch.testing.assert_close(painted[:, number // 4, number % 4], x_j + 0.7 * o_j, atol=1e-5, rtol=1e-4)


def test_attention_reaches_across_the_image() -> None:
    attention = SelfAttention(16).eval()
    nn.init.constant_(attention.gamma, 1.0)
    maps = torch.randn(1, 16, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(attention(maps)[0, :, 0, 0].sum(), maps)
    assert (gradient[0].abs().sum(0) > 0).all()


def test_conditional_norm_scales_each_image_by_its_condition() -> None:
    affine = nn.Embedding(2, 6)
    norm = ConditionalNorm(nn.BatchNorm2d(3, affine=False), affine)
    maps = torch.randn(4, 3, 5, 5) * 3 + 2
    found = norm(maps, torch.tensor([0, 1, 1, 0]))
    normal = (maps - maps.mean((0, 2, 3), keepdim=True)) / maps.var((0, 2, 3), correction=0, keepdim=True).sqrt()
    for image, number in ((0, 0), (2, 1)):
        gain, bias = affine.weight[number, :3], affine.weight[number, 3:]
        expected = (1 + gain).view(3, 1, 1) * normal[image] + bias.view(3, 1, 1)
        torch.testing.assert_close(found[image], expected, atol=1e-4, rtol=1e-4)


def test_blocks_are_a_shortcut_when_their_last_convolution_is_zero() -> None:
    maps = torch.randn(2, 4, 8, 8)
    up = UpBlock(4, 6, lambda width: ConditionalNorm(nn.BatchNorm2d(width, affine=False), nn.Embedding(2, 2 * width)))
    silence(up.convolutions[1])
    # the paper's order: first the size, then the channels
    expected = up.eval().shortcut(maps.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(up(maps, torch.zeros(2, dtype=torch.int64)), expected)
    down = DownBlock(4, 6)
    silence(down.residual[3])
    expected = nn.functional.avg_pool2d(down.eval().shortcut[1](maps), 2)
    torch.testing.assert_close(down(maps), expected)


def silence(layer: nn.Module) -> None:
    """Set a spectrally normalised convolution to zero."""
    nn.utils.parametrize.remove_parametrizations(layer, "weight")
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()


@torch.no_grad()
def test_projection_scores_are_inner_products() -> None:
    images, labels = torch.randn(3, 1, 16, 16), torch.tensor([2, 0, 2])
    net = ProjectionDiscriminator(SPEC, 4, 8).eval()
    maps = net.blocks(images)
    for image, label in enumerate(labels):
        features = [float(maps[image, channel].sum()) for channel in range(maps.shape[1])]
        judged = sum(float(w) * phi for w, phi in zip(net.judge.weight[0], features)) + float(net.judge.bias)
        projected = sum(float(e) * phi for e, phi in zip(net.embed.weight[label], features))
        assert net(images, labels)[image].item() == pytest.approx(judged + projected, abs=1e-4)
        assert net(images)[image].item() == pytest.approx(judged, abs=1e-4)


def test_attention_takes_maps_that_exist() -> None:
    assert attended_size(32, DataSpec(128, 3)) == 32
    assert attended_size(32, DataSpec(32, 3)) == 16
    for size in (4, 24):
        with pytest.raises(GanevalError, match=f"option 'attention' is {size}: expected .* a power of two from 8 up"):
            attended_size(size, DataSpec(128, 3))
