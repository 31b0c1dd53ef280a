"""Checkpoints of `ganeval train` as image sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ganeval.images.generated import sample_count
from ganeval.images.source import Images, ImageSource

if TYPE_CHECKING:
    from ganeval.images.opening import Opening


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a run folder or a checkpoint of `ganeval train`."""
    from reference_models import checkpoint

    return checkpoint.is_checkpoint(path)


def open_checkpoint(path: Path, opening: Opening) -> CheckpointSource:
    """The images of the generator in `path`, as many as the opening says."""
    return CheckpointSource(path, sample_count(opening), opening.seed, opening.device)


class CheckpointSource(ImageSource):
    """`count` samples of a trained generator. Image i depends on the weights and (seed, i) alone.

    Labels of a conditional model are i modulo the number of classes, so that any run of images is balanced.
    """

    read_ahead = False

    def __init__(self, path: Path, count: int, seed: int, device: torch.device) -> None:
        from reference_models.checkpoint import load_checkpoint

        super().__init__()
        self.name, self._count, self._seed = str(path), count, seed
        self._checkpoint = load_checkpoint(path, device)
        self.fingerprint = f"generator:{self._checkpoint.fingerprint}:{count}:{seed}"
        classes = self._checkpoint.spec.classes
        if classes and getattr(self._checkpoint.recipe, "conditional", False):
            self.labels = np.arange(count) % classes

    def __len__(self) -> int:
        return self._count

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """One batch, generated together."""
        from reference_models.checkpoint import generate_images

        if len(indices):
            yield generate_images(self._checkpoint, indices, self._seed)
