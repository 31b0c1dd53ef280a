"""Unrolling against a derivation by hand, finite differences, and networks that are really stepped."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict
from torch.nn.functional import softplus

from reference_models.gans.unrolled import unroll
from reference_models.losses import cross_entropy
from reference_models.recipe import Batch
from reference_models.registry import make_recipe
from reference_models.seeds import seeded

RATE = 0.3


class Slope(nn.Module):
    """D(x) = w x, on numbers."""

    def __init__(self, w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.w * x


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def game(w: float, real: float, fake: float) -> float:
    """f of one real and one generated number."""
    return math.log1p(math.exp(-w * real)) + math.log1p(math.exp(w * fake))


def ahead(w: float, real: float, fake: float, steps: int) -> float:
    for _ in range(steps):
        w -= RATE * (-real * sigmoid(-w * real) + fake * sigmoid(w * fake))
    return w


def number(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_weights_ahead_are_those_of_gradient_descent(steps: int) -> None:
    weights = unroll(Slope(0.2), number(1.5), number(-0.5), steps, RATE)
    assert weights["w"].item() == pytest.approx(ahead(0.2, 1.5, -0.5, steps), rel=1e-12)


def test_the_derivative_of_one_step_by_hand() -> None:
    w, real, fake = 0.2, 1.5, -0.5
    sample = number(fake).requires_grad_()
    unrolled = unroll(Slope(w), number(real), sample, 1, RATE)["w"]
    (found,) = torch.autograd.grad(unrolled, sample)
    # w1 = w - rate (... + y s(w y)), so dw1/dy = -rate (s + y w s (1 - s)), s = sigmoid(w y)
    s = sigmoid(w * fake)
    assert found.item() == pytest.approx(-RATE * (s + fake * w * s * (1 - s)), rel=1e-12)


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_the_generators_gradient_agrees_with_finite_differences(steps: int) -> None:
    w, real, fake, nudge = 0.2, 1.5, -0.5, 1e-6
    net = Slope(w)
    sample = number(fake).requires_grad_()
    weights = unroll(net, number(real), sample, steps, RATE)
    (found,) = torch.autograd.grad(cross_entropy(weights["w"] * number(real), weights["w"] * sample), sample)
    above, below = (game(ahead(w, real, y, steps), real, y) for y in (fake + nudge, fake - nudge))
    assert found.item() == pytest.approx((above - below) / (2 * nudge), rel=1e-7)


def nets() -> ModuleDict:
    with seeded(torch.device("cpu"), "unrolled"):
        generator = nn.Linear(3, 2)
        discriminator = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0))
    return ModuleDict({"G": generator, "D": discriminator}).double()


def batch() -> Batch:
    rng = torch.Generator().manual_seed(1)
    return Batch(torch.randn(4, 2, generator=rng, dtype=torch.float64), torch.zeros(4, dtype=torch.int64), rng)


def generators_loss(models: ModuleDict, steps: int) -> Tensor:
    recipe = make_recipe("unrolled", {"latent": 3, "unrolled_steps": steps, "unrolled_rate": 0.5})
    drawn = batch()
    latents = torch.randn(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    drawn.once("fake", lambda: recipe.generate(models, latents, drawn.labels))
    return recipe.turns()[1].loss(models, drawn)["loss G"]


def test_the_loss_is_that_of_a_discriminator_which_was_really_stepped() -> None:
    models = nets()
    stepped = copy.deepcopy(models)
    optimizer = torch.optim.SGD(stepped["D"].parameters(), lr=0.5)
    real = batch().real
    latents = torch.randn(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    fake = models["G"](latents).detach()
    for _ in range(3):
        optimizer.zero_grad()
        cross_entropy(stepped["D"](real), stepped["D"](fake)).backward()
        optimizer.step()
    expected = -cross_entropy(stepped["D"](real), stepped["D"](fake))
    torch.testing.assert_close(generators_loss(models, 3), expected)


def test_second_order_gradients_of_a_network_agree_with_finite_differences() -> None:
    models, nudge = nets(), 1e-6
    weight = models["G"].weight
    (gradient,) = torch.autograd.grad(generators_loss(models, 3), weight)
    for row, column in [(0, 0), (1, 2)]:
        values = []
        for sign in (1, -1):
            moved = copy.deepcopy(models)
            with torch.no_grad():
                moved["G"].weight[row, column] += sign * nudge
            values.append(generators_loss(moved, 3).item())
        assert gradient[row, column].item() == pytest.approx((values[0] - values[1]) / (2 * nudge), rel=1e-6)


def test_the_way_through_the_steps_matters() -> None:
    models = nets()
    weight = models["G"].weight
    (whole,) = torch.autograd.grad(generators_loss(models, 3), weight)
    latents = torch.randn(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    fake = models["G"](latents)
    fixed = {name: value.detach() for name, value in unroll(models["D"], batch().real, fake, 3, 0.5).items()}
    scores = torch.func.functional_call(models["D"], fixed, (fake,))
    (direct,) = torch.autograd.grad(-softplus(scores).mean(), weight)
    assert not torch.allclose(whole, direct, rtol=1e-2)


def test_the_discriminators_own_weights_stay() -> None:
    models = nets()
    before = {name: value.clone() for name, value in models["D"].named_parameters()}
    generators_loss(models, 5)
    assert all(torch.equal(value, before[name]) for name, value in models["D"].named_parameters())


def test_the_nonsaturating_loss_is_of_the_discriminator_ahead() -> None:
    models = nets()
    latents = torch.randn(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    options = {"latent": 3, "unrolled_steps": 3, "unrolled_rate": 0.5, "loss": "nonsaturating"}
    recipe, drawn = make_recipe("unrolled", options), batch()
    fake = drawn.once("fake", lambda: recipe.generate(models, latents, drawn.labels))
    found = recipe.turns()[1].loss(models, drawn)
    ahead = unroll(models["D"], drawn.real, fake, 3, 0.5)
    scored = torch.func.functional_call(models["D"], ahead, (fake,))
    torch.testing.assert_close(found["loss G"], -torch.sigmoid(scored).log().mean())
    minimax = generators_loss(models, 3)
    torch.testing.assert_close(found["f ahead"], -minimax.detach())  # what is logged is the same game
