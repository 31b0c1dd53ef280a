"""Each recipe's losses at scores chosen by hand, against the equations of its paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.losses import hinge
from reference_models.recipe import Batch, Recipe
from reference_models.registry import make_recipe

REAL, FAKE = (0.25, -0.5), (1.0, 0.0)
"""Scores of two real and two fake images."""


class Score(nn.Module):
    """D(x) = the image's grey level."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))


class Fixed(nn.Module):
    """G(z): images of fixed grey levels, with a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Parameter(torch.tensor(FAKE))

    def forward(self, z: Tensor) -> Tensor:
        return self.levels.view(-1, 1, 1, 1).expand(-1, 1, 16, 16)


def losses(recipe: Recipe) -> dict[str, Tensor]:
    nets = ModuleDict({"G": Fixed(), "D": Score()})
    real = torch.tensor(REAL).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)
    batch = Batch(real, torch.zeros(2, dtype=torch.int64), torch.Generator().manual_seed(0))
    terms: dict[str, Tensor] = {}
    for turn in recipe.turns():
        terms |= turn.loss(nets, batch)
    return terms


def sigmoid(scores: tuple[float, ...]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 1 / (1 + np.exp(-np.array(scores)))


def expect(terms: dict[str, Tensor], name: str, value: float) -> None:
    assert terms[name].item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_the_discriminator_minimises_cross_entropy(name: str) -> None:
    terms = losses(make_recipe(name))
    expect(terms, "loss D", -np.log(sigmoid(REAL)).mean() - np.log(1 - sigmoid(FAKE)).mean())
    expect(terms, "D(x)", sigmoid(REAL).mean())
    expect(terms, "D(G(z))", sigmoid(FAKE).mean())


@pytest.mark.parametrize("recipe", [make_recipe("gan"), make_recipe("dcgan")])
def test_the_nonsaturating_generator(recipe: Recipe) -> None:
    expect(losses(recipe), "loss G", -np.log(sigmoid(FAKE)).mean())


def test_the_minimax_generator() -> None:
    expect(losses(make_recipe("gan", {"loss": "minimax"})), "loss G", np.log(1 - sigmoid(FAKE)).mean())


def test_both_generators_climb_the_score() -> None:
    for loss in ("minimax", "nonsaturating"):
        nets = ModuleDict({"G": Fixed(), "D": Score()})
        batch = Batch(torch.zeros(2, 1, 16, 16), torch.zeros(2), torch.Generator())
        turn = make_recipe("gan", {"loss": loss}).turns()[1]
        turn.loss(nets, batch)["loss G"].backward()
        assert (nets["G"].levels.grad < 0).all()


@pytest.mark.parametrize("kind", ["gradient", "finite-difference"])
def test_the_critic_estimates_a_distance_under_a_penalty(kind: str) -> None:
    terms = losses(make_recipe("wgan_gp", {"penalty": "10", "penalty_kind": kind}))
    distance = float(np.mean(REAL) - np.mean(FAKE))
    expect(terms, "loss D", -distance)
    expect(terms, "W", distance)
    expect(terms, "loss G", -float(np.mean(FAKE)))
    # the mean of 256 pixels has a gradient of norm 1/16
    assert terms["penalty"].item() == pytest.approx(10 * (1 / 16 - 1) ** 2, rel=1e-4)


def test_the_clipped_critic_has_neither_sigmoid_nor_logarithm() -> None:
    terms = losses(make_recipe("wgan"))
    expect(terms, "loss D", float(np.mean(FAKE) - np.mean(REAL)))
    expect(terms, "W", float(np.mean(REAL) - np.mean(FAKE)))
    expect(terms, "loss G", -float(np.mean(FAKE)))


@pytest.mark.parametrize(("coding", "a", "b", "c"), [("0-1", 0, 1, 1), ("-1-1", -1, 1, 0)])
def test_least_squares_by_the_papers_codes(coding: str, a: float, b: float, c: float) -> None:
    terms = losses(make_recipe("lsgan", {"coding": coding}))
    real, fake = np.array(REAL), np.array(FAKE)
    expect(terms, "loss D", 0.5 * np.mean((real - b) ** 2) + 0.5 * np.mean((fake - a) ** 2))
    expect(terms, "loss G", 0.5 * np.mean((fake - c) ** 2))
    expect(terms, "D(x)", float(np.mean(REAL)))


def test_the_hinge_counts_what_is_inside_the_margin() -> None:
    terms = losses(make_recipe("hinge"))
    # 1 - 0.25 and 1 + 0.5; 1 + 1 and 1 + 0
    expect(terms, "loss D", (0.75 + 1.5) / 2 + (2 + 1) / 2)
    expect(terms, "loss G", -float(np.mean(FAKE)))


def test_scores_beyond_the_margin_move_nothing() -> None:
    real, fake = torch.tensor([1.5, 0.0], requires_grad=True), torch.tensor([-3.0, 0.5], requires_grad=True)
    hinge(real, fake).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert real.grad.tolist() == [0, -0.5]
    assert fake.grad.tolist() == [0, 0.5]


def test_only_losses_carry_gradients() -> None:
    for name in ("gan", "dcgan", "wgan_gp", "wgan", "lsgan", "hinge"):
        logged = {key for key, term in losses(make_recipe(name)).items() if not term.requires_grad}
        assert {"D(x)", "D(G(z))"} <= logged


def test_discriminator_steps_are_the_papers_k() -> None:
    assert make_recipe("gan", {"discriminator_steps": "3"}).turns()[0].repeat == 3
    assert make_recipe("wgan_gp").turns()[0].repeat == 5
    assert make_recipe("wgan").turns()[0].repeat == 5
    assert make_recipe("hinge", {"discriminator_steps": "2"}).turns()[0].repeat == 2


def test_losses_survive_certain_discriminators() -> None:
    for recipe in (make_recipe("gan"), make_recipe("dcgan")):
        nets = ModuleDict({"G": Fixed(), "D": Score()})
        batch = Batch(torch.full((2, 1, 16, 16), -1e4), torch.zeros(2), torch.Generator())
        assert math.isfinite(recipe.turns()[0].loss(nets, batch)["loss D"].item())
