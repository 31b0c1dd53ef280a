"""Gradient penalties against closed forms and finite differences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from reference_models.penalties import finite_difference_penalty, gradient_penalty, input_gradient
from reference_models.seeds import seeded

Penalty = Callable[..., Any]


def critic(hidden: int = 6) -> nn.Module:
    with seeded(torch.device("cpu"), "critic"):
        net = nn.Sequential(nn.Flatten(), nn.Linear(12, hidden), nn.Tanh(), nn.Linear(hidden, 1), nn.Flatten(0))
    return net.double()


def images(seed: int) -> Tensor:
    return torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(7)


both_kinds = pytest.mark.parametrize("penalise", [gradient_penalty, finite_difference_penalty])


@both_kinds
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_a_linear_critic_has_its_slope_everywhere(penalise: Penalty, slope: float) -> None:
    direction = torch.zeros(12, dtype=torch.float64)
    direction[3] = slope
    penalty = penalise(lambda x: x.flatten(1) @ direction, images(0), images(1), rng())
    assert penalty.item() == pytest.approx((slope - 1) ** 2, abs=1e-6)


def test_the_gradient_agrees_with_finite_differences() -> None:
    net, x, step = critic(), images(0), 1e-6
    gradient = input_gradient(net, x).flatten(1)
    for pixel in range(12):
        nudge = torch.zeros(12, dtype=torch.float64)
        nudge[pixel] = step
        difference = (net(x + nudge.view(3, 2, 2)) - net(x - nudge.view(3, 2, 2))) / (2 * step)
        torch.testing.assert_close(gradient[:, pixel], difference, rtol=1e-6, atol=1e-8)


def test_its_second_derivatives_agree_with_finite_differences() -> None:
    net, step = critic(), 1e-6
    weight = net[1].weight
    penalty = gradient_penalty(net, images(0), images(1), rng())
    (gradient,) = torch.autograd.grad(penalty, weight)
    for row, column in [(0, 0), (2, 5), (5, 11)]:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[row, column] += sign * step
            values.append(gradient_penalty(net, images(0), images(1), rng()).item())
            with torch.no_grad():
                weight[row, column] -= sign * step
        expected = (values[0] - values[1]) / (2 * step)
        assert gradient[row, column].item() == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_it_looks_between_real_and_fake_with_its_own_randomness() -> None:
    seen: list[Tensor] = []

    def watch(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    real, fake = torch.zeros(1000, 3, 2, 2), torch.ones(1000, 3, 2, 2)
    before = torch.get_rng_state()
    gradient_penalty(watch, real, fake, rng())
    gradient_penalty(watch, real, fake, rng())
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(seen[0], seen[1])
    mixes = seen[0].flatten(1)
    assert torch.equal(mixes, mixes[:, :1].expand(-1, 12)), "one point on the line for all pixels of an image"
    assert mixes.min() >= 0
    assert mixes.max() <= 1
    assert mixes.mean().item() == pytest.approx(0.5, abs=0.05)
    assert mixes.var().item() == pytest.approx(1 / 12, abs=0.01)


def test_finite_differences_agree_with_autograd_in_value_and_in_the_weights_gradients() -> None:
    net = critic()
    results = []
    for penalise in (gradient_penalty, partial(finite_difference_penalty, step=1e-3)):
        penalty = penalise(net, images(0), images(1), rng())
        # the last bias moves no gradient: autograd says None, differences cancel to zero
        found = torch.autograd.grad(penalty, [net[1].weight, net[1].bias, net[3].weight])
        results.append([penalty.detach(), *found])
    for exact, approximate in zip(*results):
        torch.testing.assert_close(approximate, exact, rtol=1e-5, atol=1e-8)


def test_finite_differences_converge_with_the_square_of_the_step() -> None:
    exact = gradient_penalty(critic(), images(0), images(1), rng()).item()
    errors = [
        abs(finite_difference_penalty(critic(), images(0), images(1), rng(), step=step).item() - exact)
        for step in (0.2, 0.1)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_finite_differences_hold_in_float32_on_a_kinked_critic() -> None:
    net = nn.Sequential(critic()[0:2], nn.LeakyReLU(0.2), *critic()[3:]).float()
    real, fake = images(0).float(), images(1).float()
    exact = gradient_penalty(net, real, fake, rng())
    torch.testing.assert_close(finite_difference_penalty(net, real, fake, rng()), exact, rtol=1e-3, atol=0)


@both_kinds
def test_points_of_any_shape_are_images_too(penalise: Penalty) -> None:
    seen: list[Tensor] = []

    def watch(x: Tensor) -> Tensor:
        seen.append(x)
        return 2 * x[:, 0]

    penalty = penalise(watch, torch.zeros(5, 2), torch.ones(5, 2), rng())
    assert seen[0].shape == (5, 2)
    assert penalty.item() == pytest.approx(1, abs=1e-4)


@both_kinds
def test_no_gradient_reaches_the_images(penalise: Penalty) -> None:
    fake = images(1).requires_grad_()
    net = critic()
    penalise(net, images(0), fake, rng()).backward()
    assert fake.grad is None
    assert net[1].weight.grad is not None
