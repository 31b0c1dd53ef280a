"""The protocol of Radford et al. 2015 for few labels, and the usual one for all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganeval.files import replace_text
from ganeval.probes.learners import Learner
from ganeval.probes.task import Task


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


@dataclass(frozen=True)
class Trial:
    """What is tried: `labels` per class, None for all; `repeats` draws of them; `choosing` others to choose by."""

    labels: int | None
    repeats: int
    seed: int
    choosing: int = 10


class Notes:
    """What a measurement found so far, in a file that it goes on from when it was interrupted; None for no file."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.found: dict[str, Any] = {"validation": None, "accuracies": [], "confusion": None, "seconds": 0.0}
        if path is not None and path.exists():
            self.found = json.loads(path.read_text(encoding="utf-8"))

    def keep(self, seconds: float, **more: Any) -> None:
        """Add to what was found, and to the time that it took."""
        self.found |= {**more, "seconds": self.found["seconds"] + seconds}
        if self.path is not None:
            replace_text(self.path, json.dumps(self.found))


def measure(learner: Learner, task: Task, trial: Trial, notes: Notes | None = None) -> Outcome:
    """Choose the setting on validation images, then learn anew and try on the test set.

    With labels per class: by the mean over `choosing` draws, then `repeats` fresh draws. With all: one fit to all
    images but the validation's for each setting, then one to all.
    """
    notes, labels = notes or Notes(), trial.labels
    choosing, finals = _draws(learner, task, trial)
    if notes.found["validation"] is None:
        started = time.perf_counter()
        validation = _validated(learner, task, choosing, trial.seed)
        notes.keep(time.perf_counter() - started, validation=validation)
    validation = notes.found["validation"]
    chosen = max(learner.grid, key=lambda setting: (validation.get(f"{setting:g}", 0.0), -setting))
    for number in range(len(notes.found["accuracies"]), len(finals)):
        started = time.perf_counter()
        (found,) = learner.guesses(finals[number], "test", [chosen], trial.seed + number)
        accuracy = float((found == task.test.labels).float().mean())
        table = _confusion(task.test.labels, found, len(task.classes))
        before = notes.found["confusion"]
        notes.keep(
            time.perf_counter() - started,
            accuracies=[*notes.found["accuracies"], accuracy],
            confusion=(table if before is None else table + torch.tensor(before)).tolist(),
        )
    return Outcome(
        learner.name,
        labels,
        learner.setting,
        chosen,
        validation,
        notes.found["accuracies"],
        notes.found["confusion"],
        learner.width,
        notes.found["seconds"],
    )


def _draws(learner: Learner, task: Task, trial: Trial) -> tuple[list[slice | Tensor], list[slice | Tensor]]:
    """The training images to choose by, and those to learn from afterwards."""
    labels = trial.labels
    if labels is None:
        return [slice(0, task.pool)], [slice(0, len(task.train))]
    rng = np.random.default_rng([trial.seed, 3, labels])
    repeats = min(trial.repeats, learner.most_repeats or trial.repeats)
    choosing = min(trial.choosing, repeats) if learner.most_repeats else trial.choosing
    drawn: list[slice | Tensor] = [task.draw(labels, rng) for _ in range(choosing + repeats)]
    return drawn[:choosing], drawn[choosing:]


def _validated(learner: Learner, task: Task, draws: Sequence[slice | Tensor], seed: int) -> dict[str, float]:
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
