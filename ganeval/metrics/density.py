"""Density: how deep generated samples lie among the real ones."""

from __future__ import annotations

import math

from ganeval.distances import balls_around
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty.halving import halving


@metric(
    better="higher",
    range=(0, math.inf),
    optimum=1,
    paper="Naeem et al. 2020, arXiv:2002.09797",
    laws=Laws(blind=frozenset({"occlusion"})),
    family="neighbours",
    cost="(N + M) M D",
    interval=halving(splits=16, most=1000),
)
def density(real: Features, fake: Features, *, k: int = 5, strict: bool = False) -> float:
    """Mean number of real k-nearest-neighbour balls around a generated sample, over k.

    Formula: 1/(k N) sum_j sum_i [|y_j - x_i| <= r_i], with r_i from real sample x_i to its `k`-th nearest other one;
    `strict` leaves the surface out. Its expectation is 1 when both sets come from one distribution (eq. 5).

    Trust: for fidelity, where real outliers spoil `precision`: a single one hardly moves it.

    Blind to: dropped modes, and to crowding, which it rewards: above 1, samples gather where real ones are dense. So do
    features of half covered images on classifiers, which can score above clean ones.

    Toy: crowd

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> density(features([0.0], [1.0]), features([0.5], [3.0]), k=1)  # two balls hold the first, none the second
    1.0
    """
    counts = balls_around(fake.rows, real.rows, real.radii(k), strict=strict)
    return counts.double().mean().item() / k
