"""BEGAN's losses, its balance and its measure, at errors chosen by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.gans.began import Autoencoder
from reference_models.recipe import Batch, DataSpec
from reference_models.registry import make_recipe
from reference_models.state import build_networks


class Half(nn.Module):
    """Remembers half of every value: L(v) is half of the mean size of v."""

    k: Tensor

    def __init__(self, k: float) -> None:
        super().__init__()
        self.register_buffer("k", torch.tensor(k))

    def forward(self, images: Tensor) -> Tensor:
        return images / 2


def terms(k: float, real: float, fake: float, **options: float) -> tuple[dict[str, Tensor], float]:
    """All terms of one iteration, and k after it."""
    nets = ModuleDict({"G": nn.Identity(), "D": Half(k)})
    batch = Batch(torch.full((2, 1, 4, 4), 2 * real), torch.zeros(2), torch.Generator())
    batch.once("fake", lambda: torch.full((2, 1, 4, 4), 2 * fake, requires_grad=True))
    recipe = make_recipe("began", options)
    found: dict[str, Tensor] = {}
    for turn in recipe.turns():
        found |= turn.loss(nets, batch)
    return found, nets["D"].get_buffer("k").item()


def test_losses_measure_and_balance() -> None:
    found, k = terms(0.25, real=0.8, fake=0.3, gamma=0.5, balance_rate=0.1)
    assert found["L(x)"].item() == pytest.approx(0.8)
    assert found["loss D"].item() == pytest.approx(0.8 - 0.25 * 0.3)
    assert found["loss G"].item() == pytest.approx(0.3)
    assert k == pytest.approx(0.25 + 0.1 * (0.5 * 0.8 - 0.3))
    assert found["k"].item() == pytest.approx(k)
    assert found["M"].item() == pytest.approx(0.8 + abs(0.5 * 0.8 - 0.3))


def test_samples_that_are_too_hard_to_remember_lower_k_and_raise_the_measure_as_well() -> None:
    found, k = terms(0.25, real=0.2, fake=0.4, gamma=0.5, balance_rate=0.1)
    assert k == pytest.approx(0.25 - 0.03)
    assert found["M"].item() == pytest.approx(0.2 + 0.3)


@pytest.mark.parametrize(("k", "fake", "expected"), [(0.999, 0.0, 1.0), (0.001, 2.0, 0.0)])
def test_k_stays_between_zero_and_one(k: float, fake: float, expected: float) -> None:
    assert terms(k, real=1.0, fake=fake, balance_rate=1.0)[1] == expected


def test_the_balance_starts_at_zero_and_is_saved_with_the_discriminator() -> None:
    nets = build_networks(make_recipe("began", {"filters": 2}), DataSpec(16, 1), 0, torch.device("cpu"))
    assert isinstance(nets["D"], Autoencoder)
    assert nets.state_dict()["D.k"].item() == 0


def test_generator_and_decoder_are_alike() -> None:
    nets = build_networks(make_recipe("began", {"filters": 2}), DataSpec(32, 3), 0, torch.device("cpu"))
    discriminator = nets["D"]
    assert isinstance(discriminator, Autoencoder)
    shapes = [[tuple(weight.shape) for weight in net.parameters()] for net in (nets["G"], discriminator.decode)]
    assert shapes[0] == shapes[1]


def test_samples_are_cut_in_evaluation_alone() -> None:
    recipe = make_recipe("began", {"filters": 2})
    generator = build_networks(recipe, DataSpec(16, 1), 0, torch.device("cpu"))["G"]
    latents = 1000 * recipe.latents(2, torch.Generator().manual_seed(0))
    assert generator.train()(latents).abs().max() > 1
    assert generator.eval()(latents).abs().max() == 1
