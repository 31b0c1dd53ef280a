"""Generalisation gap of FLD: how much better the generator's density knows the training set than held-out images."""

from __future__ import annotations

import math

import numpy as np

from ganeval.metrics.fld import density
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval


@metric(
    better="higher",
    range=(-math.inf, math.inf),
    optimum=0,
    paper="Jiralerspong et al. 2023, arXiv:2302.04440",
    laws=Laws(sees=frozenset()),
    family="memorisation",
    cost="as `fld`",
)
def fld_gap(
    train: Features, heldout: Features, fake: Features, *, size: int = 10_000, rng: np.random.Generator
) -> Estimate:
    """`fld` on the training set minus `fld` on the held-out set: about 0 without memorising, far below 0 with it.

    Formula: 100 (L(train) - L(heldout)) under the mixture of `fld`, whose constant cancels.

    Trust: where held-out images are of the same source as the training set. It is slightly negative in few dimensions
    even for new samples, because the widths are fitted to the training set. A single exact copy makes one training
    image as likely as arithmetic allows, and weighs about 2000 / N for N training images.

    Blind to: quality.

    Toy: far

    >>> import torch
    >>> def features(*parts):
    ...     summary = Features()
    ...     summary.update(torch.cat(parts))
    ...     return summary
    >>> def normal(n, seed):
    ...     return torch.from_numpy(np.random.default_rng(seed).normal(0, 1, (n, 3)).astype(np.float32))
    >>> train, heldout, new = normal(100, 0), normal(80, 1), normal(90, 2)
    >>> def gap(*fake):
    ...     sets = features(train), features(heldout), features(*fake)
    ...     return round(fld_gap(*sets, rng=np.random.default_rng(0)).value)
    >>> gap(new), gap(new, train[:1]), gap(new, train[:50])
    (-9, -28, -964)
    """
    found = density(train, heldout, fake, size, rng)
    seen, new = (100 * found.mixture.surprise(rows) for rows in (found.train, found.heldout))
    error = math.sqrt(float(seen.var()) / len(seen) + float(new.var()) / len(new))
    return normal_interval(float(seen.mean() - new.mean()), error, "interval for new samples, the density as it is")
