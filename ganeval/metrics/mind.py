"""MIND: the Monge Inception distance, a sliced Wasserstein distance on the scale of the Frechet distance."""

from __future__ import annotations

import math

import numpy as np

from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.slicing import unit_directions, wasserstein
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Berthet et al. 2026, arXiv:2605.06797",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="transport",
    cost="projections (N D + N log N)",
)
def mind(real: Features, fake: Features, *, projections: int = 1000, rng: np.random.Generator) -> Estimate:
    """3 D E_u W_2^2(u.x, u.y) over uniform unit directions u, in squared feature units; a shift d gives 3 |d|^2.

    The paper defines it on the 2048 pooled Inception features. Every sample counts where the sets differ in size
    (torch-fidelity draws as many from the larger).

    Formula: 3 D E_u W_2^2(u.x, u.y) over uniform unit directions u, in squared feature units; a shift d gives 3 |d|^2.

    Trust: at equal counts: no covariance is estimated, so it needs fewer samples than the Frechet distance, and it sees
    shapes that share mean and covariance, but it is still biased upwards by about 1/N. Its relative Monte Carlo error
    is up to sqrt(2 / projections).

    Blind to: what only few of the directions show, by averaging; and to copies.

    Toy: sample size; copies

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> mind(features([0.0], [2.0]), features([3.0], [5.0]), rng=np.random.default_rng(0)).value  # 3 * 3^2
    27.0
    """
    real.require(2, "mind")
    fake.require(2, "mind")
    if projections < 2:
        raise GanevalError(f"mind: projections is {projections}: it needs to be at least 2")
    squares = 3 * real.width * wasserstein(real.rows, fake.rows, unit_directions(projections, real.width, rng))
    error = float(squares.std()) / math.sqrt(projections)
    method = f"{projections} random directions, their Monte Carlo standard error {error:.2g}"
    return Estimate(float(squares.mean()), method=method)
