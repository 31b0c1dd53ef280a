"""Sinkhorn divergence: optimal transport, smoothed and freed of the smoothing's bias."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.linalg import shuffled, squared_distances
from ganeval.metrics.metric import Laws, metric
from ganeval.ratios import bounded
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval

_STILL = 1e-3  # of epsilon, the move of the potentials that ends the iterations
_MOST_FLOOR = 0.25  # share of the value from which on the floor is warned of


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Genevay, Peyre, Cuturi 2018, arXiv:1706.00292; Feydy et al. 2019, arXiv:1810.08278",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="divergence",
    cost="iterations size^2",
)
def sinkhorn(
    real: Features,
    fake: Features,
    *,
    blur: float = 0.03,
    size: int = 1000,
    iterations: int = 200,
    rng: np.random.Generator,
) -> Estimate:
    """Sinkhorn divergence with the cost |x - y|, in feature units: near W1, with far less bias of few samples.

    The entropy's weight is `blur` times the mean distance between real and generated samples; at most `size` samples of
    each set enter.

    Formula: T(p, q) - (T(p, p) + T(q, q)) / 2 with T the least mean |x - y| + eps KL(plan || p x q) over plans, by
    alternating updates of the dual potentials. It is W1 as eps falls to 0, half the energy distance as eps grows. The
    interval comes from the variance of the potentials.

    Trust: `details` has the floor, the divergence of two draws from the real set of half the size each. In many
    dimensions it stays nearer to the truth than `emd`, whose floor is as high as the samples are apart.

    Blind to: differences smaller than the floor; and to copies.

    Toy: sample size; copies
    """
    for summary in (real, fake):
        summary.require(4, "sinkhorn")
    if blur < 0.01 or size < 4 or iterations < 1:
        raise GanevalError(
            f"sinkhorn: blur {blur}, size {size}, iterations {iterations}: expected 0.01, 4 and 1 or more"
        )
    seed = int(rng.integers(2**32))
    x, y = (shuffled(each.rows, np.random.default_rng(seed))[:size] for each in (real, fake))
    eps = blur * float(torch.cat([squares.sqrt().mean(1) for _, squares in squared_distances(x, y)]).mean())
    if eps == 0:
        return Estimate(0.0, method="all samples are equal")
    f, g = divergence_potentials(x, y, eps, iterations)
    error = math.sqrt(float(f.var()) / len(f) + float(g.var()) / len(g))
    first, second = x.tensor_split(2)
    floor = sum(float(part.mean()) for part in divergence_potentials(first, second, eps, iterations))
    found = normal_interval(
        float(f.mean() + g.mean()), error, f"interval of potentials, eps {eps:.4g}, {len(x)} samples"
    )
    return bounded(
        Estimate(found.value, found.low, found.high, found.method, {"floor": floor}),
        warnings=_warnings(found.value, floor),
    )


def _warnings(value: float, floor: float) -> list[str]:
    """Where the bias of few samples, which the floor shows, is no small part of the value."""
    if floor <= _MOST_FLOOR * value:
        return []
    return [
        f"two draws from the real set are {floor:.3g} apart: much of {value:.3g} is the bias of few samples in many "
        "dimensions, which the interval does not hold; compare it with others at this count only"
    ]


def divergence_potentials(x: Tensor, y: Tensor, eps: float, iterations: int) -> tuple[Tensor, Tensor]:
    """Potentials on x (M,) and y (N,) whose means add to the divergence."""
    f, g = _potentials(x, y, eps, iterations)
    on_x, on_y = (sum(_potentials(side, side, eps, iterations)) / 2 for side in (x, y))
    return f - on_x, g - on_y


def _potentials(x: Tensor, y: Tensor, eps: float, iterations: int) -> tuple[Tensor, Tensor]:
    """Dual potentials of entropic transport between equal masses on x and on y.

    Plain scaling of the kernel, in float64; what exp(-distance / eps) loses far away no plan would use.
    """
    cost = torch.cat([squares.sqrt() for _, squares in squared_distances(x, y)])
    lowest = cost.amin(1, keepdim=True)  # so that no row of the kernel is 0
    kernel = ((lowest - cost) / eps).exp_().clamp_min_(1e-200)
    u, v = torch.ones(len(x), dtype=torch.float64), torch.ones(len(y), dtype=torch.float64)
    for _ in range(iterations):
        before = u
        v = len(x) / (kernel.T @ u)
        u = len(y) / (kernel @ v)
        if float((u / before).log().abs().max()) < _STILL:
            break
    return eps * u.log() + lowest[:, 0], eps * v.log()
