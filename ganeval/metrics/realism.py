"""Realism: how deep inside the real manifold a typical generated sample lies."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ganeval.distances import squared_distances
from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="higher",
    range=(0, math.inf),
    optimum=None,
    paper="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    laws=Laws(blind=frozenset({"blur", "occlusion", "salt_and_pepper"})),
    family="neighbours",
    cost="(N + M) M D",
)
def realism(real: Features, fake: Features, *, k: int = 3, listed: int = 10) -> Estimate:
    """Median over generated samples of max_i r_i / |y - x_i|, with r_i from x_i to its k-th real neighbour (eq. 3).

    Formula: median_j max_i r_i / |y_j - x_i|, with r_i from real sample x_i to its `k`-th nearest other one (eq. 3). As
    in the paper, only the half of the real samples with the smaller radii counts, since outliers have large ones. The
    median, because the mean of a ratio whose denominator can vanish says nothing.

    `details` name the `listed` least and most realistic samples, `fake` the index from 0, and count exact `copies` of
    the real samples that count, which are infinitely realistic and stand in no list.

    Trust: to order samples, more than models: 1 is the surface of the manifold, and real samples of the same kind lie
    above it.

    Blind to: dropped modes, and copies, which score best; and spoilt images whose features gather where real ones are
    dense.

    Toy: dropped modes

    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> found = realism(features([0.0], [2.0], [12.0]), features([4.0]), k=1)
    >>> round(found.value, 6)  # 2 from the sample at 2, whose radius is 2
    1.0
    """
    radii = real.radii(k)
    kept = radii <= radii.quantile(0.5)
    squares = radii[kept].square()
    ratios = [_largest(squares, distances) for _, distances in squared_distances(fake.rows, real.rows[kept])]
    scores = torch.cat(ratios).sqrt()
    value = scores.quantile(0.5).item()
    if not math.isfinite(value):
        raise GanevalError(
            "realism is infinite: half of the generated samples or more are exact copies of real ones. "
            "Look at authpct and ct, or take them out"
        )
    return Estimate(value, method="median over generated samples", details=_extremes(scores, max(0, listed)))


def _extremes(scores: Tensor, count: int) -> dict[str, Any]:
    order = torch.argsort(scores, stable=True)
    finite = order[torch.isfinite(scores[order])]

    def named(indices: Tensor) -> list[dict[str, Any]]:
        return [{"fake": index, "realism": float(scores[index])} for index in indices.tolist()]

    lowest, highest = finite[:count], finite.flip(0)[:count]
    return {"lowest": named(lowest), "highest": named(highest), "copies": len(scores) - len(finite)}


def _largest(squares: Tensor, distances: Tensor) -> Tensor:
    """max_i of squares_i / distances_ji. What coincides with a real sample is infinitely realistic, 0/0 included."""
    return (squares / distances).nan_to_num(nan=math.inf, posinf=math.inf).max(1).values
