"""Everything that training changes: networks, their averages, optimizers and three counters."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import ModuleDict
from torch.optim import Optimizer

from ganeval.errors import GanevalError
from reference_models.recipe import DataSpec, Recipe
from reference_models.registry import recipe_name
from reference_models.seeds import seeded


@dataclass
class State:
    """A training run between two steps.

    All randomness is a function of (seed, step, draws), so these counters are the random state.

    Attributes:
        nets: the networks, in training mode.
        averages: moving averages of the networks that the recipe names, in evaluation mode.
        optimizers: one for every network that some turn trains.
        step: finished iterations.
        draws: batches drawn so far.
        seconds: time spent training, over all resumptions.
    """

    nets: ModuleDict
    averages: ModuleDict
    optimizers: dict[str, Optimizer]
    step: int = 0
    draws: int = 0
    seconds: float = 0.0

    def best_nets(self) -> ModuleDict:
        """The networks to sample from: averages where they exist. Shares memory with the state."""
        return ModuleDict(
            {name: self.averages[name] if name in self.averages else net for name, net in self.nets.items()}  # noqa: SIM401
        )


def build_networks(recipe: Recipe, spec: DataSpec, seed: int, device: torch.device) -> ModuleDict:
    """The recipe's networks with initial weights drawn by `seed`, the same on every device."""
    with seeded(torch.device("cpu"), seed, "networks"):
        nets = recipe.networks(spec)
    # channels_last is what convolutions run fastest in; it changes strides, never values
    return nets.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def fresh_state(recipe: Recipe, spec: DataSpec, seed: int, device: torch.device) -> State:
    """The state before step 0.

    Raises:
        GanevalError: the recipe needs classes, or images to translate, and the data has none; or the other way round;
            or its optimizer refuses its options.
    """
    _check_source(recipe, spec)
    if recipe.conditional and not spec.classes:
        raise GanevalError(
            f"{recipe_name(recipe)} learns images by class, and these have none: use a folder with one folder per "
            "class, arrays with labels (arr_1) or a labelled dataset:NAME"
        )
    nets = build_networks(recipe, spec, seed, device).train()
    averages = ModuleDict({name: copy.deepcopy(nets[name]) for name in recipe.averaged})
    trained = {name for turn in recipe.turns() for name in turn.trains}
    try:
        optimizers = {name: recipe.optimizer(name, nets[name].parameters()) for name in nets if name in trained}
    except ValueError as error:
        raise GanevalError(f"the optimizer of {recipe_name(recipe)} refuses its options: {error}") from None
    return State(nets, averages.eval().requires_grad_(False), optimizers)


def _check_source(recipe: Recipe, spec: DataSpec) -> None:
    if recipe.source == spec.source:
        return
    if recipe.source is None:
        raise GanevalError(f"{recipe_name(recipe)} translates nothing: leave the source images (--source) out")
    lies = "a set as large as the training images, image i belonging to image i" if recipe.source == "paired" else "any"
    raise GanevalError(
        f"{recipe_name(recipe)} learns to translate {recipe.source} images, and got {spec.source or 'none'}: name the "
        f"images to translate with --source, {lies}"
    )


def state_tensors(state: State) -> dict[str, Tensor]:
    """Every tensor by name: `nets.G.0.weight`, `average.G.0.weight`, `optimizer.G.0.exp_avg`."""
    named = {f"nets.{key}": value for key, value in state.nets.state_dict().items()}
    named |= {f"average.{key}": value for key, value in state.averages.state_dict().items()}
    for name, optimizer in state.optimizers.items():
        for index, entries in optimizer.state_dict()["state"].items():
            tensors = {key: value for key, value in entries.items() if isinstance(value, Tensor)}
            named |= {f"optimizer.{name}.{index}.{key}": value for key, value in tensors.items()}
    return named


def optimizer_settings(state: State) -> dict[str, Any]:
    """What of the optimizers is not a tensor: parameter groups (learning rates ...) and scalar state."""

    def settings(optimizer: Optimizer) -> dict[str, Any]:
        saved = optimizer.state_dict()
        scalars = {
            str(index): {key: value for key, value in entries.items() if not isinstance(value, Tensor)}
            for index, entries in saved["state"].items()
        }
        return {"groups": saved["param_groups"], "scalars": scalars}

    return {name: settings(optimizer) for name, optimizer in state.optimizers.items()}


def restore_state(state: State, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
    """Put saved tensors and optimizer settings into a fresh state of the same recipe."""
    state.nets.load_state_dict(under("nets.", tensors))
    state.averages.load_state_dict(under("average.", tensors))
    for name, optimizer in state.optimizers.items():
        saved = under(f"optimizer.{name}.", tensors)
        entries: dict[int, dict[str, Any]] = {int(i): dict(s) for i, s in settings[name]["scalars"].items()}
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        for key, value in saved.items():
            index, _, entry = key.partition(".")
            entries[int(index)][entry] = _laid_out_as(parameters[int(index)], value)
        optimizer.load_state_dict({"state": entries, "param_groups": settings[name]["groups"]})


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose name starts with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """Fused optimizers walk parameter and moments in memory order, so a moment needs its parameter's strides."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
