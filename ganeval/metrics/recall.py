"""Improved recall: how much of what is real can be generated."""

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
    laws=Laws(sees=frozenset({"shift", "modes"}), blind=frozenset({"mixing"})),
    family="neighbours",
    cost="(N + M) N D",
    interval=halving(splits=16, most=1000),
)
def recall(real: Features, fake: Features, *, k: int = 3, strict: bool = False) -> float:
    """Share of real samples inside the generated manifold: the union of balls around generated samples.

    Formula: 1/M sum_i [some |x_i - y_j| <= r_j], with r_j from generated sample y_j to its `k`-th nearest other one;
    `strict` leaves the surface out.

    Trust: at equal counts and one k, on generated sets without outliers, next to `coverage`.

    Blind to: modes thinned out together, and bad samples beside the good ones, such as images of another data set mixed
    in; one generated outlier makes a ball that may hold everything. Copies score 1.

    Toy: fake outlier; thinned modes; half far

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> recall(features([0.5], [3.0]), features([0.0], [1.0]), k=1)
    0.5
    """
    inside = balls_around(real.rows, fake.rows, fake.radii(k), strict=strict) > 0
    return inside.double().mean().item()
