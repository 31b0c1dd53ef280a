"""What a GAN is to the trainer: its networks, its named losses and its turns."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, NoReturn, Protocol, TypeAlias, TypeVar, runtime_checkable

import torch
from torch import Tensor
from torch.nn import ModuleDict, Parameter
from torch.optim import Optimizer

from ganeval.errors import GanevalError

Loss: TypeAlias = "Callable[[ModuleDict, Batch], dict[str, Tensor]]"
"""Terms by name. Terms with a gradient are summed and minimised; terms without one (`D(x)`) are only logged."""

Pairing: TypeAlias = Literal["paired", "unpaired"]
"""Whether image i of a second set belongs to image i of the first, or nobody knows what belongs to what."""

Batches: TypeAlias = Callable[[], Iterator[Tensor]]
"""Each call starts anew over all training images, float (N, C, S, S) in [-1, 1], in order."""

Shared = TypeVar("Shared")


@dataclass(frozen=True)
class DataSpec:
    """The images a recipe is built for.

    Attributes:
        size: height and width that the networks see, a power of two from 16 up.
        channels: 1 or 3.
        classes: number of labels, 0 where there are none.
        margin: pixels of padding on every side during training, cut off again from samples (28x28 -> 32x32).
        source: how images that are to be translated into these lie beside them; None where there are none.
    """

    size: int
    channels: int
    classes: int = 0
    margin: int = 0
    source: Pairing | None = None

    def __post_init__(self) -> None:
        if self.size < 16 or self.size & (self.size - 1):
            raise GanevalError(f"image size {self.size}: networks need a power of two from 16 up, give --size 32, say")
        if self.channels not in (1, 3):
            raise GanevalError(f"{self.channels} channels: expected 1 (grey) or 3 (RGB), convert the images first")


class Batch:
    """Real images for one turn, its randomness, and what several losses of one iteration share.

    Attributes:
        real: float (N, C, S, S) in [-1, 1].
        labels: int64 (N,), zeros where the data has none.
        rng: on the CPU, seeded by (seed, draw) alone, so a resumed run draws the same numbers on any device.
    """

    def __init__(self, real: Tensor, labels: Tensor, rng: torch.Generator, source: Tensor | None = None) -> None:
        self.real, self.labels, self.rng, self._source = real, labels, rng, source
        self._shared: dict[str, Any] = {}

    @property
    def source(self) -> Tensor:
        """Images to be translated, (N, C, S, S) in [-1, 1]: of the same things as `real` if paired, else of others."""
        assert self._source is not None, "a recipe that declares no source asked for it"
        return self._source

    def once(self, name: str, make: Callable[[], Shared]) -> Shared:
        """Compute `make()` at the first call in this batch and return the same tensor (or tensors) afterwards.

        One generator forward serves both turns: detached for the discriminator, with its graph for the generator.
        """
        if name not in self._shared:
            self._shared[name] = make()
        found: Shared = self._shared[name]
        return found


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

    A recipe's file states its paper; `title` and `paper` are what `ganeval list recipes` prints; `averaged` names
    the networks that keep a moving average; `conditional` says that `generate` heeds its labels, which the data then
    has to have; `source` that batches hold images to translate as well (see `Translator`); `small` holds the options
    with which it learns something on two cores in minutes (`--small`). Options are `int` (a count, at least 1), `float`
    (finite), `bool`, `str` or `Literal[...]`; each can be given by `--set name=value`.
    """

    title: ClassVar[str]
    paper: ClassVar[str]
    averaged: ClassVar[tuple[str, ...]] = ("G",)
    conditional: ClassVar[bool] = False
    source: ClassVar[Pairing | None] = None
    small: ClassVar[Mapping[str, Any]] = {}

    batch_size: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is int and value < 1:
                raise GanevalError(f"option '{field.name}' is {value}: expected a whole number from 1 up")
            if type(value) is float and not math.isfinite(value):
                raise GanevalError(f"option '{field.name}' is {value}: expected a finite number")

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

    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        """Latents (N, ...), and labels (N,) where the model is conditional => float (N, C, S, S) in [-1, 1]."""
        images: Tensor = nets["G"](latents, labels) if self.conditional else nets["G"](latents)
        return images

    def fake(self, nets: ModuleDict, batch: Batch) -> Tensor:
        """Generated images beside `batch.real`, (N, C, S, S): one forward per batch, shared by its turns."""

        return batch.once("fake", lambda: self.generate(nets, self.drawn(batch), batch.labels))

    def drawn(self, batch: Batch) -> Tensor:
        """The latents of `fake`, as many as `batch.real`: one draw per batch, shared by its turns."""
        return batch.once("latents", lambda: self.latents(len(batch.real), batch.rng).to(batch.real.device))


@dataclass(frozen=True)
class Fitted(Recipe):
    """A model that is computed from the data at once, not trained in turns: the yardsticks that are no GANs.

    `batch_size` is the number of images that are read together.
    """

    averaged: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def fit(self, nets: ModuleDict, batches: Batches, rng: torch.Generator) -> dict[str, float]:
        """Set the networks' buffers and parameters.

        Args:
            batches: each call starts anew over all training images, float (N, C, S, S) in [-1, 1], in order.
            rng: seeded, for what has to be drawn.

        Returns:
            what the log says of the fit, by name.
        """

    def turns(self) -> Sequence[Turn]:
        """None: nothing is trained."""
        return ()

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> NoReturn:
        """Never asked for, as no turn trains anything."""
        raise AssertionError(f"{network} is fitted, not trained")


@dataclass(frozen=True)
class Translator(Recipe):
    """A model that makes images of images, not of latents: `batch.source` to `batch.real`, or back as well.

    `source` says whether the two sets are paired, and `directions` which ways it goes: "forward" is from the source to
    the training images.
    """

    directions: ClassVar[tuple[str, ...]] = ("forward",)

    @abstractmethod
    def translate(self, nets: ModuleDict, images: Tensor, direction: str = "forward") -> Tensor:
        """Float (N, C, S, S) in [-1, 1] => the same of the other kind, image by image.

        Noise comes from torch's seeded global state, inside the networks.
        """

    def latents(self, n: int, rng: torch.Generator) -> NoReturn:
        """None: what is translated takes their place in `generate`.

        Raises:
            GanevalError: always, with what is needed.
        """
        raise GanevalError(f"{type(self).title} translates images and draws none: give images to translate (--input)")

    def fake(self, nets: ModuleDict, batch: Batch) -> Tensor:
        """`batch.source` translated, (N, C, S, S): one forward per batch, shared by its turns."""
        return batch.once("fake", lambda: self.translate(nets, batch.source))

    def there_and_back(self, nets: ModuleDict, images: Tensor, direction: str = "forward") -> Tensor:
        """Images translated in this direction and then in the other one, (N, C, S, S)."""
        (other,) = set(self.directions) - {direction}
        return self.translate(nets, self.translate(nets, images, direction), other)


@runtime_checkable
class Encoder(Protocol):
    """A recipe that also goes the other way, from images to latents. Inherit it after `Recipe`."""

    def encode(self, nets: ModuleDict, images: Tensor) -> Tensor:
        """Float (N, C, S, S) in [-1, 1] => latents as `generate` takes them, (N, ...); their mean if drawn."""

    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        """`Recipe.generate`."""

    def reconstruct(self, nets: ModuleDict, images: Tensor, labels: Tensor) -> Tensor:
        """Float (N, C, S, S) in [-1, 1] => the same images as the model remembers them: G(E(x)), unless overridden."""
        return self.generate(nets, self.encode(nets, images), labels)
