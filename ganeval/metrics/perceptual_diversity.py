"""Perceptual diversity: how different two random images of a generator look."""

from __future__ import annotations

import math
from dataclasses import replace

from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, mean_interval, within


@metric(
    better="higher",
    range=(0, math.inf),
    optimum=None,
    paper="Zhu et al. 2017, arXiv:1711.11586",
    layer="distance",
    family="diversity",
    cost="O(N)",
    laws=Laws(sees=frozenset()),
)
def perceptual_diversity(random_pairs: Features, real_pairs: Features) -> Estimate:
    """Mean deep distance within random pairs of generated images, beside that of random pairs of the reference.

    Formula: E d(y, y') over pairs of two different generated images, each image in one pair only; `lpips_diversity`
    where d is LPIPS. `details` holds the same of real images, which is the value to reach.

    Trust: beside the reference's value only. The pairing is random over the whole set: papers that pair images of one
    input or one class report lower values (`perceptual_class_diversity`).

    Blind to: quality; noise and artefacts raise it, also above the reference's. A few far-apart modes score high.

    Toy: noise pairs

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> estimate = perceptual_diversity(features([0.25], [0.75]), features([0.5], [0.75]))
    >>> estimate.value, estimate.details["real"]
    (0.5, 0.625)
    """
    return beside_real(random_pairs, real_pairs)


def beside_real(random_pairs: Features, real_pairs: Features) -> Estimate:
    """Mean over the pairs (N, 1) of generated images, the mean over real ones in `details` and in the method."""
    for summary in (random_pairs, real_pairs):
        summary.require(2, "a mean over random pairs")
    real = float(real_pairs.rows.double().mean())
    method = f"normal interval, random pairs, each image in one at most; {real:.4g} between real images"
    interval = within(mean_interval(random_pairs.rows[:, 0], method), 0.0, math.inf)
    return replace(interval, details={"real": real})
