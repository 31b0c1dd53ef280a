"""1-nearest-neighbour test: does a sample's nearest neighbour come from its own set?"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ganeval.distances import nearest, squared_distances
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffled
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval, within


@metric(
    better="lower",
    range=(0, 1),
    optimum=0.5,
    paper="Xu et al. 2018, arXiv:1806.07755",
    laws=Laws(sees=frozenset({"shift", "modes"}), copy=0.0),
    family="neighbours",
    cost="(N + M)^2 D",
)
def one_nn(real: Features, fake: Features, *, rng: np.random.Generator) -> Estimate:
    """Leave-one-out accuracy of a 1-nearest-neighbour classifier, real against generated.

    As many samples of either set enter as the smaller has; those of the larger are drawn by `rng`.

    Formula: the share of the pooled samples whose nearest other sample is of their own set; a tie counts one half.

    Trust: for the difference of distributions at large: 0.5 for equal ones, 1 where the sets keep apart or the
    generated ones crowd together. The interval takes the neighbour graph as given, the labels as random: right for
    equal distributions, and a tenth too narrow in a simulation of unequal ones.

    Blind to: copying on top of other faults. Towards 0, generated samples sit on top of real ones: well below 0.5 is
    copying, not quality, and with poor samples it averages to 0.5.

    Toy: copies

    >>> def features(*values):
    ...     summary = Features()
    ...     summary.update(torch.tensor(values)[:, None])
    ...     return summary
    >>> one_nn(features(0.0, 1.0, 9.0), features(8.0, 20.0, 21.0), rng=np.random.default_rng(0)).value
    0.6666666666666666
    """
    for summary in (real, fake):
        summary.require(2, "one_nn")
    count = min(real.count, fake.count)
    x, y = (each.rows if each.count == count else shuffled(each.rows, rng)[:count] for each in (real, fake))
    right, neighbours = _neighbours(x, y)
    error = math.sqrt(_relabelling_variance(neighbours, count)) / (2 * count)
    method = (
        f"interval of the value at these counts, the accuracy that {count} new samples of each set would give on "
        "average; by relabelling the neighbour graph, as for equal distributions"
    )
    return within(normal_interval(float(right.mean()), error, method), 0.0, 1.0)


def _neighbours(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of x, then of y: right, 1, or 0.5 for a tie; and its neighbour among all of them, x first."""
    right, neighbours = [], []
    for own, other, own_first in ((x, y, 0), (y, x, len(x))):
        to_own, place = _nearest_other(own)
        to_other, foreign = nearest(own, other)
        right.append(((to_other - to_own).sign() + 1) / 2)
        neighbours.append(torch.where(to_own <= to_other, place + own_first, foreign + len(x) - own_first))
    return torch.cat(right), torch.cat(neighbours)


def _nearest_other(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Distance from each row to the nearest other one, and its index."""
    found = []
    for part, distances in squared_distances(rows, rows):
        here = torch.arange(part.start, part.stop)
        distances[here - part.start, here] = torch.inf
        found.append(distances.min(1))
    return torch.cat([least.values for least in found]).sqrt(), torch.cat([least.indices for least in found])


def _relabelling_variance(neighbours: Tensor, count: int) -> float:
    """Variance of the number of edges within a set, over all ways to label half of the 2 * count nodes real.

    Two edges of the graph i -> neighbours[i] share both nodes (mutual neighbours), one, or none; for each kind the
    probability that both lie within a set follows from drawing labels without replacement.
    """
    n, m = 2 * count, count
    incoming = torch.bincount(neighbours, minlength=n).double()
    mutual = float((neighbours[neighbours] == torch.arange(n)).sum())
    shared = float((incoming * (incoming + 1)).sum()) - 2 * mutual
    apart = n * (n - 1) - mutual - shared
    one = (m - 1) / (n - 1)
    both = one * (m - 2) / (n - 2)
    separate = (both * (m - 3) + one * m * (m - 1) / (n - 2)) / (n - 3) if n > 3 else 0.0
    return max(0.0, (n + mutual) * one + shared * both + apart * separate - (n * one) ** 2)
