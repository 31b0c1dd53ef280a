"""Coverage: how much of the real set has a generated sample close by."""

from __future__ import annotations

from ganeval.distances import nearest
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty.halving import halving


@metric(
    better="higher",
    range=(0, 1),
    optimum=1,
    paper="Naeem et al. 2020, arXiv:2002.09797",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="neighbours",
    cost="(N + M) M D",
    interval=halving(splits=16, most=1000),
)
def coverage(real: Features, fake: Features, *, k: int = 5, strict: bool = False) -> float:
    """Share of real samples with at least one generated sample nearer than their k-th nearest real neighbour.

    Formula: 1/M sum_i [some |y_j - x_i| <= r_i], with r_i from real sample x_i to its `k`-th nearest other one;
    `strict` leaves the surface out. With M real and N generated samples of one distribution its expectation is 1 -
    prod_i (M - i) / (M + N - i), i = 1..k, whatever the distribution (eq. 9), which is 0.97 for k = 5 and M = N.

    Trust: at equal counts, against that expectation: it is the most reliable sign of dropped modes here, and outliers
    of either set hardly move it.

    Blind to: bad samples beside the good ones, and to copies.

    Toy: half far; copies

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> coverage(features([0.0], [1.0], [9.0]), features([0.5], [0.6]), k=1)  # 9 is 8 from a neighbour: 8.4 is too far
    0.6666666666666666
    """
    distances, _ = nearest(real.rows, fake.rows)
    radii = real.radii(k)
    covered = distances < radii if strict else distances <= radii
    return covered.double().mean().item()
