"""Training a copy of a discriminator further while the generator stands still: towards D*, the best there is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch.nn.functional import softplus
from torch.optim import Optimizer

from ganeval.analysis.value import Logits
from ganeval.errors import GanevalError
from reference_models.feed import Order

LEAST = 20
CHECKS = 30
_AT_ONCE = 128

Judge = Callable[[Module, Tensor], Tensor]
"""A network and samples as they are kept (N, ...) => logits of being real, (N,)."""
Watch = Callable[[int, int], None]
"""Told of steps done and steps in all."""


@dataclass(frozen=True)
class Samples:
    """Real and generated samples, (M, ...) and (N, ...), in any type that the judge takes."""

    real: Tensor
    fake: Tensor

    def halves(self) -> tuple[Samples, Samples]:
        """Every second sample, and the others; the two share none.

        Raises:
            GanevalError: too few to learn from one half and to measure on the other.
        """
        if min(len(self.real), len(self.fake)) < LEAST:
            raise GanevalError(
                f"{len(self.real)} real and {len(self.fake)} generated samples are too few to learn from one half and "
                f"measure on the other: give {LEAST} at least, better 2,000"
            )
        return Samples(self.real[::2], self.fake[::2]), Samples(self.real[1::2], self.fake[1::2])


@dataclass(frozen=True)
class Moment:
    """V in nats after `step` steps, on the samples that are learnt from and on those held back."""

    step: int
    learnt: float
    held: float


@dataclass(frozen=True)
class Sharpened:
    """D* as far as it was found.

    Attributes:
        network: the copy, as it was where V was largest on the samples held back.
        kept: the step of that.
        trace: of all checks, the first before any step.
    """

    network: Module
    kept: int
    trace: tuple[Moment, ...]


@dataclass(frozen=True)
class Plan:
    """How to train further: `steps` of `batch_size` samples of either set, in an order drawn by `seed`."""

    steps: int
    batch_size: int
    optimizer: Callable[[Iterable[Parameter]], Optimizer]
    seed: int = 0


def sharpened(network: Module, judge: Judge, samples: Samples, plan: Plan, watch: Watch | None = None) -> Sharpened:
    """A copy of `network` trained to tell the samples apart, four fifths of them; the rest says when it was best.

    The copy is in evaluation mode throughout: dropout is off and batch norms keep their statistics, so that it judges
    every sample alone, as `logits` does. The network itself does not change.
    """
    learner = copy.deepcopy(network).eval().requires_grad_(True)
    optimizer = plan.optimizer(learner.parameters())
    learn, held = _fifths(samples)
    orders = [
        Order(len(side), min(plan.batch_size, len(side)), plan.seed, name)
        for side, name in ((learn.real, "sharpen real"), (learn.fake, "sharpen fake"))
    ]
    trace = [_moment(0, learner, judge, learn, held)]
    best, kept = copy.deepcopy(learner.state_dict()), 0
    for step in range(1, plan.steps + 1):
        real, fake = (side[order.indices(step)] for side, order in zip((learn.real, learn.fake), orders))
        loss = softplus(-judge(learner, real)).mean() + softplus(judge(learner, fake)).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % max(1, plan.steps // CHECKS) == 0 or step == plan.steps:
            trace.append(_moment(step, learner, judge, learn, held))
            if trace[-1].held > max(moment.held for moment in trace[:-1]):
                best, kept = copy.deepcopy(learner.state_dict()), step
        if watch is not None:
            watch(step, plan.steps)
    learner.load_state_dict(best)
    return Sharpened(learner.requires_grad_(False), kept, tuple(trace))


@torch.no_grad()
def logits(network: Module, judge: Judge, samples: Samples) -> Logits:
    """What the network, which must be in evaluation mode, says of all samples.

    Raises:
        GanevalError: a logit is not a finite number.
    """
    sides = [
        torch.cat(
            [judge(network, side[first : first + _AT_ONCE]).double().cpu() for first in range(0, len(side), _AT_ONCE)]
        ).numpy()
        for side in (samples.real, samples.fake)
    ]
    if not all(np.isfinite(side).all() for side in sides):
        raise GanevalError("the discriminator returns numbers that are not finite: take an earlier checkpoint")
    return Logits(sides[0], sides[1])


def _fifths(samples: Samples) -> tuple[Samples, Samples]:
    """Four fifths to learn from, one to hold back."""
    cuts = len(samples.real) * 4 // 5, len(samples.fake) * 4 // 5
    return (
        Samples(samples.real[: cuts[0]], samples.fake[: cuts[1]]),
        Samples(samples.real[cuts[0] :], samples.fake[cuts[1] :]),
    )


def _moment(step: int, network: Module, judge: Judge, learn: Samples, held: Samples) -> Moment:
    count = len(held.real)  # of those learnt from as many as of those held back, for the time it takes
    part = Samples(learn.real[:count], learn.fake[:count])
    return Moment(step, *(logits(network, judge, each).value().value for each in (part, held)))
