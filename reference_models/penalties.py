"""Penalties on a network's gradients, for recipes that hold their critic smooth."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

Critic = Callable[[Tensor], Tensor]
"""Images (N, ...) => scores (N,)."""


def input_gradient(critic: Critic, images: Tensor, *, twice: bool = True) -> Tensor:
    """Gradient of each score with respect to its own image, (N, ...) => the same shape.

    Right only for critics that score every image alone (no batch norm): the scores are summed before differentiating.

    Args:
        twice: keep the graph, so that the gradient can be differentiated again.
    """
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=twice)
    return gradient


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """E[(|grad D(x)| - 1)^2] on random straight lines between real and fake images (Gulrajani et al. 2017, eq. 3).

    Args:
        critic: images (N, ...) => scores, one per image.
        real, fake: (N, ...), images or points; no gradient flows into them.
        rng: draws each pair's point on its line, uniform in [0, 1).

    Returns:
        scalar >= 0, to be weighted by lambda.
    """
    gradient = input_gradient(critic, _between(real, fake, rng))
    return _distance_from_one(torch.linalg.vector_norm(gradient.flatten(1), dim=1))


def finite_difference_penalty(
    critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator, *, step: float = 0.01
) -> Tensor:
    """`gradient_penalty` without second derivatives: |grad D(x)| as the slope of D along its own gradient.

    With d = grad D / |grad D| held fixed, (D(x + step d) - D(x - step d)) / (2 step) is |grad D(x)| up to the third
    derivative times step^2, and so are its derivatives with respect to the critic's weights: those of a norm do not
    see its direction change. For critics that cannot be differentiated twice. Bfloat16 rounds the difference away:
    train in fp32.

    Args:
        step: length of the nudge in the space of images, where a pixel's range is 2.
    """
    points = _between(real, fake, rng)
    direction = input_gradient(critic, points, twice=False).flatten(1)
    nudge = step * normalize(direction).view_as(points)
    ahead, behind = critic(torch.cat([points + nudge, points - nudge])).chunk(2)
    return _distance_from_one((ahead - behind) / (2 * step))


def r1(critic: Critic, real: Tensor) -> Tensor:
    """E[|grad D(x)|^2] on real images alone (Mescheder et al. 2018, equation 9), to be weighted by gamma / 2.

    Returns:
        scalar >= 0.
    """
    return input_gradient(critic, real).square().flatten(1).sum(1).mean()


def _between(real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    mix = torch.rand(len(real), *[1] * (real.ndim - 1), generator=rng).to(real)
    return torch.lerp(real, fake.detach(), mix)


def _distance_from_one(norms: Tensor) -> Tensor:
    penalty: Tensor = (norms - 1).square().mean()
    return penalty
