"""What estimators see of a game on a line from samples alone, to be held against the integrals."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ganeval.analysis.game import Game
from ganeval.kernel_ratios import kernel_ratios
from ganeval.metrics.w1 import w1
from ganeval.ratios import estimated
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate
from reference_models.seeds import generator


@dataclass(frozen=True)
class Seen:
    """Estimates at one step: JS and KL(generated || data) in nats by kernel densities, W1 in units of x."""

    step: int
    js: Estimate
    kl: Estimate
    w1: Estimate


def seen(game: Game, step: int, made: torch.Tensor) -> Seen:
    """From generated samples (N, 1), N of 20 or more, and as many real ones."""
    rng = generator(game.seed, "real samples", step)
    real = game.mean + game.deviation * torch.randn(len(made), 1, generator=rng)
    ratios = kernel_ratios(real, made, 1)
    sides = Features(), Features()
    for side, samples in zip(sides, (real, made)):
        side.update(samples)
    return Seen(step, estimated(ratios, "js"), estimated(ratios, "kl_reverse"), w1(*sides))
