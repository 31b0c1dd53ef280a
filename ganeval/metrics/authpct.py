"""AuthPct: the share of generated samples that are not suspiciously close to a training image."""

from __future__ import annotations

from ganeval.linalg import nearest
from ganeval.metrics.metric import metric
from ganeval.summaries import Features


@metric(better="neither", range=(0, 100), optimum=None, paper="Alaa et al. 2022, arXiv:2102.08921")
def authpct(train: Features, fake: Features) -> float:
    """Percentage of generated samples that are further from their nearest training sample than that one from its own.

    About 50 for new samples of the training distribution, 0 for copies; samples far from everything score high as well,
    so it says nothing about quality: read it next to the same number for held-out images.

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> authpct(features([0.0], [1.0]), features([0.1], [5.0]))
    50.0
    """
    distances, neighbours = nearest(fake.rows, train.rows)
    authentic = distances > train.radii(1)[neighbours]
    return 100 * authentic.double().mean().item()
