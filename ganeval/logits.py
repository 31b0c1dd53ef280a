"""What a classifier's logits say of a set of images. Knows no metric."""

from __future__ import annotations

import math

from torch import Tensor


def log_probabilities(logits: Tensor) -> Tensor:
    """log p(y|x), float64 (N, classes), of logits (N, classes)."""
    return logits.double().log_softmax(1)


def log_marginal(logs: Tensor) -> Tensor:
    """log p(y), the mean of p(y|x) over all images, (classes,); finite even where every probability underflows."""
    return logs.logsumexp(0) - math.log(len(logs))


def information(logs: Tensor) -> float:
    """E_x KL(p(y|x) || p(y)) of log p(y|x) (N, classes), in nats: from 0 to the logarithm of the number of classes.

    >>> import torch
    >>> sure = log_probabilities(torch.tensor([[100.0, 0.0], [0.0, 100.0]]))
    >>> round(math.exp(information(sure)), 9)
    2.0
    """
    return max(0.0, float((logs.exp() * (logs - log_marginal(logs))).sum(1).mean()))


def divergence(a: Tensor, b: Tensor) -> float:
    """KL(p || q) of log p and log q, (classes,), in nats.

    >>> import torch
    >>> halves, parts = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]).log()
    >>> round(divergence(halves, parts), 6)  # log(4 / 3) / 2
    0.143841
    """
    return max(0.0, float((a.exp() * (a - b)).sum()))
