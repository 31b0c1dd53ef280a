"""Classifiers that learn from some labelled images of a task and are tried on others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganeval.errors import GanevalError
from ganeval.probes.rows import CPU, Rows
from ganeval.probes.svm import fit_path, predictions
from ganeval.probes.task import Task

GRID = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
"""The C that Radford et al. choose from."""

_TO_CHOOSE = 1e-4  # tolerance of fits that only choose a setting: they guess alike on 99.5 % of images and more

Places = slice | Tensor
On = Literal["validation", "test"]


class Learner(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def setting(self) -> str:
        """What is chosen, `C`; empty where nothing is."""

    @property
    def grid(self) -> tuple[float, ...]:
        """Settings to choose from on validation images; a single one is not chosen."""

    @property
    def width(self) -> int | None:
        """Features per image, where there are features."""

    @property
    def most_repeats(self) -> int | None:
        """Draws that it is worth, where learning takes long."""

    def guesses(self, learnt: Places, on: On, settings: Sequence[float], seed: int) -> list[Tensor]:
        """Learn from the training images at `learnt`; the classes found on the others, int64 (n,), per setting."""


@dataclass
class SVM:
    """The linear L2-SVM on feature rows, or on some of their columns.

    Attributes:
        train, test: float32 (n, D), in the task's order.
    """

    name: str
    task: Task
    train: Tensor
    test: Tensor
    device: torch.device = CPU
    setting: str = "C"
    grid: tuple[float, ...] = GRID
    most_repeats: int | None = None

    @property
    def width(self) -> int:
        """Features per image."""
        return self.train.shape[1]

    def columns(self, part: slice, name: str) -> SVM:
        """The same on these columns alone."""
        return SVM(name, self.task, self.train[:, part], self.test[:, part], self.device)

    def guesses(self, learnt: Places, on: On, settings: Sequence[float], seed: int) -> list[Tensor]:
        """By the highest of the classes' scores."""
        labels = self.task.train.labels[learnt]
        rows = Rows(self.train[learnt], device=self.device)
        tolerance = 1e-5 if on == "test" else _TO_CHOOSE
        models = fit_path(rows, labels, settings, classes=len(self.task.classes), tolerance=tolerance)
        held = Rows(self.test if on == "test" else self.train[self.task.pool :], device=self.device)
        return predictions(models, held)


@dataclass
class Neighbours:
    """k nearest neighbours on pixels; ties go to the class with the nearest of the tied."""

    task: Task
    name: str = "k-NN on pixels"
    setting: str = "k"
    grid: tuple[float, ...] = (1, 3, 5, 9, 15)
    width: int | None = None
    most_repeats: int | None = 10

    def guesses(self, learnt: Places, on: On, settings: Sequence[float], seed: int) -> list[Tensor]:
        """By the majority of the k nearest training images."""
        known = self.task.train.images(learnt).flatten(1).float() / 255
        labels, most = self.task.train.labels[learnt], min(int(max(settings)), len(known))
        split, first = (self.task.test, 0) if on == "test" else (self.task.train, self.task.pool)
        squares, found = known.square().sum(1), []
        for start in range(first, len(split), 500):
            rows = split.images(slice(start, start + 500)).flatten(1).float() / 255
            nearest = (squares - 2 * rows @ known.T).topk(most, largest=False).indices
            found.append(labels[nearest])
        near = torch.cat(found)
        return [self._majority(near[:, : int(k)]) for k in settings]

    def _majority(self, near: Tensor) -> Tensor:
        votes = torch.zeros(len(near), len(self.task.classes))
        closer = 1e-3 / torch.arange(1, near.shape[1] + 1)
        return votes.scatter_add_(1, near, 1 + closer.expand_as(near)).argmax(1)


@dataclass
class Supervised:
    """A network of the discriminator's architecture, trained from random weights on the same labels, by Adam.

    Attributes:
        fresh: seed => the discriminator with random weights.
        images: how many images it is shown in all, each drawn anew.
    """

    task: Task
    fresh: Callable[[int], nn.Module]
    prepare: Callable[[Tensor], Tensor]
    images: int = 40_000
    name: str = "same architecture, supervised"
    setting: str = ""
    grid: tuple[float, ...] = (0.0,)
    width: int | None = None
    most_repeats: int | None = 3

    def possible(self) -> bool:
        """Whether the network ends in one verdict, here or everywhere, that class scores can take the place of."""
        images = self.prepare(self.task.train.images(slice(0, 2)))
        try:
            fresh = self.fresh(0)
            with torch.no_grad():
                verdict, scores = fresh(images), with_classes(fresh, len(self.task.classes)).eval()(images)
        except GanevalError:
            return False
        alone = isinstance(verdict, Tensor) and isinstance(scores, Tensor)
        return alone and scores.numel() == len(self.task.classes) * verdict.numel()

    def guesses(self, learnt: Places, on: On, settings: Sequence[float], seed: int) -> list[Tensor]:
        """By the highest of the class scores that take the verdict's place."""
        classes, batch = len(self.task.classes), 64
        places = torch.arange(len(self.task.train))[learnt]
        rng = torch.Generator().manual_seed(seed)
        network = with_classes(self.fresh(seed), classes).train()
        optimizer = torch.optim.Adam(network.parameters(), 1e-3, betas=(0.9, 0.999))
        for _ in range(max(self.images // batch, 1)):
            chosen = places[torch.randint(len(places), (batch,), generator=rng)]
            scores = self._scores(network, self.task.train.images(chosen))
            loss = cross_entropy(scores, self.task.train.labels[chosen].to(scores.device))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return [self._found(network.eval(), on)]

    @torch.no_grad()
    def _found(self, network: nn.Module, on: On) -> Tensor:
        split, first = (self.task.test, 0) if on == "test" else (self.task.train, self.task.pool)
        parts = [split.images(slice(start, start + 250)) for start in range(first, len(split), 250)]
        return torch.cat([self._scores(network, part).argmax(1).cpu() for part in parts])

    def _scores(self, network: nn.Module, images: Tensor) -> Tensor:
        """(N, K), averaged over places where the network judges each of them."""
        scores: Tensor = network(self.prepare(images)).reshape(len(images), len(self.task.classes), -1)
        return scores.mean(2)


def with_classes(network: nn.Module, classes: int) -> nn.Module:
    """A copy whose last layer of one output has one for each class instead.

    Raises:
        GanevalError: no layer has a single output.
    """
    network = copy.deepcopy(network).requires_grad_(True)
    found = [
        (name, layer)
        for name, layer in network.named_modules()
        if (isinstance(layer, nn.Linear) and layer.out_features == 1)
        or (isinstance(layer, nn.Conv2d) and layer.out_channels == 1)
    ]
    if not found:
        raise GanevalError("the network ends in no single score that class scores could replace")
    name, layer = found[-1]
    parent, _, child = name.rpartition(".")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        setattr(network.get_submodule(parent), child, _wider(layer, classes))
    return network


def _wider(layer: nn.Module, classes: int) -> nn.Module:
    device = next(layer.parameters()).device
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, classes, device=device)
    assert isinstance(layer, nn.Conv2d)
    sizes = layer.kernel_size, layer.stride, layer.padding
    return nn.Conv2d(layer.in_channels, classes, *sizes, device=device)  # type: ignore[arg-type]
