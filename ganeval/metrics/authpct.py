"""AuthPct: the share of generated samples that are not suspiciously close to a training image."""

from __future__ import annotations

from dataclasses import replace

from ganeval.distances import nearest
from ganeval.metrics.metric import metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, share_interval

_METHOD = "Wilson interval for new samples and the same training set"


@metric(
    better="neither",
    range=(0, 100),
    optimum=None,
    paper="Alaa et al. 2022, arXiv:2102.08921",
    family="memorisation",
    cost="(N + M) M D",
)
def authpct(train: Features, fake: Features) -> Estimate:
    """Percentage of generated samples that are further from their nearest training sample than that one from its own.

    Formula: 100 E_y [|y - x| > |x - x'|], with x the training sample nearest to y and x' the one nearest to x.

    Trust: next to the same number for held-out images. About 50 for new samples of the training distribution, 0 for
    copies, where the training set has no near-duplicates: those shorten |x - x'|, and copying goes unseen.

    Blind to: quality. Samples far from everything score 100.

    Toy: far

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> authpct(features([0.0], [1.0]), features([0.1], [5.0])).value
    50.0
    """
    distances, neighbours = nearest(fake.rows, train.rows)
    authentic = distances > train.radii(1)[neighbours]
    share = share_interval(int(authentic.sum()), fake.count, _METHOD)
    assert share.low is not None
    assert share.high is not None
    return replace(share, value=100 * share.value, low=100 * share.low, high=100 * share.high)
