"""Sliced Wasserstein distance between two sets of features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.slicing import unit_directions, wasserstein
from ganeval.summaries import Features
from ganeval.transport import few_samples, line_floor
from ganeval.uncertainty import Estimate
from ganeval.uncertainty.halving import halving


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="transport",
    cost="projections (N D + N log N)",
    interval=halving(power=2),
)
def swd(real: Features, fake: Features, *, projections: int = 1000, p: int = 2, rng: np.random.Generator) -> Estimate:
    """(E_u W_p^p(u.x, u.y))^(1/p) over uniform unit directions u, in feature units: a distance, not its square.

    Formula: (E_u W_p^p(u.x, u.y))^(1/p) over uniform unit directions u, in feature units: a distance, not its square. p
    = 2 is the usual one (the paper states its square); p = 1 is what progressive growing of GANs reports, on patches.
    On a line sorting solves the transport exactly, for sets of different sizes as well. A shift by d alone gives |d| /
    sqrt(D) for p = 2.

    Trust: at equal counts: biased upwards by sampling, about as 1/sqrt(N) for equal sets. `details` has the floor,
    about what two draws of these counts from one Gaussian of that spread are apart for p = 2; near it, it warns.

    Blind to: what only few of the directions show, by averaging: see `max_sliced_wasserstein`; and to copies.

    Toy: sample size; one dimension

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> swd(features([0.0], [2.0]), features([3.0], [5.0]), rng=np.random.default_rng(0)).value
    3.0
    """
    real.require(2, "swd")
    fake.require(2, "swd")
    if p < 1 or projections < 2:
        raise GanevalError(f"swd: p is {p} and projections {projections}: they need to be at least 1 and 2")
    powers = wasserstein(real.rows, fake.rows, unit_directions(projections, real.width, rng), p)
    mean = float(powers.mean())
    value = mean ** (1 / p)
    error = float(powers.std()) / math.sqrt(projections) * (value / (p * mean) if mean else 0.0)
    spread = math.sqrt(sum(float(each.rows.double().var(0).mean()) for each in (real, fake)) / 2)
    floor = line_floor(spread, real.count, fake.count)
    details: dict[str, Any] = {"floor": floor}
    if warnings := few_samples(value, floor):
        details["warnings"] = warnings
    told = f"{projections} random directions, their Monte Carlo standard error {error:.2g}"
    return Estimate(value, method=told, details=details)
