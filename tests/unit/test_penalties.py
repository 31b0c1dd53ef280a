"""Gradient penalties against closed forms and finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from reference_models.penalties import gradient_penalty, input_gradient
from reference_models.seeds import seeded


def critic(hidden: int = 6) -> nn.Module:
    with seeded(torch.device("cpu"), "critic"):
        net = nn.Sequential(nn.Flatten(), nn.Linear(12, hidden), nn.Tanh(), nn.Linear(hidden, 1), nn.Flatten(0))
    return net.double()


def images(seed: int) -> Tensor:
    return torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_a_linear_critic_has_its_slope_everywhere(slope: float) -> None:
    direction = torch.zeros(12, dtype=torch.float64)
    direction[3] = slope
    penalty = gradient_penalty(lambda x: x.flatten(1) @ direction, images(0), images(1), rng())
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


def test_no_gradient_reaches_the_images() -> None:
    fake = images(1).requires_grad_()
    net = critic()
    gradient_penalty(net, images(0), fake, rng()).backward()
    assert fake.grad is None
    assert net[1].weight.grad is not None
