"""Penalties on a network's gradients, for recipes that hold their critic smooth."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def input_gradient(critic: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Gradient of each score with respect to its own image, (N, C, H, W) => the same shape, differentiable again.

    Right only for critics that score every image alone (no batch norm): the scores are summed before differentiating.
    """
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradient


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """E[(|grad D(x)| - 1)^2] on random straight lines between real and fake images (Gulrajani et al. 2017, eq. 3).

    Args:
        critic: images (N, C, H, W) => scores, one per image.
        real, fake: (N, C, H, W); no gradient flows into them.
        rng: draws each pair's point on its line, uniform in [0, 1).

    Returns:
        scalar >= 0, to be weighted by lambda.
    """
    mix = torch.rand(len(real), 1, 1, 1, generator=rng).to(real)
    gradient = input_gradient(critic, torch.lerp(real, fake.detach(), mix))
    norms = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    penalty: Tensor = (norms - 1).square().mean()
    return penalty
