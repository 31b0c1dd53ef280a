"""SAGAN: hinge losses at scores chosen by hand, two time scales, classes in G's norms, attention where asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.recipe import Batch, DataSpec
from reference_models.registry import make_recipe
from reference_models.residual import SelfAttention
from reference_models.seeds import seeded

SPEC = DataSpec(32, 1, classes=3)
TINY = {"filters": 2, "latent": 4, "attention": 8}


@pytest.fixture(autouse=True)
def _weights() -> Iterator[None]:
    with seeded(torch.device("cpu"), 0):
        yield


class Grey(nn.Module):
    """D(x, y) = the image's grey level, times 10 for class 1: a score that shows which label came with which image."""

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return images.mean((1, 2, 3)) * torch.where(labels == 1, 10.0, 1.0)


class Levels(nn.Module):
    """G(z, y): an image of grey 0.5, then one of -0.02."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Parameter(torch.tensor([0.5, -0.02]))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.levels.view(2, 1, 1, 1).expand(2, 1, 16, 16)


def test_losses_are_hinges_on_scores_with_labels() -> None:
    nets = ModuleDict({"G": Levels(), "D": Grey()})
    real = torch.tensor([0.25, 0.3]).view(2, 1, 1, 1).expand(2, 1, 16, 16)
    batch = Batch(real, torch.tensor([0, 1]), torch.Generator().manual_seed(0))
    recipe = make_recipe("sagan")
    terms: dict[str, Tensor] = {}
    for turn in recipe.turns():
        terms |= turn.loss(nets, batch)
    # real scores 0.25 and 3: hinges 0.75 and 0; fake scores 0.5 and -0.2: hinges 1.5 and 0.8
    assert terms["loss D"].item() == pytest.approx(0.75 / 2 + 2.3 / 2, abs=1e-6)
    assert terms["loss G"].item() == pytest.approx(-0.15, abs=1e-6)
    assert terms["D(x)"].item() == pytest.approx(3.25 / 2, abs=1e-6)
    assert not terms["D(G(z))"].requires_grad


def test_two_time_scales() -> None:
    recipe = make_recipe("sagan")
    weight = [nn.Parameter(torch.zeros(1))]
    settings = {name: recipe.optimizer(name, weight).param_groups[0] for name in ("G", "D")}
    assert (settings["G"]["lr"], settings["D"]["lr"]) == (1e-4, 4e-4)
    assert settings["G"]["betas"] == settings["D"]["betas"] == (0.0, 0.9)


def test_classes_begin_alike_and_learn_apart() -> None:
    recipe = make_recipe("sagan", TINY)
    generator = recipe.networks(SPEC)["G"].eval()
    z = torch.randn(2, 4)
    zeros, ones = torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)
    assert torch.equal(generator(z, zeros), generator(z, ones))
    tables = [layer for layer in generator.modules() if isinstance(layer, nn.Embedding)]
    assert len(tables) == 2 * 3  # two norms in each of the blocks 4 -> 8 -> 16 -> 32
    nn.init.constant_(tables[0].weight[1], 0.5)
    assert not torch.equal(generator(z, zeros), generator(z, ones))


@pytest.mark.parametrize("attention", [8, 16])
def test_attention_sits_at_its_size_in_both_networks(attention: int) -> None:
    nets = make_recipe("sagan", {**TINY, "attention": attention}).networks(SPEC)
    seen: list[torch.Size] = []
    for net in nets.values():
        for module in net.modules():
            if isinstance(module, SelfAttention):
                module.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0].shape))
    labels = torch.tensor([0, 2])
    nets["D"](nets["G"](torch.randn(2, 4), labels), labels)
    assert [shape[2:] for shape in seen] == [(attention, attention)] * 2
