"""Parzen windows: the density of rows under Gaussians of one width around others, and the best such width."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganeval.distances import squared_distances

ROUNDS, STILL = 200, 1e-4
"""Rounds of expectation maximisation, at most, and the relative change of s^2 below which a round was the last."""
NARROWEST = 1e-8
"""Added to s^2: rows that are centres themselves would shrink it to nothing."""


def log_likelihood(rows: Tensor, centres: Tensor, bandwidth: float) -> Tensor:
    """log p of rows (N, W), p(x) = 1/M sum_j N(x; c_j, s^2 I) with centres c_j (M, W): nats, float64 (N,).

    >>> value = log_likelihood(torch.zeros(1, 2), torch.zeros(1, 2), 1.0)  # -log(2 pi)
    >>> round(value.item(), 6)
    -1.837877
    """
    constant = math.log(len(centres)) + rows.shape[1] / 2 * math.log(2 * math.pi * bandwidth**2)
    return (_distances(rows, centres) / (-2 * bandwidth**2)).logsumexp(1) - constant


def best_bandwidth(rows: Tensor, centres: Tensor) -> float:
    """The s under which rows (N, W) are most likely, by expectation maximisation from their nearest centres' distances.

    >>> round(best_bandwidth(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)) ** 2, 3)  # 5^2 / 2
    12.5
    """
    distances, width = _distances(rows, centres), rows.shape[1]
    variance = float(distances.amin(1).mean()) / width + NARROWEST
    for _ in range(ROUNDS):
        shares = (distances / (-2 * variance)).softmax(1)
        before, variance = variance, float((shares * distances).sum(1).mean()) / width + NARROWEST
        if abs(variance / before - 1) < STILL:
            break
    return math.sqrt(variance)


def _distances(rows: Tensor, centres: Tensor) -> Tensor:
    return torch.cat([block for _, block in squared_distances(rows, centres)])
