"""Memorisation-informed Frechet distance: the Frechet distance, raised where samples resemble training images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganeval.distances import products
from ganeval.errors import GanevalError
from ganeval.metrics.fd import fd
from ganeval.metrics.metric import metric
from ganeval.summaries import Features

_NO_DISTANCE = 1e-8  # a Frechet distance below it is rounding of zero, which no division should blow up


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Bai et al. 2021, arXiv:2106.03062",
    family="memorisation",
    cost="N M D + (N + M) D^2 + D^3",
)
def mifid(real: Features, fake: Features, *, tau: float = 0.1) -> float:
    """Frechet distance over the mean cosine distance to the nearest real sample, where that mean is below `tau`.

    Formula: fd / m, with m the mean over generated samples of min_i 1 - |cos(y, x_i)|, and m = 1 from `tau` on.

    Trust: where the real set is the training set, and on Inception features, for which tau = 0.1 was chosen: on others
    almost any generator may lie below it.

    Blind to: an exact copy of the whole set, whose Frechet distance is 0, and to copies among many other samples: read
    it next to ct and authpct.

    Toy: copies; hidden copies

    >>> summary = Features()
    >>> summary.update(torch.eye(3))
    >>> mifid(summary, summary)
    0.0

    Raises:
        GanevalError: tau is not between 0 and 1, or all rows of a set are zero.
    """
    if not 0 < tau <= 1:
        raise GanevalError(f"mifid.tau is {tau}: a cosine distance lies between 0 and 1")
    distance = fd(real.moments, fake.moments)
    if distance <= _NO_DISTANCE:
        return 0.0
    penalty = cosine_distance(real.rows, fake.rows)
    return distance / (penalty + 1e-14) if penalty < tau else distance


def cosine_distance(real: Tensor, fake: Tensor) -> float:
    """Mean over rows of `fake` of the least 1 - |cos| to a row of `real`, in [0, 1]. Rows of zeros are left out.

    >>> cosine_distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[-2.0, 0.0], [0.0, 3.0]]))
    0.5
    """
    x, y = _nonzero(fake), _nonzero(real)
    lengths = y.double().norm(dim=1)
    largest = [(dots.abs_() / lengths).amax(1) for _, dots in products(x, y)]
    return float((1 - (torch.cat(largest) / x.double().norm(dim=1)).clamp(max=1)).mean())


def _nonzero(rows: Tensor) -> Tensor:
    kept = (rows != 0).any(1)
    if not bool(kept.any()):
        raise GanevalError("mifid compares directions, and all features of a set are zero: choose other --features")
    return rows if bool(kept.all()) else rows[kept]
