"""Conditional Frechet distance: between what is real and what is generated, given the class."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganeval.classes import by_class
from ganeval.gaussians import Gaussian, frechet
from ganeval.linalg import gram, root
from ganeval.metrics.metric import metric
from ganeval.summaries import Labelled
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Soloveitchik et al. 2021, arXiv:2103.11521",
    family="Frechet",
    cost="O(N D^2 + D^3)",
)
def conditional_fd(real: Labelled, fake: Labelled) -> Estimate:
    """CFID with the class as the condition: distances of class means, and of the covariance within classes.

    Formula: |m_y - m_z|^2 + tr((S_yx - S_zx) S_xx^+ (S_xy - S_xz)) + tr(S_y|x + S_z|x - 2 (S_y|x S_z|x)^(1/2)) for real
    features y, generated features z, and x the class as a one-hot vector. A regression on a one-hot vector gives the
    class means, so this is sum_k p_k |m_k - n_k|^2 plus the Frechet distance of the covariances pooled over classes,
    with p_k the frequency of class k in the real set on both sides, and covariances divided by N_k - 1. `details` has
    both terms, and |m_k - n_k|^2 per class.

    Trust: unlike the between-class distance of Benny et al. 2020, the mean term looks at which class is which. Never
    above the intra-class distance with the same weights, and less biased: one covariance is fitted, not K. The bias,
    about 1/N and upwards, is left: compare at equal counts.

    Blind to: errors in the covariance of classes that cancel in the pool, and how often a class is drawn.

    Toy: class frequencies

    >>> import torch
    >>> from ganeval.summaries import Features
    >>> real, fake = (Features(), Features())
    >>> real.update(torch.tensor([[0.0], [2.0], [10.0], [12.0]]))
    >>> fake.update(torch.tensor([[3.0], [5.0], [10.0], [12.0]]))  # class 0 is 3 away, class 1 a copy
    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> conditional_fd(Labelled.of(real, labels), Labelled.of(fake, labels)).value  # 9 / 2
    4.5

    Raises:
        GanevalError: the sets have different classes, or a class fewer than 2 samples.
    """
    classes = by_class(real, fake, 2, "conditional_fd")
    shares = [len(ours) / real.count for ours, _ in classes.values()]
    apart = [float((_mean(ours) - _mean(theirs)).square().sum()) for ours, theirs in classes.values()]
    means = math.fsum(share * distance for share, distance in zip(shares, apart))
    within = frechet(*(_pooled([both[side] for both in classes.values()], shares) for side in (0, 1)))
    return Estimate(
        means + within,
        method=f"{len(classes)} classes, weighted by their frequency in the real set",
        details={"means": means, "covariance": within, "per_class_means": dict(zip(map(str, classes), apart))},
    )


def _mean(rows: Tensor) -> Tensor:
    return rows.double().mean(0)


def _pooled(classes: list[Tensor], shares: list[float]) -> Gaussian:
    """Mean 0, and the weighted mean of the covariances of rows (N_k, D), in memory of one class and one covariance."""
    width = classes[0].shape[1]
    factors = (Gaussian.of(rows).factor * math.sqrt(share) for rows, share in zip(classes, shares))
    if sum(map(len, classes)) <= width:
        factor = torch.cat(list(factors))
    else:
        covariance = torch.zeros(width, width, dtype=torch.float64)
        for part in factors:
            covariance.add_(gram(part))
        factor = root(covariance)
    return Gaussian(torch.zeros(width, dtype=torch.float64), factor)
