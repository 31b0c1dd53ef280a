"""Frechet joint distance: the Frechet distance between features together with their classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganeval.classes import by_class
from ganeval.errors import GanevalError
from ganeval.gaussians import Gaussian, frechet
from ganeval.metrics.metric import metric
from ganeval.summaries import Labelled, Moments
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="DeVries et al. 2019, arXiv:1907.08175",
    family="Frechet",
    cost="O(N D^2 + D^3)",
)
def fjd(real: Labelled, fake: Labelled, *, scale: float = 1.0) -> Estimate:
    """Frechet distance of features joined with their class, so that the wrong class costs as well.

    Formula: the Frechet distance between rows [f(x), a * one-hot(class)], with a = `scale` times the mean norm of the
    real features (the paper's ratio of mean norms, since a one-hot vector has norm 1). Scale 0 is `fd`; as it grows,
    and for equal class frequencies, it tends to `conditional_fd`, which needs no scale.

    Trust: at one and the same scale and N only; biased upwards by about 1/N, as `fd` is. Sees class frequencies.

    Blind to: a mismatch of samples and classes that leaves all class means where they were.

    Toy: shape

    >>> from ganeval.summaries import Features
    >>> real, fake = (Features(), Features())
    >>> for summary in (real, fake):
    ...     summary.update(torch.tensor([[1.0], [-1.0]]))
    >>> labels = torch.tensor([0, 1])
    >>> swapped = fjd(Labelled.of(real, labels), Labelled.of(fake, 1 - labels))
    >>> round(swapped.value, 5)  # 3 + 3 - 2 * 1: both have variance 2 * 1.5, along vectors with cosine 1/3
    4.0

    Raises:
        GanevalError: a scale below 0, the sets have different classes, or a class without samples.
    """
    if scale < 0:
        raise GanevalError(f"fjd.scale is {scale:g}, expected 0 or more: set fjd.scale")
    for summary in (real, fake):
        summary.require(2, "fjd")
    classes = list(by_class(real, fake, 1, "fjd").values())
    a = scale * float(real.rows.double().norm(dim=1).mean())
    ours, theirs = (_joint([both[side] for both in classes], a) for side in (0, 1))
    return Estimate(frechet(ours, theirs), method=f"classes scaled by {a:.6g}")


def _joint(classes: list[Tensor], a: float) -> Gaussian:
    """Fitted to [rows, a * one-hot(class)] for rows (N_k, D) of each of K classes, one-hot in the plane they span.

    Coordinates in that plane, (K, K - 1), keep every distance, and the covariance is not singular for being one-hot.
    """
    count = len(classes)
    across = torch.cat([torch.ones(count, 1), torch.eye(count)[:, 1:]], dim=1).double()
    plane = torch.linalg.qr(across).Q[:, 1:]  # orthogonal to the vector of ones, along which all one-hots are equal
    conditions = (a * plane).float()
    joint = [torch.cat([rows, one.expand(len(rows), -1)], dim=1) for rows, one in zip(classes, conditions)]
    moments = Moments()
    moments.update(torch.cat(joint))
    return Gaussian(moments.mean, moments.factor())
