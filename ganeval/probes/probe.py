"""A whole probe: features once, then every row of the table, each result written as soon as it is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Module

from ganeval.batchnorm import reestimate
from ganeval.errors import GanevalError, unknown
from ganeval.files import replace_text, replacing
from ganeval.probes.blocks import Blocks
from ganeval.probes.learners import SVM, Learner, Neighbours, Supervised
from ganeval.probes.protocol import Notes, Outcome, Trial, measure
from ganeval.probes.rows import CPU
from ganeval.probes.storing import stored
from ganeval.probes.subject import Subject
from ganeval.probes.task import Task
from ganeval.probes.yardsticks import Features, patch_dictionary, principal_components, raw_pixels

YARDSTICKS = ("pixels", "pca", "random", "kmeans", "knn", "supervised", "efficientnet_lite0", "encoder")
CURVED = ("features", "random", "pixels")
"""The feature sets that learning curves are drawn of."""

Watch = Callable[[str, int, int], None]
_VERSION = "probe/1"
_BATCH, _PICTURED, _CURVE_DRAWS, _LAYER_DRAWS = 128, 2000, 5, 10


@dataclass(frozen=True)
class Job:
    """What is asked for.

    Attributes:
        labels: per class; None for all.
        batchnorm: take batch norms' statistics anew from the training images, as the authors did, or keep them.
        curve: labels per class of the learning curves.
        centroids: of the k-means features.
        shown: images that the supervised network is shown.
    """

    subject: Subject
    task: Task
    labels: int | None = 100
    repeats: int = 100
    batchnorm: Literal["reestimate", "keep"] = "reestimate"
    yardsticks: tuple[str, ...] = YARDSTICKS
    curve: tuple[int, ...] = (10, 30, 100, 300)
    centroids: int = 400
    shown: int = 40_000
    seed: int = 0
    device: torch.device = CPU

    def __post_init__(self) -> None:
        for name in self.yardsticks:
            if name not in YARDSTICKS:
                raise unknown("yardstick", name, YARDSTICKS)
        if self.labels is None or self.labels >= 1:
            return
        raise GanevalError(f"{self.labels} labels per class: expected 1 or more")


@dataclass(frozen=True)
class Probed:
    """What a report is made of.

    Attributes:
        outcomes: the table, the probed features first.
        layers: of every block alone.
        curves: by feature set, ascending in labels.
        picture: (n, 2) and labels (n,): test images on the two main directions of their features.
    """

    job: Job
    outcomes: list[Outcome]
    layers: list[Outcome]
    curves: dict[str, list[Outcome]]
    picture: tuple[Tensor, Tensor]


def run(job: Job, folder: Path, watch: Watch) -> Probed:
    """Everything; what `folder` already has of the same probe is not computed again."""
    return _Run(job, folder, watch).probed()


class _Run:
    def __init__(self, job: Job, folder: Path, watch: Watch) -> None:
        self.job, self.task, self.watch = job, job.task, watch
        self.key = _digest(
            job.subject.fingerprint, job.task.fingerprint, job.batchnorm, str(job.centroids), str(job.seed)
        )
        self.features, self.results = folder / "features", folder / "results" / self.key
        self.done = 0

    def probed(self) -> Probed:
        """Table, layers, curves and picture."""
        job, names = self.job, self._feature_sets()
        svms = {name: self._svm(name) for name in names}
        learners: dict[str, Learner] = {**svms, **dict(self._others())}
        first = next(iter(svms.values()))
        layers = self._layers(first)
        curved = {name: svm for name, svm in svms.items() if name in CURVED or name == names[0]}
        points = [labels for labels in job.curve if labels != job.labels]
        self.total = len(learners) + len(layers) + len(curved) * len(points)
        outcomes = {name: self._measured(name, learner, job.labels, job.repeats) for name, learner in learners.items()}
        alone = [
            self._measured(svm.name, svm, job.labels, min(job.repeats, _LAYER_DRAWS), choosing=3) for svm in layers
        ]
        curves = {
            outcomes[name].name: self._curve(name, svm, [*points], outcomes[name]) for name, svm in curved.items()
        }
        return Probed(job, list(outcomes.values()), alone, curves, self._picture(first))

    def _curve(self, name: str, svm: SVM, points: Sequence[int], main: Outcome) -> list[Outcome]:
        draws = min(self.job.repeats, _CURVE_DRAWS)
        found = [self._measured(f"{name} curve", svm, labels, draws, choosing=2) for labels in points]
        return sorted([*found, main], key=lambda one: (one.labels is None, one.labels or 0))

    def _measured(
        self, name: str, learner: Learner, labels: int | None, repeats: int, *, choosing: int = 10
    ) -> Outcome:
        shown = self.job.shown if name == "supervised" else 0
        key = _digest(name, str(labels), str(repeats), str(choosing), str(shown))
        path = self.results / f"{key}.json"
        if not path.exists():
            notes = Notes(path.with_suffix(".partial"))
            outcome = measure(learner, self.task, Trial(labels, repeats, self.job.seed, choosing), notes)
            replace_text(path, json.dumps(outcome.record()) + "\n")
            path.with_suffix(".partial").unlink()
        self.done += 1
        self.watch("classifiers", self.done, self.total)
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))

    def _feature_sets(self) -> list[str]:
        subject, wanted = self.job.subject, self.job.yardsticks
        main = ["features"] if subject.network is not None else ["encoder"]
        able = {"pixels", "pca", "kmeans", "efficientnet_lite0"}
        able |= {"random"} if subject.network is not None else set()
        able |= {"encoder"} if subject.encode is not None else set()
        return [*main, *(name for name in wanted if name in able and name not in main)]

    def _others(self) -> Iterator[tuple[str, Learner]]:
        subject, wanted = self.job.subject, self.job.yardsticks
        if "knn" in wanted:
            yield "knn", Neighbours(self.task)
        if "supervised" in wanted and subject.network is not None:
            learner = Supervised(self.task, subject.fresh, subject.prepare, self.job.shown)
            if learner.possible():
                yield "supervised", learner

    def _svm(self, name: str) -> SVM:
        made: list[Features] = []

        def rows(images: Tensor) -> Tensor:
            if not made:
                made.append(self._features(name))
            return made[0](images)

        train, test = self._stored(name, "train", rows), self._stored(name, "test", rows)
        return SVM(self._title(name), self.task, train, test, self.job.device)

    def _stored(self, name: str, part: Literal["train", "test"], rows: Features) -> Tensor:
        split = self.task.train if part == "train" else self.task.test
        return stored(
            self.features / f"{self.key}-{name}-{part}.npy",
            len(split),
            lambda places: rows(split.images(places)),
            lambda done: self.watch(f"{name}, {part}", done, len(split)),
        )

    def _title(self, name: str) -> str:
        titles = {
            "features": f"D of {self.job.subject.name}",
            "encoder": f"E(x) of {self.job.subject.name}",
            "pixels": "raw pixels",
            "pca": "PCA of pixels",
            "random": "D with random weights",
            "kmeans": f"k-means, {self.job.centroids} centroids",
            "efficientnet_lite0": "EfficientNet-Lite0 (ImageNet)",
        }
        return titles[name]

    def _features(self, name: str) -> Features:
        subject, seed = self.job.subject, self.job.seed
        if name == "pixels":
            return raw_pixels
        if name == "efficientnet_lite0":
            from ganeval.extractors import load_extractor

            network = load_extractor(name, device=self.job.device)
            return lambda images: network(images, {"pool"})["pool"]
        if name == "encoder":
            return self._encoded
        if name == "features":
            assert subject.network is not None
            return self._blocks(name, subject.network, self.job.batchnorm)
        if name == "random":
            return self._blocks(name, subject.fresh(seed), "reestimate")
        known = self.task.train.images(slice(0, 20_000))
        if name == "pca":
            return principal_components(known)
        return patch_dictionary(known, self.job.centroids, torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def _encoded(self, images: Tensor) -> Tensor:
        assert self.job.subject.encode is not None
        parts = [self.job.subject.encode(self.job.subject.prepare(part)) for part in torch.split(images, 50)]
        return torch.cat(parts).flatten(1).float().cpu()

    def _blocks(self, name: str, network: Module, batchnorm: Literal["reestimate", "keep"]) -> Blocks:
        if batchnorm == "reestimate":
            self._with_statistics(network, self.features / f"{self.key}-{name}-norms.safetensors")
        return Blocks(network, self.job.subject.prepare)

    def _with_statistics(self, network: Module, path: Path) -> None:
        """Batch norms' statistics of the training images, from `path` if they are there."""
        if path.exists():
            network.load_state_dict(load_file(path, device=str(self.job.device)), strict=False)
            return
        reestimate(network, self._batches())
        found = {key: value for key, value in network.state_dict().items() if "running_" in key}
        with replacing(path) as temporary:
            save_file(found, temporary)

    def _batches(self) -> Iterator[Tensor]:
        """All training images, 128 at a time; what is left over is not worth a batch of its own."""
        train, size = self.task.train, min(_BATCH, len(self.task.train))
        for first in range(0, len(train) - size + 1, size):
            self.watch("batch statistics", first + size, len(train))
            yield self.job.subject.prepare(train.images(slice(first, first + size)))

    @cached_property
    def _widths(self) -> dict[str, int]:
        subject = self.job.subject
        if subject.network is None:
            return {}
        blocks = Blocks(subject.network, subject.prepare)
        blocks(self.task.train.images(slice(0, 2)))
        return blocks.layers

    def _layers(self, svm: SVM) -> list[SVM]:
        """The probe on each block's columns alone."""
        ends = list(accumulate(self._widths.values(), initial=0))
        return [svm.columns(slice(*ends_), name) for ends_, name in zip(pairwise(ends), self._widths)]

    def _picture(self, svm: SVM) -> tuple[Tensor, Tensor]:
        """Test images on the two main directions of their features."""
        count = len(svm.test)
        chosen = torch.arange(min(count, _PICTURED)) * count // min(count, _PICTURED)  # all classes, if in order
        rows = svm.test[chosen].double()
        centred = rows - rows.mean(0)
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        points = vectors[:, [-1, -2]] * values[[-1, -2]].clamp(min=0).sqrt()
        return points.float(), self.task.test.labels[chosen]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join([_VERSION, *parts]).encode()).hexdigest()[:16]
