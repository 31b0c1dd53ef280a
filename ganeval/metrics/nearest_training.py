"""Nearest training images: how many generated samples are closer to the training set than its own images are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganeval.distances import nearest
from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, share_interval


@metric(
    better="lower",
    range=(0, 1),
    optimum=None,
    paper="Carlini et al. 2023, arXiv:2301.13188 (the calibrated distance)",
    laws=Laws(sees=frozenset()),
    family="memorisation",
    cost="(N + M) M D",
)
def nearest_training(train: Features, fake: Features, *, percentile: float = 1.0, pairs: int = 24) -> Estimate:
    """Share of generated samples closer to a training sample than all but `percentile` percent of these are among them.

    Formula: E_y [d(y) < q], with d the distance to the nearest training sample and q the `percentile` of that distance
    among training samples.

    `details` name the `pairs` most suspicious ones: `fake` and `train` (indices from 0 in either set), their `distance`
    and its `ratio` to the distance of that training sample from its own nearest other one, smallest ratio first. In
    dense regions everything is near, so a small ratio says more than a small distance. 0 is an exact copy.

    Trust: against `percentile` / 100, which new samples of the training distribution reach in expectation, whatever the
    distribution, up to one training sample; more is copying. Images that the training set holds twice set the threshold
    to 0 once they are as many as the percentile: then exact copies count.

    Blind to: quality. Far samples count as new, however poor.

    Toy: far

    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> found = nearest_training(features([0.0], [4.0], [9.0]), features([3.0], [6.0], [1.5], [50.0]), percentile=0)
    >>> found.value, {name: round(number, 6) for name, number in found.details["pairs"][0].items()}
    (0.75, {'fake': 0, 'train': 1, 'distance': 1.0, 'ratio': 0.25})
    """
    if not 0 <= percentile <= 100 or pairs < 0:
        raise GanevalError(
            f"nearest_training: percentile is {percentile} and pairs {pairs}: expected 0 to 100, and 0 or more"
        )
    own = train.radii(1)
    distances, indices = nearest(fake.rows, train.rows)
    threshold = own.quantile(percentile / 100)
    close = int((distances <= threshold).sum())
    ratios = distances / _positive(own)[indices]
    details = {
        "threshold": float(threshold),
        "median_ratio": float(ratios.quantile(0.5)),
        "pairs": _suspicious(distances, indices, ratios, pairs),
    }
    method = f"Wilson interval for new samples and the same training set; {percentile / 100:g} is expected"
    return replace(share_interval(close, fake.count, method), details=details)


def _positive(own: Tensor) -> Tensor:
    """Distances to divide by: those of training images that occur twice become the smallest one above 0."""
    above = own[own > 0]
    return own.clamp(min=float(above.min()) if len(above) else 1.0)


def _suspicious(distances: Tensor, indices: Tensor, ratios: Tensor, count: int) -> list[dict[str, Any]]:
    first = torch.argsort(ratios, stable=True)[:count].tolist()
    return [
        {"fake": i, "train": int(indices[i]), "distance": float(distances[i]), "ratio": float(ratios[i])} for i in first
    ]
