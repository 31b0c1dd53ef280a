"""Checkpoints of `ganeval train` as image sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ganeval.images.generated import sample_count
from ganeval.images.paths import Space, part_of
from ganeval.images.redrawn import SAMPLES, RedrawnSource
from ganeval.images.returned import on_scale
from ganeval.images.source import Images, ImageSource

if TYPE_CHECKING:
    from ganeval.images.opening import Opening
    from reference_models.checkpoint import Checkpoint


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a run folder or a checkpoint of `ganeval train`."""
    from reference_models import checkpoint

    return checkpoint.is_checkpoint(path)


def open_checkpoint(path: Path, opening: Opening) -> CheckpointSource | RedrawnSource:
    """The images of the generator in `path`, as many as the opening says, or what it makes of those it is given.

    Of all that `opening.calling` says of generators from elsewhere, it heeds the truncation.
    """
    from reference_models.checkpoint import load_checkpoint
    from reference_models.truncation import truncated

    checkpoint, psi = load_checkpoint(path, opening.device), opening.calling.truncation
    if psi is not None:
        checkpoint = truncated(checkpoint, psi)
    if checkpoint.recipe.source or opening.redraw != SAMPLES:
        return RedrawnSource(checkpoint, str(path), opening)
    return CheckpointSource(checkpoint, str(path), opening)


class CheckpointSource(ImageSource):
    """Samples of a trained generator, as many as the opening says. Image i depends on the weights and (seed, i) alone.

    Labels of a conditional model are i modulo the number of classes, so that any run of images is balanced.

    Attributes:
        truncation: of the samples, where another was asked for than the recipe's own; part of name and fingerprint.
    """

    read_ahead = False

    def __init__(self, checkpoint: Checkpoint, name: str, opening: Opening) -> None:
        super().__init__()
        self.truncation = opening.calling.truncation
        self.name = name if self.truncation is None else f"{name}, truncation {self.truncation:g}"
        self._checkpoint, self._device = checkpoint, opening.device
        self._count, self._seed = sample_count(opening), opening.seed
        self.fingerprint = f"generator:{checkpoint.fingerprint}:{self._count}:{self._seed}"
        classes = self._checkpoint.spec.classes
        if classes and getattr(self._checkpoint.recipe, "conditional", False):
            self.labels = np.arange(self._count) % classes

    def __len__(self) -> int:
        return self._count

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """One batch, generated together."""
        from reference_models.checkpoint import generate_images

        if len(indices):
            yield generate_images(self._checkpoint, indices, self._seed)

    @property
    def rows(self) -> int:
        """How many latents `paint` takes, always; see `paths.LiveGenerator`."""
        from reference_models.checkpoint import ROWS

        return ROWS

    def latents(self, indices: Sequence[int]) -> Tensor:
        """Latents number `indices`, float32 (n, ...) on the CPU."""
        from reference_models.checkpoint import draw_latents

        return draw_latents(self._checkpoint, indices, self._seed)

    def styles(self, latents: Tensor, indices: Sequence[int]) -> Tensor:
        """Latents (rows, ...) through the `mapping` of network G, float32 (rows, ...) on the CPU."""
        mapping = part_of(getattr(self._checkpoint.nets, "G", None), "mapping", self.name)
        inputs = [latents] if self.labels is None else [latents, self._classes(indices)]
        with torch.inference_mode():
            return mapping(*(tensor.to(self._device) for tensor in inputs)).float().cpu()

    def paint(self, latents: Tensor, indices: Sequence[int], space: Space) -> Tensor:
        """Latents (rows, ...), or styles => float32 images in [0, 255] on the CPU, without the margin."""
        from reference_models.checkpoint import paint

        synthesis = part_of(self._checkpoint.nets["G"], "synthesis", self.name) if space == "w" else None
        return on_scale(paint(self._checkpoint, latents, self._classes(indices), self._seed, synthesis), "-1,1")

    def _classes(self, indices: Sequence[int]) -> Tensor:
        return torch.tensor(indices) % max(self._checkpoint.spec.classes, 1)
