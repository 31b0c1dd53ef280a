"""Wasserstein-1 distance from a critic, as a WGAN estimates it, with the critic's slope measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffled
from ganeval.ratios import Array, bounded
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval

_OVERFIT = 0.2  # of the value, that critics may find more on samples they learnt from
_UNLEARNT = 2.0  # times what critics find more on those, that W1 may lie above the value
_HIDDEN, _BATCH, _RATE, _PENALTY, _LEAK, _PAIRS = 64, 128, 3e-3, 80.0, 0.2, 1000


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875; Gulrajani et al. 2017, arXiv:1704.00028",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="divergence",
    cost="steps + size^2 D",
)
def w1_critic(real: Features, fake: Features, *, steps: int = 300, rng: np.random.Generator) -> Estimate:
    """Wasserstein-1 distance by its dual, in feature units: a lower bound from a critic trained on other samples.

    Two critics, each trained on one half of either set under a gradient penalty and evaluated on the other half. A
    penalty only asks for slopes of 1: the largest gradient at held-out samples and between them, and the largest slope
    |f(a) - f(b)| / |a - b| of up to 1000 + 1000 held-out samples, are measured, and the larger is divided out
    (`details["lipschitz"]`). `details["learnt_from"]` is the value on the samples that the critics were trained on.

    Formula: (E_p f - E_q f) / max slope of f: W1 for the best f, less for any other. The best f has slope 1 wherever
    mass moves. So the interval reaches from the value's noise up to the value at the mean slope at held-out samples
    (`details["mean_slope"]`), what dividing by the largest one cost, and by twice what critics find more between the
    samples that they learnt from: their own show too much of W1, others too little, and the best critic more than both.

    Trust: as a lower bound in any number of dimensions, unlike `emd`, which is too high. It is low where the critic has
    not been trained to the end or is steep in a few places, and in many dimensions, where it warns if it knows its own
    samples better than others.

    Blind to: what the critic does not learn in so few steps; and to copies.

    Toy: sample size; copies
    """
    for summary in (real, fake):
        summary.require(8, "w1_critic")
    if steps < 1:
        raise GanevalError(f"w1_critic: steps is {steps}, expected 1 or more: set w1_critic.steps")
    seed = int(rng.integers(2**32))
    rows = [shuffled(each.rows, np.random.default_rng(seed)).double() for each in (real, fake)]
    centre = (rows[0].mean(0) + rows[1].mean(0)) / 2
    unit = math.sqrt(sum(float((side - centre).square().sum(1).mean()) for side in rows) / 2) or 1.0
    halves = [((side - centre) / unit).float()[: len(side) // 2 * 2].chunk(2) for side in rows]
    critics = _trained([torch.stack(pair) for pair in halves], steps, seed)
    held = [torch.stack(pair[::-1]) for pair in halves]
    with torch.no_grad():
        values = [_critic(critics, side)[0].double() for side in held]
        steep, usual = _gradients(critics, held)
    slopes = [max(steep[k], _steepest([side[k] for side in held], [v[k] for v in values])) for k in (0, 1)]
    scale = torch.tensor([unit / slope for slope in slopes]).double()[:, None]
    on_real, on_fake = ((v * scale).flatten().numpy() for v in values)
    centred = [(v - v.mean(1, keepdim=True)) * scale for v in values]
    error = math.sqrt(sum(float(each.square().mean()) / each.numel() for each in centred))
    found = normal_interval(
        float(on_real.mean() - on_fake.mean()), error, f"interval of two critics, {steps} steps each"
    )
    assert found.high is not None
    learnt = _learnt(critics, held, unit / np.array(slopes))
    high = found.high + max(0.0, found.value) * (float(np.mean(np.divide(slopes, usual))) - 1)
    high += _UNLEARNT * max(0.0, learnt - found.value)
    details = {
        "lipschitz": slopes,
        "mean_slope": usual,
        "bound": max(0.0, found.value - 1.645 * error),
        "learnt_from": learnt,
    }
    warnings = _doubts(found.value, learnt, error)
    return bounded(replace(found, high=high, details=details), warnings=warnings)


def _learnt(critics: Sequence[Tensor], held: Sequence[Tensor], scale: Array) -> float:
    """The same value on the halves that the critics were trained on."""
    with torch.no_grad():
        on_real, on_fake = (_critic(critics, side.flip(0))[0].double().mean(1).numpy() for side in held)
    return float(np.mean((on_real - on_fake) * scale))


def _doubts(value: float, learnt: float, error: float) -> tuple[str, ...]:
    """A warning where critics know their own samples much better than others."""
    if learnt - value <= max(_OVERFIT * value, 4 * error):
        return ()
    return (
        f"critics find {learnt:.3g} between the samples that they learnt from and {value:.3g} between others: so many "
        "samples do not suffice to learn where W1 lies in so many dimensions, and it is higher than this bound",
    )


def _critic(weights: Sequence[Tensor], rows: Tensor) -> tuple[Tensor, Tensor]:
    """Two critics at rows (2, N, D): values (2, N) and gradients (2, N, D)."""
    straight, first, bias, second, offset, last = weights
    hidden = torch.baddbmm(bias, rows, first)
    slope = torch.where(hidden > 0, 1.0, _LEAK)
    deeper = torch.baddbmm(offset, hidden * slope, second)
    deeper_slope = torch.where(deeper > 0, 1.0, _LEAK)
    values = torch.bmm(deeper * deeper_slope, last) + torch.bmm(rows, straight)
    back = torch.bmm(deeper_slope * last.transpose(1, 2), second.transpose(1, 2)) * slope
    return values.squeeze(2), torch.bmm(back, first.transpose(1, 2)) + straight.transpose(1, 2)


def _start(width: int, seed: int) -> list[Tensor]:
    """The same for both; straight parts and last layers are 0, so that swapping the sets only changes signs."""
    rng = torch.Generator().manual_seed(seed)
    first = torch.randn(width, _HIDDEN, generator=rng) / math.sqrt(width) * 2
    bias = torch.randn(1, _HIDDEN, generator=rng)
    second = torch.randn(_HIDDEN, _HIDDEN, generator=rng) * math.sqrt(2 / _HIDDEN)
    made = [torch.zeros(width, 1), first, bias, second, torch.zeros(1, _HIDDEN), torch.zeros(_HIDDEN, 1)]
    return [each.expand(2, *each.shape).clone().requires_grad_() for each in made]


def _trained(rows: Sequence[Tensor], steps: int, seed: int) -> list[Tensor]:
    weights = _start(rows[0].shape[2], seed)
    optimizer = torch.optim.Adam(weights, lr=_RATE, betas=(0.5, 0.95))
    rng = torch.Generator().manual_seed(seed)
    for step in range(steps):
        index = torch.rand(_BATCH, generator=rng)  # the same for both sets: a copy is drawn like its original
        x, y = (side[:, (index * side.shape[1]).long()] for side in rows)
        share = torch.rand(_BATCH, 1, generator=rng)
        between = share * x + (1 - share) * y.roll(1, 1)
        values, gradients = _critic(weights, torch.cat([x, y, between], 1))
        steep = (gradients.square().sum(2) + 1e-12).sqrt() - 1
        gain = values[:, :_BATCH].mean(1) - values[:, _BATCH : 2 * _BATCH].mean(1)
        loss = (_PENALTY * steep.clamp_min(0).square().mean(1) - gain).sum()
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / steps)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return [each.detach() for each in weights]


def _gradients(weights: Sequence[Tensor], rows: Sequence[Tensor]) -> tuple[list[float], list[float]]:
    """The largest gradient of each critic at held-out samples and half way between them, and the mean at samples."""
    count = min(side.shape[1] for side in rows)
    between = (rows[0][:, :count] + rows[1][:, :count].roll(1, 1)) / 2
    norms = _critic(weights, torch.cat([*rows, between], 1))[1].norm(dim=2)
    samples = norms[:, : sum(side.shape[1] for side in rows)]
    largest, usual = norms.amax(1).clamp_min(1e-12), samples.mean(1).clamp_min(1e-12)
    return largest.tolist(), usual.tolist()


def _steepest(rows: Sequence[Tensor], values: Sequence[Tensor]) -> float:
    """The largest slope between two held-out samples, of which at most `_PAIRS` of either set are compared."""
    points = torch.cat([side[:_PAIRS] for side in rows]).double()
    heights = torch.cat([side[:_PAIRS] for side in values])
    far = torch.cdist(points, points)
    rise = (heights[:, None] - heights).abs()
    return max(float((rise / far)[far > 1e-6].max()), 1e-12) if bool((far > 1e-6).any()) else 1.0
