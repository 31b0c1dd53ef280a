"""WGAN's weight clipping, taken turn by turn."""

from __future__ import annotations

import numpy as np
import torch
from torch.optim import RMSprop

from reference_models.feed import Feed, TrainingImages
from reference_models.registry import make_recipe
from reference_models.seeds import seeded
from reference_models.state import fresh_state
from reference_models.trainer import take

CPU = torch.device("cpu")


def test_every_weight_of_the_critic_is_in_the_box_after_its_turn_and_none_of_the_generators() -> None:
    recipe = make_recipe("wgan", {"batch_size": 4, "filters": 4, "latent": 8, "clip": 0.003})
    data = TrainingImages(np.random.default_rng(0).integers(0, 256, (10, 1, 16, 16), dtype=np.uint8))
    state = fresh_state(recipe, data.spec(), 0, CPU)
    batch = Feed(data, 4, 0, CPU).batch(0)
    critic, generator = recipe.turns()
    with seeded(CPU, 0):
        take(critic, state, batch)
    weights = torch.cat([weight.detach().flatten() for weight in state.nets["D"].parameters()])
    assert weights.abs().max().item() == np.float32(0.003)
    # the initial N(0, 0.02) reached far beyond: most weights lie on the bounds, where the cut left them
    assert (weights.abs() == np.float32(0.003)).float().mean() > 0.5
    assert max(weight.abs().max().item() for weight in state.nets["G"].parameters()) > 0.03
    assert generator.after is None


def test_the_optimizer_has_no_momentum() -> None:
    recipe = make_recipe("wgan")
    optimizer = recipe.optimizer("D", [torch.nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, RMSprop)
    assert optimizer.defaults["momentum"] == 0
    assert optimizer.defaults["lr"] == 5e-5
