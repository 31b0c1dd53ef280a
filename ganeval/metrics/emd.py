"""Earth mover's distance: the least mean way that turns one set of features into the other, solved exactly."""

from __future__ import annotations

import importlib
import math
from types import ModuleType

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.linalg import select, shuffling, squared_distances
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate

_MOST_PIVOTS = 10_000_000


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Rubner et al. 2000, doi:10.1023/A:1026543900054",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="transport",
    cost="size^2 D, and size^3 in the worst case",
)
def emd(real: Features, fake: Features, *, size: int = 1000, rng: np.random.Generator) -> Estimate:
    """min over transport plans of the mean |x - y|, in feature units, on at most `size` samples of each set.

    Formula: min over plans p with the sets as margins of sum_ij p_ij |x_i - y_j|, in feature units, on at most `size`
    samples of each set; exact for these. Sets of different sizes, as few as that, need the package POT, `pip install
    ganeval[transport]`.

    Trust: against the floor that the method names, the distance of two draws of that size from the real set: only what
    lies above it is the generator's. The bias falls as size^(-1/D): in a thousand dimensions two draws from one
    distribution are nearly as far apart as its samples are.

    Blind to: differences smaller than that floor; copies lie below it.

    Toy: sample size; copies

    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> round(emd(features([0.0], [2.0]), features([3.0], [5.0]), rng=np.random.default_rng(0)).value, 12)
    3.0
    """
    real.require(2, "emd")
    fake.require(2, "emd")
    if size < 2:
        raise GanevalError(f"emd: size is {size}: it needs to be at least 2")
    ours, theirs = shuffling(real.rows, rng), shuffling(fake.rows, rng)
    x, further = (select(real.rows, numbers) for numbers in (ours[:size], ours[size : 2 * size]))
    y = select(fake.rows, theirs[:size])
    floor = f"{_cost(x, further):.6g}" if len(further) == size else "unknown"
    method = f"{len(x)} real, {len(y)} generated samples; floor, between two real draws of {size}: {floor}"
    return Estimate(_cost(x, y), method=method)


def _cost(x: Tensor, y: Tensor) -> float:
    """Cost of the optimal plan between equal masses on x (M, D) and on y (N, D)."""
    distances = torch.cat([squares.sqrt() for _, squares in squared_distances(x, y)]).numpy()
    if len(x) == len(y):  # of the best plans one pairs the samples off (Birkhoff), which is quicker found
        return float(distances[linear_sum_assignment(distances)].mean())
    masses = [np.full(n, 1 / n) for n in distances.shape]
    cost, log = _pot().emd2(*masses, distances, numItermax=_MOST_PIVOTS, log=True)
    if log["warning"]:
        raise GanevalError(f"emd: the transport solver gave up ({log['warning']}): lower emd.size")
    return float(cost)


def _pot() -> ModuleType:
    try:
        ot = importlib.import_module("ot")
    except ImportError:
        raise GanevalError(
            "emd between sets of different sizes needs the package POT, which is not installed: pip install "
            "'ganeval[transport]', or lower emd.size"
        ) from None
    return ot
