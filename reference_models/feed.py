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
from reference_models.recipe import Batch, DataSpec, Pairing
from reference_models.seeds import generator, number


@dataclass(frozen=True)
class TrainingImages:
    """What a model is trained on.

    Attributes:
        pixels: uint8 (N, C, S, S), may be memory-mapped; never written to.
        labels: class of each image, (N,), or None.
        name, fingerprint: of the source, for the record.
        margin: pixels to add on every side, black, to reach a power of two.
        source: images of the same shape that are to be translated into these.
        pairing: whether image i of `source` belongs to image i.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64] | None = None
    name: str = "array"
    fingerprint: str = ""
    margin: int = 0
    source: TrainingImages | None = None
    pairing: Pairing = "unpaired"

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if len(shape) != 4 or shape[2] != shape[3] or not len(self.pixels) or self.pixels.dtype != np.uint8:
            raise GanevalError(f"training images are {self.pixels.dtype} {shape}: expected uint8 (N, C, S, S), N > 0")
        if self.source is not None:
            self._check(self.source)

    def _check(self, source: TrainingImages) -> None:
        if (source.pixels.shape[1:], source.margin) != (self.pixels.shape[1:], self.margin):
            raise GanevalError(
                f"{source.name} has images {source.pixels.shape[1:]}, and {self.name} {self.pixels.shape[1:]}: "
                "translation needs one shape"
            )
        if self.pairing == "paired" and len(source.pixels) != len(self.pixels):
            raise GanevalError(
                f"pairs need image i of the one set to belong to image i of the other, but {source.name} has "
                f"{len(source.pixels)} images and {self.name} has {len(self.pixels)}: give as many of both, in order"
            )

    def floats(self, chosen: slice | npt.NDArray[np.int64]) -> Tensor:
        """Some of the images, float32 (N, C, S', S') in [-1, 1], padded by the margin with -1, which is black."""
        pixels = torch.from_numpy(np.array(self.pixels[chosen])).float()
        return pad(pixels / 127.5 - 1, [self.margin] * 4, value=-1.0)

    def spec(self) -> DataSpec:
        """What networks have to know of the images."""
        classes = 0 if self.labels is None else int(self.labels.max()) + 1
        pairing = self.pairing if self.source is not None else None
        return DataSpec(self.pixels.shape[2] + 2 * self.margin, self.pixels.shape[1], classes, self.margin, pairing)


class Order:
    """Which of `count` images come when: an endless row of epochs, each a permutation drawn by (seed, name, epoch)."""

    def __init__(self, count: int, batch_size: int, seed: int, name: str = "epoch") -> None:
        self.count, self.batch_size, self.seed, self.name = count, batch_size, seed, name
        self._epoch = lru_cache(maxsize=2)(self._permutation)

    def indices(self, draw: int) -> npt.NDArray[np.int64]:
        """The images of batch number `draw`, which may reach over the end of an epoch."""
        places = np.arange(draw * self.batch_size, (draw + 1) * self.batch_size)
        epochs, within = np.divmod(places, self.count)
        return np.array([self._epoch(int(epoch))[place] for epoch, place in zip(epochs, within)], np.int64)

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng(number(self.seed, self.name, epoch)).permutation(self.count)


class Feed:
    """Batches in an endless row of epochs, each a new permutation of all images; no image is left out.

    The images to translate come in the same order if they are paired, else in one of their own.
    """

    def __init__(self, data: TrainingImages, batch_size: int, seed: int, device: torch.device) -> None:
        self.data, self.seed, self.device = data, seed, device
        self._order = Order(len(data.pixels), batch_size, seed)
        self._source_order = self._order
        if data.source is not None and data.pairing == "unpaired":
            self._source_order = Order(len(data.source.pixels), batch_size, seed, "source epoch")

    def batch(self, draw: int) -> Batch:
        """Batch number `draw`."""
        indices = self.indices(draw)
        labels = np.zeros(len(indices), np.int64) if self.data.labels is None else self.data.labels[indices]
        source = None if self.data.source is None else self._read(self.data.source, self._source_order.indices(draw))
        return Batch(
            self._read(self.data, indices),
            torch.from_numpy(labels).to(self.device),
            generator(self.seed, "batch", draw),
            source,
        )

    def indices(self, draw: int) -> npt.NDArray[np.int64]:
        """The images of batch number `draw`, which may reach over the end of an epoch."""
        return self._order.indices(draw)

    def _read(self, images: TrainingImages, indices: npt.NDArray[np.int64]) -> Tensor:
        return images.floats(indices).to(self.device).contiguous(memory_format=torch.channels_last)
