"""Earth mover's distance: the least mean way that turns one set of features into the other, solved exactly."""

from __future__ import annotations

import importlib
import math
from types import ModuleType

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ganeval.distances import select, squared_distances
from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffling
from ganeval.ratios import bounded
from ganeval.summaries import Features
from ganeval.transport import few_samples
from ganeval.uncertainty import Estimate

_MOST_PIVOTS = 10_000_000
_PAIRS = 5  # of draws that share no sample: as much less noise as five times the samples bring, at five times the time


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Rubner et al. 2000, doi:10.1023/A:1026543900054",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="transport",
    cost="size^2 D, and size^3 in the worst case",
)
def emd(real: Features, fake: Features, *, size: int = 1000, p: int = 1, rng: np.random.Generator) -> Estimate:
    """min over transport plans of the mean |x - y|, in feature units, between draws of `size` samples of each set.

    With `p=2` it is the Wasserstein-2 distance, a distance as well, and not its square.

    Formula: W_p = (min over plans pi with the draws as margins of sum_ij pi_ij |x_i - y_j|^p)^(1/p), W_1 unless
    `p` is 2 or more; exact for draws of at most `size` samples, and of more the mean, of p-th powers, over as many as
    five pairs of such draws that share no sample. Draws of different sizes, where a set has fewer than `size`, need the
    package POT (`pip install ganeval[transport]`), with which the others are up to ten times as fast.

    Trust: against the floor in `details`, the distance of two draws from the real set, of that size or half of it: only
    what lies above it is the generator's. The bias falls as size^(-1/D): in a thousand dimensions two draws from one
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
    if size < 2 or p < 1:
        raise GanevalError(f"emd: size is {size} and p is {p}: they need to be at least 2 and 1")
    ours, theirs = (torch.split(shuffling(each.rows, rng), size) for each in (real, fake))
    pairs = min(_PAIRS, max(1, min(real.count, fake.count) // size))
    x, y = ([select(each.rows, part) for part in parts[:pairs]] for each, parts in ((real, ours), (fake, theirs)))
    value = (math.fsum(_cost(a, b, p) for a, b in zip(x, y)) / pairs) ** (1 / p)
    half = len(x[0]) // 2
    draws = (x[0], select(real.rows, ours[1])) if real.count >= 2 * size else (x[0][:half], x[0][half : 2 * half])
    floor = _cost(*draws, p) ** (1 / p)
    drawn = f"{len(x[0])} real, {len(y[0])} generated samples" + (f", mean of {pairs} such pairs" if pairs > 1 else "")
    method = f"{drawn}; floor, between two real draws of {len(draws[0])}: {floor:.6g}"
    return bounded(Estimate(value, method=method, details={"floor": floor}), warnings=few_samples(value, floor))


def _cost(x: Tensor, y: Tensor, p: int) -> float:
    """Cost of the optimal plan at |x - y|^p between equal masses on x (M, D) and on y (N, D)."""
    distances = torch.cat([squares.sqrt().pow_(p) for _, squares in squared_distances(x, y)]).numpy()
    transport = _pot(needed=len(x) != len(y))
    if transport is None:  # of the best plans one pairs the samples off (Birkhoff): as good, and slower to find
        return float(distances[linear_sum_assignment(distances)].mean())
    masses = [np.full(n, 1 / n) for n in distances.shape]
    cost, log = transport.emd2(*masses, distances, numItermax=_MOST_PIVOTS, log=True)
    if log["warning"]:
        raise GanevalError(f"emd: the transport solver gave up ({log['warning']}): lower emd.size")
    return float(cost)


def _pot(*, needed: bool) -> ModuleType | None:
    try:
        ot = importlib.import_module("ot")
    except ImportError:
        if not needed:
            return None
        raise GanevalError(
            "emd between sets of different sizes needs the package POT, which is not installed: pip install "
            "'ganeval[transport]', or lower emd.size"
        ) from None
    return ot
