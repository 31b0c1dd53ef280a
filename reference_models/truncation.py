"""Samples of a trained generator with less variety: its `truncation`, changed after training."""

from __future__ import annotations

from dataclasses import fields, replace

from ganeval.errors import GanevalError
from reference_models.checkpoint import Checkpoint
from reference_models.registry import make_recipe, recipes
from reference_models.state import build_networks


def truncated(checkpoint: Checkpoint, psi: float) -> Checkpoint:
    """The same weights, sampled with the option `truncation` at `psi`: of z, or of w, as the recipe means it.

    Raises:
        GanevalError: the recipe has no such option.
    """
    options = checkpoint.info["options"]
    if "truncation" not in options:
        able = ", ".join(
            name for name, kind in recipes().items() if "truncation" in {field.name for field in fields(kind)}
        )
        raise GanevalError(
            f"--truncation {psi:g}: samples of {checkpoint.recipe_name} cannot be truncated, only those of {able}"
        )
    recipe = make_recipe(checkpoint.recipe_name, options | {"truncation": psi})
    device = next(iter(checkpoint.nets.state_dict().values())).device
    nets = build_networks(recipe, checkpoint.spec, 0, device)
    nets.load_state_dict(checkpoint.nets.state_dict())
    fingerprint = f"{checkpoint.fingerprint}:truncation {psi:g}"
    return replace(checkpoint, recipe=recipe, nets=nets.eval(), fingerprint=fingerprint)
