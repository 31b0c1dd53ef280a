"""Improved precision: how much of what is generated looks real."""

from __future__ import annotations

from ganeval.linalg import balls_around
from ganeval.metrics.metric import metric
from ganeval.summaries import Features


@metric(better="higher", range=(0, 1), optimum=1, paper="Kynkaanniemi et al. 2019, arXiv:1904.06991")
def precision(real: Features, fake: Features, *, k: int = 3, strict: bool = False) -> float:
    """Share of generated samples inside the real manifold: the union of balls around real samples.

    A ball reaches to its sample's k-th nearest real neighbour (eq. 1 and 2); `strict` leaves its surface out. One real
    outlier makes a ball that may hold everything: read it next to `density`.

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
