"""Probabilistic recall: how probable it is that a real sample lies where generated ones are."""

from __future__ import annotations

from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.supports import membership


@metric(
    better="higher",
    range=(0, 1),
    optimum=1,
    paper="Park, Kim 2023, arXiv:2309.01590",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="neighbours",
    cost="(N + M) N D",
)
def probabilistic_recall(real: Features, fake: Features, *, k: int = 4, scale: float = 1.2) -> float:
    """Mean over real samples x of 1 - prod_j (1 - max(0, 1 - |x - y_j| / R)), P-recall of the paper.

    Formula: 1/M sum_i 1 - prod_j (1 - max(0, 1 - |x_i - y_j| / R)), where R is `scale` times the mean distance from a
    generated sample y_j to its `k`-th nearest other one.

    Trust: at equal counts and options, next to `probabilistic_precision`.

    Blind to: samples scattered far beyond the real ones, which are forgiven, as R grows with the spread of the
    generated set; and to copies.

    Toy: scattered

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> probabilistic_recall(features([1.0], [9.0]), features([0.0], [2.0]), k=1, scale=1.0)
    0.375
    """
    if k < 1 or scale <= 0:
        raise GanevalError(f"probabilistic_recall: k is {k} and scale {scale}, expected 1 or more, and above 0")
    radius = scale * float(fake.radii(k).mean())
    return membership(real.rows, fake.rows, radius).mean().item()
