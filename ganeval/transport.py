"""Entropic optimal transport between two sets of rows, and how far few samples alone hold two sets apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganeval.distances import squared_distances

_STILL = 1e-3  # of epsilon, the move of the potentials that ends the iterations
_MOST_FLOOR = 0.25  # share of a value from which on its floor is warned of


def potentials(x: Tensor, y: Tensor, eps: float, iterations: int) -> tuple[Tensor, Tensor, float]:
    """Dual potentials of entropic transport between equal masses on x (M, D) and on y (N, D), at the cost |x - y|.

    Plain scaling of the kernel, in float64; what exp(-distance / eps) loses far away no plan would use.

    Returns:
        float64 (M,) and (N,), whose means add to the least mean cost + eps KL(plan || p x q), and the plan's mean cost.
    """
    cost = torch.cat([squares.sqrt() for _, squares in squared_distances(x, y)])
    lowest = cost.amin(1, keepdim=True)  # so that no row of the kernel is 0
    kernel = ((lowest - cost) / eps).exp_().clamp_min_(1e-200)
    u, v = torch.ones(len(x), dtype=torch.float64), torch.ones(len(y), dtype=torch.float64)
    for _ in range(iterations):
        before = u
        v = len(x) / (kernel.T @ u)
        u = len(y) / (kernel @ v)
        if float((u / before).log().abs().max()) < _STILL:
            break
    mean = float(u @ (kernel.mul_(cost) @ v)) / (len(x) * len(y))
    return eps * u.log() + lowest[:, 0], eps * v.log(), mean


def line_floor(spread: float, count: int, other: int) -> float:
    """About how far W2 holds samples of one Gaussian of this spread apart on a line, of these two counts.

    A sixth each of the square is of the spreads, a third of the means, half of the shapes, at some thousand samples.

    >>> round(line_floor(1.0, 600, 600), 6)
    0.1
    """
    return spread * math.sqrt(3 * (1 / count + 1 / other))


def few_samples(value: float, floor: float) -> list[str]:
    """A warning where the bias of few samples, which the floor shows, is no small part of a distance."""
    if floor <= _MOST_FLOOR * value or value == 0:  # equal sets are equal, however few
        return []
    return [
        f"two draws from one set are {floor:.3g} apart: much of {value:.3g} is the bias of few samples, which no "
        "interval holds; compare it with others at this count only"
    ]
