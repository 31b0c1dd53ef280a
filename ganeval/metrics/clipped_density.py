"""Clipped density: fidelity that neither real outliers nor crowds of generated samples can inflate."""

from __future__ import annotations

from torch import Tensor

from ganeval.distances import balls_around
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features

_ROUNDING = 1e-9  # a ball ends on its k-th neighbour, which rounding must not push out


@metric(
    better="higher",
    range=(0, 1),
    optimum=1,
    paper="Salvy et al. 2025, arXiv:2507.01761",
    laws=Laws(blind=frozenset({"occlusion"})),
    family="neighbours",
    cost="(N + M) M D",
)
def clipped_density(real: Features, fake: Features, *, k: int = 5) -> float:
    """Density with radii clipped at their median and each sample's share clipped at 1, over that of real samples.

    B counts the balls around other real samples that hold a sample, and a ball reaches to the k-th nearest real
    neighbour or the median of these radii, whichever is nearer.

    Formula: mean_j min(1, B(y_j) / k) / mean_i min(1, B(x_i) / k), at most 1, over generated y and real x.

    Trust: as a share of good samples: it falls in proportion to the bad ones, and no outlier, no crowd can lift it.

    Blind to: dropped modes and copies; and spoilt images whose features gather where real ones are dense, as those of
    half covered images do on classifiers.

    Toy: dropped modes

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> clipped_density(features([0.0], [1.0], [9.0]), features([0.5], [5.0]), k=1)  # the ball of 9 shrinks from 8 to 1
    0.75
    """
    radii = real.radii(k)
    radii = radii.clamp(max=float(radii.quantile(0.5))) * (1 + _ROUNDING)
    reference = _share(balls_around(real.rows, real.rows, radii) - 1, k)  # not its own ball
    return min(1.0, _share(balls_around(fake.rows, real.rows, radii), k) / reference)


def _share(counts: Tensor, k: int) -> float:
    return (counts.double() / k).clamp(max=1).mean().item()
