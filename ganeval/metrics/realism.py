"""Realism: how deep inside the real manifold a typical generated sample lies."""

from __future__ import annotations

import math

import torch

from ganeval.errors import GanevalError
from ganeval.linalg import squared_distances
from ganeval.metrics.metric import metric
from ganeval.summaries import Features


@metric(better="higher", range=(0, math.inf), optimum=None, paper="Kynkaanniemi et al. 2019, arXiv:1904.06991")
def realism(real: Features, fake: Features, *, k: int = 3) -> float:
    """Median over generated samples of max_i r_i / |y - x_i|, with r_i from x_i to its k-th real neighbour (eq. 3).

    As in the paper, only the half of the real samples with the smaller radii counts, since outliers have large ones.
    1 is the surface of the manifold; real samples of the same kind lie above it. The median, because the mean of a
    ratio whose denominator can vanish says nothing. Blind to dropped modes; copies score best.

    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> realism(features([0.0], [2.0], [12.0]), features([4.0]), k=1)  # 2 from the sample at 2, whose radius is 2
    1.0
    """
    radii = real.radii(k)
    kept = radii <= radii.quantile(0.5)
    squares = radii[kept].square()
    ratios = [_largest(squares, distances) for _, distances in squared_distances(fake.rows, real.rows[kept])]
    value = torch.cat(ratios).sqrt().quantile(0.5).item()
    if not math.isfinite(value):
        raise GanevalError(
            "realism is infinite: half of the generated samples or more are exact copies of real ones. "
            "Look at authpct and ct, or take them out"
        )
    return value


def _largest(squares: torch.Tensor, distances: torch.Tensor) -> torch.Tensor:
    """max_i of squares_i / distances_ji. What coincides with a real sample is infinitely realistic, 0/0 included."""
    return (squares / distances).nan_to_num(nan=math.inf, posinf=math.inf).max(1).values
