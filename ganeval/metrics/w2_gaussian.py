"""Wasserstein-2 distance between Gaussians: the root of the Frechet distance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganeval.gaussians import Gaussian, frechet
from ganeval.metrics.metric import metric
from ganeval.slicing import wasserstein
from ganeval.summaries import Moments
from ganeval.uncertainty import Estimate
from ganeval.uncertainty.frechet import population_w2

_SHAPED = 0.1  # of a squared distance along a line, that another shape than a Gaussian's may add
_ROUNDS, _TINY = 20, 1e-12
_NOISE = 5  # squared spreads over the number of samples, that chance adds


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Dowson and Landau 1982, doi:10.1016/0047-259X(82)90077-X; Gelbrich 1990",
    family="divergence",
    cost="N D^2 + D^3, or N^2 D where N < D",
    interval=population_w2,
)
def w2_gaussian(real: Moments, fake: Moments) -> Estimate:
    """Wasserstein-2 distance between the Gaussians of both sets' mean and covariance, in feature units: root of `fd`.

    Formula: (|m_r - m_f|^2 + tr(S_r) + tr(S_f) - 2 tr((S_r S_f)^(1/2)))^(1/2).

    Trust: exact for Gaussians of many samples; for any distributions a lower bound of their W2 (Gelbrich), and it warns
    where the samples lie further apart along a line than their Gaussians do. Biased upwards by few samples as `fd` is,
    and as there the interval is for the population, around the value without that bias (`details`).

    Blind to: whatever mean and covariance do not hold, such as another shape around both; and to copies.

    Toy: sample size; shape; copies

    >>> import torch
    >>> def moments(*rows):
    ...     summary = Moments()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> w2_gaussian(moments([0.0], [2.0]), moments([3.0], [5.0])).value
    3.0
    """
    value = math.sqrt(frechet(Gaussian(real.mean, real.factor()), Gaussian(fake.mean, fake.factor())))
    shaped = _shaped(real.sample, fake.sample, value)
    return Estimate(value, details={"warnings": [shaped]} if shaped else {})


def _shaped(x: Tensor, y: Tensor, value: float) -> str:
    """A warning where the sets are no Gaussians along the line from mean to mean, or along their widest axis."""
    if min(len(x), len(y)) < 2:
        return ""
    for direction in _directions(x.double(), y.double()):
        a, b = (rows.double() @ direction for rows in (x, y))
        exact = float(wasserstein(a[:, None], b[:, None], torch.ones(1, 1, dtype=torch.float64)))
        gaussian = float((a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2)
        chance = _NOISE * float(a.var() + b.var()) / min(len(a), len(b))
        if exact - gaussian > max(_SHAPED * exact, chance) and exact > value**2 / 4:
            return (
                f"along one line the samples lie {math.sqrt(exact):.3g} apart, Gaussians of their means and spreads "
                f"{math.sqrt(gaussian):.3g}: these are no Gaussians, and the value is only a lower bound of their W2"
            )
    return ""


def _directions(x: Tensor, y: Tensor) -> list[Tensor]:
    """Unit vectors (D,): from mean to mean, and about the first principal axis of both sets together."""
    found, both = [x.mean(0) - y.mean(0)], torch.cat([x, y])
    both = both - both.mean(0)
    axis = both[both.square().sum(1).argmax()]
    for _ in range(_ROUNDS):
        axis = both.T @ (both @ axis)
        axis = axis / axis.norm().clamp_min(_TINY)
    return [each / each.norm() for each in (*found, axis) if float(each.norm()) > _TINY]
