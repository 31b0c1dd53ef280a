"""Sinkhorn divergence: optimal transport, smoothed and freed of the smoothing's bias."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ganeval.distances import squared_distances
from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffled
from ganeval.ratios import bounded
from ganeval.summaries import Features
from ganeval.transport import few_samples, potentials
from ganeval.uncertainty import Estimate, normal_interval

_MOST_SMOOTHED = 0.05  # share of its plan's cost that the value may lie beside it, before that is warned of


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

    Trust: `details` has the floor, the divergence of two draws from the real set of half the size each, and the mean
    cost of the plan: where that lies far above the value, the entropy is not small, as in one or two dimensions, and
    `emd` nearer to W1. In many dimensions its floor is lower than that of `emd`.

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
    f, g, cost = _divergence(x, y, eps, iterations)
    error = math.sqrt(float(f.var()) / len(f) + float(g.var()) / len(g))
    first, second = x.tensor_split(2)
    floor = sum(float(part.mean()) for part in _divergence(first, second, eps, iterations)[:2])
    found = normal_interval(
        float(f.mean() + g.mean()), error, f"interval of potentials, eps {eps:.4g}, {len(x)} samples"
    )
    return bounded(
        replace(found, details={"floor": floor, "plan_cost": cost}),
        warnings=few_samples(found.value, floor) or _smoothed(found.value, cost),
    )


def _divergence(x: Tensor, y: Tensor, eps: float, iterations: int) -> tuple[Tensor, Tensor, float]:
    """Potentials on x (M,) and y (N,) whose means add to the divergence, and the mean cost of the plan."""
    f, g, cost = potentials(x, y, eps, iterations)
    (x_f, x_g, _), (y_f, y_g, _) = (potentials(side, side, eps, iterations) for side in (x, y))
    return f - (x_f + x_g) / 2, g - (y_f + y_g) / 2, cost


def _smoothed(value: float, cost: float) -> list[str]:
    """A warning where the entropy, and not the transport, makes the value what it is."""
    if abs(cost - value) <= _MOST_SMOOTHED * cost:
        return []
    return [
        f"its plan's own mean cost is {cost:.3g}: {value:.3g} is no estimate of the Wasserstein distance at this blur; "
        "lower sinkhorn.blur, or take emd, or w1 in one dimension"
    ]
