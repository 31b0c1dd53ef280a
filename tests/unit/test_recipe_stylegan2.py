"""StyleGAN2: modulated convolution against explicit weights, path lengths against finite differences, lazy turns."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import ModuleDict
from torch.nn.functional import conv2d

from reference_models.gans.stylegan2 import ModulatedConv, Residual, StyleGAN2, path_lengths
from reference_models.penalties import r1
from reference_models.recipe import Batch, DataSpec

TINY = StyleGAN2(batch_size=4, latent=8, mapping_layers=2, widest=4)

pytestmark = pytest.mark.usefixtures("seeded_globally")


def made() -> ModuleDict:
    return TINY.networks(DataSpec(16, 1))


def batch_of(real: Tensor) -> Batch:
    return Batch(real, torch.zeros(len(real), dtype=torch.int64), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_modulated_convolution_is_a_convolution_with_weights_of_each_sample(kernel: int, demodulate: bool) -> None:
    layer = ModulatedConv(3, 5, kernel, 4, demodulate=demodulate)
    maps, w = torch.randn(6, 3, 8, 8), torch.randn(6, 4)
    out, styles = layer(maps, w), layer.style(w)
    for sample in range(6):
        weight = layer.weight / math.sqrt(3 * kernel**2) * styles[sample].view(1, 3, 1, 1)
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        alone = conv2d(maps[sample : sample + 1], weight, padding=kernel // 2)
        assert torch.allclose(out[sample : sample + 1], alone, atol=1e-5)


def test_demodulation_keeps_unit_variance_whatever_the_style() -> None:
    layer = ModulatedConv(64, 32, 3, 4)
    out = layer(torch.randn(16, 64, 16, 16), 10 * torch.randn(16, 4))[:, :, 1:-1, 1:-1]
    assert out.std().item() == pytest.approx(1, rel=0.03)


def test_residual_blocks_keep_the_scale() -> None:
    block = Residual(32, 32)
    skip = block.skip(torch.ones(1, 32, 8, 8))
    weight = block.skip[1].weight.sum((1, 2, 3)) / math.sqrt(32)
    assert torch.allclose(skip[0, :, 1, 1], weight, atol=1e-5)


def test_path_lengths_by_finite_differences() -> None:
    generator = made()["G"].double().eval()
    synthesis = generator.synthesis
    styles = torch.randn(2, 1, 8, dtype=torch.float64).repeat(1, synthesis.layers, 1).requires_grad_()
    synthesis.train()  # without the cut at -1 and 1, whose slope is 0
    for layer in synthesis.styled:
        layer.noise.eval()
    images = synthesis(styles)
    lengths = path_lengths(images, styles, torch.Generator().manual_seed(3))
    y = torch.randn(images.shape, generator=torch.Generator().manual_seed(3)).double() / 16
    with torch.no_grad():
        product = torch.zeros_like(styles)
        for layer in range(synthesis.layers):
            for at in range(8):
                nudge = torch.zeros_like(styles)
                nudge[:, layer, at] = 1e-5
                slope = (synthesis(styles + nudge) - synthesis(styles - nudge)) / 2e-5
                product[:, layer, at] = (slope * y).sum((1, 2, 3))
    assert torch.allclose(lengths, product.square().sum(2).mean(1).sqrt(), rtol=1e-4)


def test_path_loss_follows_a_running_mean() -> None:
    nets, batch = made(), batch_of(torch.zeros(4, 1, 16, 16))
    terms = TINY.path_loss(nets, batch)
    first = terms["path length"].item()
    assert nets["G"].path_length.item() == pytest.approx(0.01 * first, rel=1e-5)
    assert terms["path"].item() >= 8 * (0.99 * first) ** 2 * 0.999  # the mean square is no less than the squared mean
    assert terms["path"].requires_grad
    TINY.path_loss(nets, batch)
    assert 0.01 * first < nets["G"].path_length.item() < 0.03 * first


def test_lazy_turns_make_up_for_the_iterations_they_skip() -> None:
    nets, real = made(), torch.rand(4, 1, 16, 16)
    turns = {turn.name: turn for turn in TINY.turns()}
    assert [turns[name].every for name in ("D", "R1", "G", "path")] == [1, 16, 1, 4]
    expected = 16 * 10 / 2 * r1(nets["D"], real).item()
    assert TINY.gradient_loss(nets, batch_of(real))["R1"].item() == pytest.approx(expected, rel=1e-5)


def test_optimizers_allow_for_lazy_turns() -> None:
    group = TINY.optimizer("D", [torch.nn.Parameter(torch.zeros(1))]).param_groups[0]
    assert group["lr"] == pytest.approx(0.002 * 16 / 17)
    assert group["betas"] == (0.0, pytest.approx(0.99 ** (16 / 17)))
    assert TINY.optimizer("G", [torch.nn.Parameter(torch.zeros(1))]).param_groups[0]["lr"] == pytest.approx(0.0016)
