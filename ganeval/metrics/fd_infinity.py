"""Frechet distance extrapolated to infinitely many samples on both sides."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.metrics.fd import fd
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffled
from ganeval.summaries import Features, Moments
from ganeval.uncertainty import Estimate
from ganeval.uncertainty.frechet import population_frechet


@metric(
    better="lower",
    range=(-math.inf, math.inf),
    optimum=0,
    paper="Chong and Forsyth 2020, arXiv:1911.07023",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="Frechet",
    cost="parts (N D^2 + D^3)",
    interval=population_frechet,
)
def fd_infinity(real: Features, fake: Features, *, parts: int = 4, rng: np.random.Generator) -> Estimate:
    """Intercept of a line through the Frechet distances of smaller samples against 1/N, so without most of fd's bias.

    Both sets are cut into 1, 2, ... `parts` disjoint parts; the distances of a cut are averaged. The paper cuts only
    the generated set, which leaves the reference's half of the bias.

    Formula: the intercept FD of the line FD_N = FD + c/N through these distances.

    Trust: where a part has at least D samples, since only there the line is straight: smaller parts are not used where
    that can be helped, and the method says where it cannot; then much of the bias stays. Below 0 at times for equal
    sets, and for a copy of the real set, whose samples are not independent. Residuals of the line do not show the
    error, since the parts share their samples: the interval is that of `fd`, for the population value.

    Blind to: what `fd` is blind to.

    Toy: sample size; shape

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> x, y = features(*[[0.0]] * 8), features(*[[3.0]] * 8)
    >>> round(fd_infinity(x, y, rng=np.random.default_rng(0)).value, 9)  # no spread, no bias
    9.0
    """
    if parts < 2:
        raise GanevalError(f"fd_infinity: parts is {parts}: a line needs at least 2")
    least = min(real.count, fake.count)
    for each in (real, fake):
        each.require(2 * parts, "fd_infinity")
    shares = _shares(least, real.width, parts)
    x, y = shuffled(real.rows, rng), shuffled(fake.rows, rng)
    inverse = [1 / int(share * len(x)) + 1 / int(share * len(y)) for share in shares]
    distances = [fd(real.moments, fake.moments), *(_mean_distance(x, y, share) for share in shares[1:])]
    _, intercept = np.polyfit(inverse, distances, 1)
    smallest = int(shares[-1] * least)
    short = "" if smallest >= real.width else f", too few for {real.width} features: still biased upwards"
    return Estimate(float(intercept), method=f"line over {len(shares)} sample sizes down to {smallest}{short}")


def _shares(count: int, width: int, parts: int) -> list[float]:
    """Parts of the whole, 1 first, whose samples number at least `width`, or come as near to it as leaves a lever."""
    whole = [1 / k for k in range(1, parts + 1) if count // k >= width]
    return whole if len(whole) > 1 else [1.0, min(max(width / count, 0.5), 0.8)]


def _mean_distance(x: Tensor, y: Tensor, share: float) -> float:
    """Mean Frechet distance over as many disjoint pairs of parts as there are."""
    sizes = [int(share * len(rows)) for rows in (x, y)]
    pairs = range(int(1 / share))
    distances = [fd(*(_moments(rows[i * n : (i + 1) * n]) for rows, n in zip((x, y), sizes))) for i in pairs]
    return float(np.mean(distances))


def _moments(rows: Tensor) -> Moments:
    summary = Moments()
    summary.update(rows)
    return summary
