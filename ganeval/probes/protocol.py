"""The protocol of Radford et al. 2015 for few labels, and the usual one for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganeval.probes.learners import Learner
from ganeval.probes.task import Task

_CHOOSING = 10
"""Draws by whose mean validation error a setting is chosen."""


@dataclass(frozen=True)
class Outcome:
    """What one learner reached with one number of labels.

    Attributes:
        labels: per class; None for all.
        chosen: the setting, and `validation` the mean validation accuracy of each by its text.
        accuracies: on the test set, one for each draw.
        confusion: rows true, columns found, summed over draws.
    """

    name: str
    labels: int | None
    setting: str
    chosen: float
    validation: dict[str, float]
    accuracies: list[float]
    confusion: list[list[int]]
    width: int | None
    seconds: float
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """Mean over draws."""
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> float | None:
        """1.96 standard deviations of the draws (not of their mean), as the authors report; None for one draw."""
        return 1.96 * float(np.std(self.accuracies)) if len(self.accuracies) > 1 else None

    @property
    def per_class(self) -> list[float]:
        """Accuracy of each class."""
        table = np.array(self.confusion)
        return [float(share) for share in table.diagonal() / table.sum(1).clip(1)]

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def measure(
    learner: Learner, task: Task, labels: int | None, repeats: int, seed: int, *, choosing: int = _CHOOSING
) -> Outcome:
    """Choose the setting on validation images, then learn anew and try on the test set.

    With `labels` per class: by the mean over `choosing` draws, then `repeats` fresh draws. With all: one fit to all
    images but the validation's for each setting, then one to all.
    """
    started = time.perf_counter()
    rng = np.random.default_rng([seed, 3, labels or 0])
    repeats = min(repeats, learner.most_repeats or repeats)
    choosing = min(choosing, repeats) if learner.most_repeats else choosing
    draws: Callable[[], slice | Tensor] = (
        (lambda: slice(0, task.pool)) if labels is None else lambda: task.draw(labels, rng)
    )
    validation = _validated(learner, task, [draws() for _ in range(1 if labels is None else choosing)], seed)
    chosen = max(learner.grid, key=lambda setting: (validation.get(f"{setting:g}", 0.0), -setting))
    finals = [slice(0, len(task.train))] if labels is None else [draws() for _ in range(repeats)]
    accuracies, table = [], torch.zeros(len(task.classes), len(task.classes), dtype=torch.int64)
    for number, learnt in enumerate(finals):
        (found,) = learner.guesses(learnt, "test", [chosen], seed + number)
        accuracies.append(float((found == task.test.labels).float().mean()))
        table += _confusion(task.test.labels, found, len(task.classes))
    seconds = time.perf_counter() - started
    return Outcome(
        learner.name, labels, learner.setting, chosen, validation, accuracies, table.tolist(), learner.width, seconds
    )


def _validated(learner: Learner, task: Task, draws: list[slice | Tensor], seed: int) -> dict[str, float]:
    """Mean accuracy on the validation images for each setting; nothing where there is no choice."""
    if len(learner.grid) == 1:
        return {}
    wanted = task.train.labels[task.pool :]
    right = [
        [float((found == wanted).float().mean()) for found in learner.guesses(learnt, "validation", learner.grid, seed)]
        for learnt in draws
    ]
    return {f"{setting:g}": value for setting, value in zip(learner.grid, np.mean(right, 0).tolist())}


def _confusion(labels: Tensor, found: Tensor, classes: int) -> Tensor:
    return torch.bincount(labels * classes + found, minlength=classes**2).view(classes, classes)
