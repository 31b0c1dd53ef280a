"""What is common to imported networks: they are read from files once, and then are a checkpoint like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor
from torch.nn import ModuleDict

from ganeval.batchnorm import reestimate
from ganeval.errors import GanevalError
from reference_models.checkpoint import DataRecord, Training, render, save_checkpoint
from reference_models.feed import TrainingImages
from reference_models.recipe import DataSpec, Fitted
from reference_models.registry import recipe_name
from reference_models.seeds import generator
from reference_models.state import State, build_networks

STATISTICS_BATCHES = 32
"""Batches of 128 that unknown batch statistics are taken from."""

_SAMPLES = 64


@dataclass(frozen=True)
class Imported(Fitted):
    """A model whose weights come from elsewhere: its checkpoint can be sampled, scored and probed, not trained on.

    Attributes:
        batch_size: of the images that batch statistics are estimated from.
    """

    batch_size: int = 128

    def fit(self, nets: ModuleDict, batches: Callable[[], Iterator[Tensor]], rng: torch.Generator) -> NoReturn:
        """Not possible: the weights are somebody else's."""
        name = recipe_name(self)
        raise GanevalError(f"{name} is imported, not trained: ganeval import {name.replace('_', '-')} PATH --out RUN")

    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        """Latents (N, ...) => float (N, C, S, S) in [-1, 1]."""
        if "G" not in nets:
            raise GanevalError("this checkpoint was imported without a generator: import that as well")
        return super().generate(nets, latents, labels)


@dataclass(frozen=True)
class Found:
    """What an importer read.

    Attributes:
        weights: of each network, as `load_state_dict` takes them.
        statistics: whether batch norms' statistics are among them; if not, they are estimated.
        digest: sha256 of all arrays that were read.
    """

    recipe: Imported
    spec: DataSpec
    weights: Mapping[str, Mapping[str, Tensor]]
    statistics: bool
    digest: str


@dataclass(frozen=True)
class Importer:
    """One format: `read` takes the files or the folder that the user named."""

    what: str
    read: Callable[[Sequence[Path]], Found]


def save_imported(found: Found, name: str, run: Path, *, images: TrainingImages | None = None, seed: int = 0) -> Path:
    """Write `found` into the run folder as a checkpoint (step 1), with a grid of samples where there is a generator.

    Statistics that the files do not hold are estimated: G's from its latents, D's from `images`, or from G's samples
    where there are none.

    Raises:
        GanevalError: weights that do not fit, or D's statistics cannot be estimated.
    """
    from ganeval.images.grid import save_grid

    nets = build_networks(found.recipe, found.spec, seed, torch.device("cpu"))
    for key, weights in found.weights.items():
        _load(nets, key, weights)
    nets.eval()
    if not found.statistics:
        _estimate(nets, found, images, seed)
    count = 0 if images is None else len(images.pixels)
    record = DataRecord(name=name, fingerprint=found.digest, count=count)
    training = Training(seed=seed, precision="fp32", ema_halflife_images=0)
    saved = save_checkpoint(run, State(nets, ModuleDict(), {}, step=1), found.recipe, found.spec, record, training)
    if "G" in nets:
        save_grid(render(found.recipe, nets, found.spec, range(_SAMPLES), seed), run / "samples" / f"{saved.stem}.png")
    return saved


def digest(arrays: Mapping[str, Tensor]) -> str:
    """sha256 of the arrays' names, shapes and contents."""
    found = hashlib.sha256()
    for name, values in arrays.items():
        found.update(f"{name}{tuple(values.shape)}".encode())
        found.update(values.contiguous().numpy().tobytes())
    return found.hexdigest()


def _load(nets: ModuleDict, key: str, weights: Mapping[str, Tensor]) -> None:
    missing, unexpected = nets[key].load_state_dict(weights, strict=False)
    missing = [name for name in missing if "running_" not in name and "num_batches" not in name]
    if missing or unexpected:
        raise GanevalError(
            f"network {key}: no weights for {missing or 'nothing'}, superfluous {unexpected or 'nothing'}"
        )


@torch.no_grad()
def _estimate(nets: ModuleDict, found: Found, images: TrainingImages | None, seed: int) -> None:
    """G's statistics first, since its samples may serve D's."""
    rng, size = generator(seed, "statistics"), found.recipe.batch_size
    if "G" in nets:
        reestimate(nets["G"], (found.recipe.latents(size, rng) for _ in range(STATISTICS_BATCHES)))
    if "D" not in nets:
        return
    if images is not None:
        reestimate(nets["D"], _real(images, size, rng))
    elif "G" in nets:
        drawn = (found.recipe.latents(size, rng) for _ in range(STATISTICS_BATCHES))
        reestimate(nets["D"], (nets["G"](latents) for latents in drawn))
    else:
        raise GanevalError("the batch statistics of D are not in its file: name images to take them from with --data")


def _real(images: TrainingImages, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(len(images.pixels), generator=rng)[: size * STATISTICS_BATCHES]
    for part in torch.split(order, size):
        yield images.floats(part.numpy())


def require_shapes(what: str, wanted: Mapping[str, tuple[int, ...]], got: Mapping[str, Tensor]) -> None:
    """Raise GanevalError for the first array that is missing or of another shape."""
    for name, shape in wanted.items():
        have = tuple(got[name].shape) if name in got else "nothing"
        if have != shape:
            raise GanevalError(f"{what}: {name} is {have}, expected {shape}: these are weights of another network")
