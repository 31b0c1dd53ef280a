"""Improved precision: how much of what is generated looks real."""

from __future__ import annotations

from ganeval.distances import balls_around
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty.halving import halving


@metric(
    better="higher",
    range=(0, 1),
    optimum=1,
    paper="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    laws=Laws(blind=frozenset({"occlusion"})),
    family="neighbours",
    cost="(N + M) M D",
    interval=halving(splits=16, most=1000),
)
def precision(real: Features, fake: Features, *, k: int = 3, strict: bool = False) -> float:
    """Share of generated samples inside the real manifold: the union of balls around real samples.

    Formula: 1/N sum_j [some |y_j - x_i| <= r_i], with r_i from real sample x_i to its `k`-th nearest other one (eq. 1
    and 2); `strict` leaves the surface out.

    Trust: at equal counts and one k, on real sets without outliers, next to `density`.

    Blind to: dropped modes and copies; to quality, where a real outlier makes a ball that holds everything; and to
    spoilt images whose features gather where real ones are dense, as those of half covered images do on classifiers.

    Toy: real outlier; dropped modes

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> precision(features([0.0], [1.0]), features([0.5], [3.0]), k=1)
    0.5
    """
    inside = balls_around(fake.rows, real.rows, real.radii(k), strict=strict) > 0
    return inside.double().mean().item()
