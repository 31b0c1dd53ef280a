"""Improved recall: how much of what is real can be generated."""

from __future__ import annotations

from ganeval.linalg import balls_around
from ganeval.metrics.metric import metric
from ganeval.summaries import Features


@metric(better="higher", range=(0, 1), optimum=1, paper="Kynkaanniemi et al. 2019, arXiv:1904.06991")
def recall(real: Features, fake: Features, *, k: int = 3, strict: bool = False) -> float:
    """Share of real samples inside the generated manifold: the union of balls around generated samples.

    A ball reaches to its sample's k-th nearest generated neighbour; `strict` leaves its surface out. One generated
    outlier makes a ball that may hold everything, and modes dropped together go unseen: read it next to `coverage`.

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
