"""Intra-class Frechet distance: how far apart real and generated samples of the same class are."""

from __future__ import annotations

import math
from typing import Literal

from ganeval.classes import by_class
from ganeval.errors import unknown
from ganeval.gaussians import Gaussian, frechet, ledoit_wolf
from ganeval.metrics.metric import metric
from ganeval.summaries import Labelled
from ganeval.uncertainty import Estimate

_FITS = {"none": Gaussian.of, "ledoit-wolf": ledoit_wolf}


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Miyato and Koyama 2018, arXiv:1802.05637",
    family="Frechet",
    cost="O(N D^2 + K D^3)",
)
def fd_per_class(real: Labelled, fake: Labelled, *, shrinkage: Literal["none", "ledoit-wolf"] = "none") -> Estimate:
    """Mean over classes of the Frechet distance within the class: intra-FID, iFID.

    Formula: 1/K sum_k FD(real of class k, generated for class k), every class with the same weight; `details` has the
    value of each class. It is the within-class distance (WCFID) of Benny et al. 2020, arXiv:2004.12361.
    `shrinkage=ledoit-wolf` replaces every covariance S by (1 - w) S + w tr(S)/D I, on both sides alike, each with the
    weight w that Ledoit and Wolf (2004) estimate from its own rows: a fraction of the bias, but no longer intra-FID.

    Trust: a class has few samples and the bias of a Frechet distance grows as D/N, so compare at equal counts per
    class only; `conditional_fd` needs fewer samples.

    Blind to: how often a class is drawn, and whatever a Gaussian per class does not hold.

    Toy: class frequencies

    >>> import torch
    >>> from ganeval.summaries import Features
    >>> real, fake = (Features(), Features())
    >>> real.update(torch.tensor([[0.0], [2.0], [10.0], [12.0]]))
    >>> fake.update(torch.tensor([[3.0], [5.0], [10.0], [12.0]]))  # class 0 is 3 away, class 1 a copy
    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> estimate = fd_per_class(Labelled.of(real, labels), Labelled.of(fake, labels))
    >>> estimate.value, estimate.details["per_class"]
    (4.5, {'0': 9.0, '1': 0.0})

    Raises:
        GanevalError: the sets have different classes, or a class fewer than 2 samples.
    """
    if shrinkage not in _FITS:
        raise unknown("value of fd_per_class.shrinkage", shrinkage, _FITS)
    fit = _FITS[shrinkage]
    classes = by_class(real, fake, 2, "fd_per_class")
    values = {str(number): frechet(fit(ours), fit(theirs)) for number, (ours, theirs) in classes.items()}
    least = min(len(rows) for both in classes.values() for rows in both)
    few = f", fewer than the {real.width} features: biased upwards" if least <= real.width else ""
    method = f"mean over {len(values)} classes of at least {least} samples{few}; shrinkage {shrinkage}"
    return Estimate(math.fsum(values.values()) / len(values), method=method, details={"per_class": values})
