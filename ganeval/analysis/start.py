"""Why G does not minimise log(1 - D(G(z))): its gradient at the start of training, while D gets better.

Goodfellow et al. 2014, arXiv:1406.2661, section 3. With D = sigmoid(s), the gradient of log(1 - D) with respect to s is
-D, which vanishes where D rejects; that of -log D is D - 1, which does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import torch
from torch.nn import ModuleDict

from ganeval.analysis.game import Game, Loss, batches, densities, fresh
from reference_models.recipe import Batch
from reference_models.seeds import generator
from reference_models.trainer import take

STEPS = (0, 10, 30, 100, 300, 1000)


@dataclass(frozen=True)
class Pull:
    """G as it was drawn, after D took `steps` steps.

    Attributes:
        accuracy: of D, in expectation.
        fake: mean D(G(z)) of a batch.
        minimax, nonsaturating: lengths of the gradient of either loss of G, over all of G's weights.
    """

    steps: int
    accuracy: float
    fake: float
    minimax: float
    nonsaturating: float


def pulls(game: Game, steps: Sequence[int] = STEPS) -> list[Pull]:
    """The gradients of both losses on the same batch, with G as it was drawn and D after each of these steps."""
    state, drawn = fresh(game), batches(game)
    first, *_ = game.recipe.turns()
    found = []
    for step in range(max(steps) + 1):
        if step in steps:
            with torch.no_grad():
                fake = state.nets["D"](game.recipe.fake(state.nets, _tried(game))).sigmoid().mean().item()
            lengths = {loss: _length(replace(game, loss=loss), state.nets) for loss in get_args(Loss)}
            found.append(Pull(step, densities(game, state.nets).accuracy(), fake, **lengths))
        take(first, state, next(drawn))
    return found


def _tried(game: Game) -> Batch:
    """The same latents every time."""
    nothing = torch.zeros(game.batch_size, 1)
    return Batch(nothing, nothing[:, 0].long(), generator(game.seed, "start"))


def _length(game: Game, nets: ModuleDict) -> float:
    """Of the gradient of G's loss over all of its weights."""
    *_, last = game.recipe.turns()
    loss = torch.stack(list(last.loss(nets, _tried(game)).values())).sum()
    gradients = torch.autograd.grad(loss, list(nets["G"].parameters()))
    return float(torch.cat([gradient.flatten() for gradient in gradients]).norm())
