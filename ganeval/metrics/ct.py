"""C_T: are generated samples closer to the training set than held-out images are?"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from ganeval.clusters import kmeans
from ganeval.distances import nearest
from ganeval.errors import GanevalError
from ganeval.metrics.metric import metric
from ganeval.ordering import ordered
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval


@metric(
    better="neither",
    range=(-math.inf, math.inf),
    optimum=0,
    paper="Meehan et al. 2020, arXiv:2004.05675",
    family="memorisation",
    cost="(N + M) M D, and k-means of `cells` centres",
)
def ct(
    train: Features, heldout: Features, fake: Features, *, cells: int = 10, least: int = 20, rng: np.random.Generator
) -> Estimate:
    """Data-copying test: negative where generated samples lie nearer to training images than held-out images do.

    In each of `cells` k-means cells of the training set, the distances to the nearest training sample of generated and
    of held-out samples are compared.

    Formula: sum_c w_c Z_c, with Z_c the Mann-Whitney U of cell c, standardised, and w_c the held-out share of the cell.
    Cells with fewer than `least` generated samples, or no held-out one, are left out.

    Trust: where the held-out images are of the same source as the training set. About 0 for new samples of the training
    distribution; well below it is copying, well above it poor samples. It grows with the root of N.

    Blind to: a few copies among many distant samples: read it next to authpct.

    Toy: hidden copies

    Raises:
        GanevalError: no cell has enough samples.
    """
    if cells < 1 or least < 1:
        raise GanevalError(f"ct.cells is {cells} and ct.least is {least}: both count from 1")
    train.require(max(2, cells), f"ct with {cells} cells")
    for summary in (heldout, fake):
        summary.require(least, "ct")
    centres = kmeans(ordered(train.rows), cells, rng)
    (theirs, held), (distances, made) = (_placed(summary, train, centres) for summary in (heldout, fake))
    counts = np.bincount(held, minlength=cells)
    used = np.flatnonzero((np.bincount(made, minlength=cells) >= least) & (counts > 0))
    if not len(used):
        raise GanevalError(
            f"ct: none of {cells} cells has {least} generated samples and a held-out one: lower ct.cells"
        )
    weights = counts[used] / counts[used].sum()
    scores = [mann_whitney_z(distances[made == cell], theirs[held == cell]) for cell in used]
    error = math.sqrt(float(np.sum(weights**2)))  # each z-score has variance 1 where nothing is copied
    method = f"interval with the variance under no copying, {len(used)} of {cells} cells"
    return normal_interval(float(weights @ scores), error, method)


def _placed(summary: Features, train: Features, centres: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """For each sample, the distance to its nearest training sample, and its cell."""
    return nearest(summary.rows, train.rows)[0].numpy(), nearest(summary.rows, centres)[1].numpy()


def mann_whitney_z(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Standardised Mann-Whitney U: positive where x tends to be larger than y; ties count half.

    >>> round(mann_whitney_z(np.array([1.0, 2.0]), np.array([3.0, 4.0])), 6)  # U = 0, expected 2, variance 5 / 3
    -1.549193
    """
    n, m = len(x), len(y)
    u = rankdata(np.concatenate([x, y]))[:n].sum() - n * (n + 1) / 2
    return float((u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12))
