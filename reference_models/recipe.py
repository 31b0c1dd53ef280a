"""What a GAN is to the trainer: its networks, its named losses and its turns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor
from torch.nn import ModuleDict, Parameter
from torch.optim import Optimizer

Loss: TypeAlias = "Callable[[ModuleDict, Batch], dict[str, Tensor]]"
"""Terms by name. Terms with a gradient are summed and minimised; terms without one (`D(x)`) are only logged."""


@dataclass(frozen=True)
class DataSpec:
    """The images a recipe is built for.

    Attributes:
        size: height and width that the networks see, a power of two from 16 up.
        channels: 1 or 3.
        classes: number of labels, 0 where there are none.
        margin: pixels of padding on every side during training, cut off again from samples (28x28 -> 32x32).
    """

    size: int
    channels: int
    classes: int = 0
    margin: int = 0


class Batch:
    """Real images for one turn, its randomness, and what several losses of one iteration share.

    Attributes:
        real: float (N, C, S, S) in [-1, 1].
        labels: int64 (N,), zeros where the data has none.
        rng: seeded by (seed, step, draw) alone, so a resumed run draws the same numbers.
    """

    def __init__(self, real: Tensor, labels: Tensor, rng: torch.Generator) -> None:
        self.real, self.labels, self.rng = real, labels, rng
        self._shared: dict[str, Tensor] = {}

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """Compute `make()` at the first call in this batch and return the same tensor afterwards.

        One generator forward serves both turns: detached for the discriminator, with its graph for the generator.
        """
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]


@dataclass(frozen=True)
class Turn:
    """One alternation of the game: minimise `loss` over the networks in `trains`, leaving all others as they are.

    Attributes:
        every: take this turn in every n-th iteration only.
        repeat: take it this many times, on a fresh batch each (k discriminator steps). The next turn shares the last.
        after: called when the weights have moved (weight clipping).
    """

    name: str
    trains: tuple[str, ...]
    loss: Loss
    every: int = 1
    repeat: int = 1
    after: Callable[[ModuleDict], None] | None = None


@dataclass(frozen=True)
class Recipe(ABC):
    """A model as a frozen dataclass of hyper-parameters whose defaults are the paper's.

    A recipe's file states its paper; `title` and `paper` are what `ganeval list recipes` prints.
    """

    title: ClassVar[str]
    paper: ClassVar[str]
    averaged: ClassVar[tuple[str, ...]] = ("G",)

    batch_size: int

    @abstractmethod
    def networks(self, spec: DataSpec) -> ModuleDict:
        """Freshly initialised networks by name: "G", "D", any other. Draws from torch's seeded global state."""

    @abstractmethod
    def turns(self) -> Sequence[Turn]:
        """The turns of one iteration, in order."""

    @abstractmethod
    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """The optimizer of one network."""

    @abstractmethod
    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """`n` draws from the latent prior, (n, ...)."""

    @abstractmethod
    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        """Latents (and labels, ignored by unconditional models) => float (N, C, S, S) in [-1, 1]."""
