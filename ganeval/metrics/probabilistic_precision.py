"""Probabilistic precision: how probable it is that a generated sample lies where real ones are."""

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
    laws=Laws(blind=frozenset({"noise", "blur", "occlusion", "salt_and_pepper"})),
    family="neighbours",
    cost="(N + M) M D",
)
def probabilistic_precision(real: Features, fake: Features, *, k: int = 4, scale: float = 1.2) -> float:
    """Mean over generated samples y of 1 - prod_i (1 - max(0, 1 - |y - x_i| / R)), P-precision of the paper.

    Formula: 1/N sum_j 1 - prod_i (1 - max(0, 1 - |y_j - x_i| / R)), where R, the same for every real sample x_i, is
    `scale` times the mean distance from a real sample to its `k`-th nearest other one.

    Trust: at equal counts and options. Probabilities that fall with the distance take the place of `precision`'s balls
    of all or nothing, and the common radius leaves an outlier no larger reach than others.

    Blind to: dropped modes and copies; and spoilt images whose features gather where real ones are dense, as those of
    flat, noisy or half covered images do on classifiers: these can score above clean ones.

    Toy: dropped modes

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> probabilistic_precision(features([0.0], [2.0]), features([1.0], [9.0]), k=1, scale=1.0)  # R is 2: 3/4 and 0
    0.375
    """
    if k < 1 or scale <= 0:
        raise GanevalError(f"probabilistic_precision: k is {k} and scale {scale}, expected 1 or more, and above 0")
    radius = scale * float(real.radii(k).mean())
    return membership(fake.rows, real.rows, radius).mean().item()
