"""Losses that at least three models share, on the discriminator's scores (N,) of real and of generated images."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu, softplus


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))] with D = sigmoid of the scores (Goodfellow et al. 2014, equation 1).

    Safe for large scores: -log sigmoid(s) = softplus(-s) and -log(1 - sigmoid(s)) = softplus(s).
    """
    return softplus(-real).mean() + softplus(fake).mean()


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))] (Lim and Ye 2017): scores beyond the margins move nothing.

    >>> import torch
    >>> hinge(torch.tensor([0.5, 3.0]), torch.tensor([-1.0, 1.0])).item()
    1.25
    """
    return relu(1 - real).mean() + relu(1 + fake).mean()


def mean_scores(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What is logged of scores that are no probabilities, without a gradient."""
    return {"D(x)": real.detach().mean(), "D(G(z))": fake.detach().mean()}


def mean_probabilities(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What is logged of scores that are logits: the mean probability of being real, without a gradient."""
    return mean_scores(real.sigmoid(), fake.sigmoid())
