"""The hinge recipe's two discriminators."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reference_models.recipe import DataSpec
from reference_models.registry import make_recipe
from reference_models.state import build_networks


@pytest.mark.parametrize(("norm", "spectral", "batch"), [("spectral", 8, 0), ("batch", 0, 2)])
def test_the_norm_is_the_one_that_was_asked_for(norm: str, spectral: int, batch: int) -> None:
    net = build_networks(make_recipe("hinge", {"norm": norm, "filters": 4}), DataSpec(32, 1), 0, torch.device("cpu"))[
        "D"
    ]
    assert sum(name.endswith("._u") for name, _ in net.named_buffers()) == spectral
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules()) == batch


def test_the_discriminator_is_the_standard_cnn() -> None:
    net = build_networks(make_recipe("hinge", {"filters": 64}), DataSpec(32, 3), 0, torch.device("cpu"))["D"]
    found = [(layer.out_channels, layer.kernel_size[0]) for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    assert found == [(64, 3), (64, 4), (128, 3), (128, 4), (256, 3), (256, 4), (512, 3)]
    (verdict,) = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    assert verdict.in_features == 512 * 4 * 4
