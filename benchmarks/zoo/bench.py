"""Scoring: one job for all models, networks and summaries of real images shared between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import torch

from benchmarks.zoo.results import SAMPLES
from benchmarks.zoo.settings import Sets, Settings
from ganeval import cache
from ganeval.cache import Cache, Entry
from ganeval.files import replacing
from ganeval.images import ImageSource
from ganeval.images.grid import grid, png
from ganeval.images.source import Images
from ganeval.scorecard import Scorecard
from ganeval.scoring import Job, Networks, score
from ganeval.suites import SUITES
from reference_models.feed import TrainingImages
from reference_models.preparing import training_images

MAIN = "fd"
MEMORISATION = ("authpct", "nearest_training")
CONDITIONAL = ("label_consistency",)
COLUMNS, ROWS = 10, 4
"""Of a grid of samples: a column for each class of Fashion-MNIST."""

Tell: TypeAlias = Callable[[str], None]


class Kept(Cache):
    """The user's cache, which also keeps in memory what it has read: distances among real images come once.

    What is read more than once is real images; summaries of models are only written.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._read: dict[str, Entry] = {}

    def load(self, key: str) -> Entry | None:
        """As the cache has it, the same object each time."""
        if key not in self._read:
            found = super().load(key)
            if found is None:
                return None
            self._read[key] = found
        return self._read[key]


class Bench:
    """Opens, scores and draws for all models alike."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._networks: Networks = {}
        self._store = Kept(cache.folder())

    @cached_property
    def sets(self) -> Sets:
        """The parts of the data set."""
        return self.settings.sets()

    @cached_property
    def images(self) -> TrainingImages:
        """The training images, padded to a power of two."""
        return training_images(self.settings.open(self.sets.train))

    def score(self, place: Path | str, name: str, *, conditional: bool = False) -> tuple[Scorecard, ImageSource]:
        """The full card of a model or of real images, and the images."""
        metrics = SUITES["standard"] + MEMORISATION + (CONDITIONAL if conditional else ())
        job = self._job(place, name, metrics, self.sets.count)
        scored = score(job, networks=self._networks, store=self._store)
        made = scored.sources["fake"]
        assert isinstance(made, ImageSource)
        return scored.card, made

    def glance(self, place: Path, name: str) -> float:
        """The main score alone, of fewer images."""
        count = min(self.settings.moment_samples, self.sets.count)
        job = self._job(place, name, (MAIN,), count, memorisation=False)
        return score(job, networks=self._networks, store=self._store).card.scores[0].value

    def perceptual(self, real: Images, fake: Images) -> float:
        """Mean deep distance of image i from image i, both uint8 (N, C, S, S), on EfficientNet-Lite0."""
        asked = {"metrics": ("perceptual_distance",), "features": ("efficientnet_lite0_distance",)}
        return self._of_arrays(fake, real, "pairs", asked).scores[0].value

    def l1(self, real: Images, fake: Images) -> float:
        """Mean absolute difference of image i from image i, both uint8 (N, C, S, S), in [0, 1]."""
        return self._of_arrays(fake, real, "pairs", {"metrics": ("l1",)}).scores[0].value

    def compared(self, fake: Images, real: Images, name: str) -> Scorecard:
        """Frechet and kernel distance of some images from others, both uint8 (N, C, S, S), on the usual features."""
        return self._of_arrays(fake, real, name, {"metrics": SUITES["quick"]})

    def _of_arrays(self, fake: Images, real: Images, name: str, asked: dict[str, Any]) -> Scorecard:
        with TemporaryDirectory() as folder:
            places = {role: str(Path(folder) / f"{role}.npy") for role in ("real", "fake")}
            for role, images in (("real", real), ("fake", fake)):
                np.save(places[role], images.permute(0, 2, 3, 1).numpy())
            job = Job(places["fake"], places["real"], name=name, cached=False, **asked)
            return score(job, networks=self._networks).card

    def _job(
        self, place: Path | str, name: str, metrics: tuple[str, ...], count: int, *, memorisation: bool = True
    ) -> Job:
        sets = self.sets
        return Job(
            str(place),
            sets.reference,
            train=sets.train if memorisation else None,
            name=name,
            metrics=metrics,
            num_samples=count,
            reference_samples=len(self.settings.open(sets.reference)),
            seed=self.settings.seed,
            data_root=self.settings.data_root,
        )


def save_samples(images: ImageSource, folder: Path) -> None:
    """The first images as a grid with a column for each class, of models that heed classes."""
    shown = torch.cat(list(images.read(range(min(COLUMNS * ROWS, len(images))))))
    with replacing(folder / SAMPLES) as temporary:
        temporary.write_bytes(png(grid(shown, COLUMNS)))
