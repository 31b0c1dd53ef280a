"""Training images, and batches of them as a pure function of (seed, number of the draw)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad

from ganeval.errors import GanevalError
from reference_models.recipe import Batch, DataSpec
from reference_models.seeds import generator, number


@dataclass(frozen=True)
class TrainingImages:
    """What a model is trained on.

    Attributes:
        pixels: uint8 (N, C, S, S), may be memory-mapped; never written to.
        labels: class of each image, (N,), or None.
        name, fingerprint: of the source, for the record.
        margin: pixels to add on every side, black, to reach a power of two.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64] | None = None
    name: str = "array"
    fingerprint: str = ""
    margin: int = 0

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if len(shape) != 4 or shape[2] != shape[3] or not len(self.pixels) or self.pixels.dtype != np.uint8:
            raise GanevalError(f"training images are {self.pixels.dtype} {shape}: expected uint8 (N, C, S, S), N > 0")

    def floats(self, chosen: slice | npt.NDArray[np.int64]) -> Tensor:
        """Some of the images, float32 (N, C, S', S') in [-1, 1], padded by the margin with -1, which is black."""
        pixels = torch.from_numpy(np.array(self.pixels[chosen])).float()
        return pad(pixels / 127.5 - 1, [self.margin] * 4, value=-1.0)

    def spec(self) -> DataSpec:
        """What networks have to know of the images."""
        classes = 0 if self.labels is None else int(self.labels.max()) + 1
        return DataSpec(self.pixels.shape[2] + 2 * self.margin, self.pixels.shape[1], classes, self.margin)


class Feed:
    """Batches in an endless row of epochs, each a new permutation of all images; no image is left out."""

    def __init__(self, data: TrainingImages, batch_size: int, seed: int, device: torch.device) -> None:
        self.data, self.batch_size, self.seed, self.device = data, batch_size, seed, device
        self._order = lru_cache(maxsize=2)(self._permutation)

    def batch(self, draw: int) -> Batch:
        """Batch number `draw`."""
        indices = self.indices(draw)
        real = self.data.floats(indices).to(self.device)
        labels = np.zeros(len(indices), np.int64) if self.data.labels is None else self.data.labels[indices]
        return Batch(
            real.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(labels).to(self.device),
            generator(self.seed, "batch", draw),
        )

    def indices(self, draw: int) -> npt.NDArray[np.int64]:
        """The images of batch number `draw`, which may reach over the end of an epoch."""
        places = np.arange(draw * self.batch_size, (draw + 1) * self.batch_size)
        epochs, within = np.divmod(places, len(self.data.pixels))
        return np.array([self._order(int(epoch))[place] for epoch, place in zip(epochs, within)], np.int64)

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng(number(self.seed, "epoch", epoch)).permutation(len(self.data.pixels))
