"""Real images spoilt by degrees, as an image set of its own: extracted and cached like any other."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ganeval.images import Images, ImageSource
from ganeval.testing.corruptions import corrupt

VERSION = "spoilt/1"


class Spoilt(ImageSource):
    """Every image of `source` under one corruption of `testing.corruptions` at one strength.

    What happens to image i depends on the seed, the corruption and i alone, however images are read.
    """

    def __init__(self, source: ImageSource, corruption: str, strength: float, seed: int) -> None:
        super().__init__()
        self.source, self.corruption, self.strength = source, corruption, strength
        self.name = f"{source.name}, {corruption} {strength:g}"
        self.fingerprint = f"{source.fingerprint}:{VERSION} {corruption} {strength:g} seed {seed}"
        self.cacheable, self.labels, self.classes = source.cacheable, source.labels, source.classes
        self._seed = [seed, zlib.crc32(corruption.encode())]

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """Runs of equal shape, as the source yields them."""
        places = iter(indices)
        for run in self.source.read(indices):
            yield torch.from_numpy(np.concatenate([self._one(image, next(places)) for image in run.numpy()]))

    def _one(self, image: np.ndarray, index: int) -> np.ndarray:
        rng = np.random.default_rng([*self._seed, index])
        return np.ascontiguousarray(corrupt(self.corruption, image[None], self.strength, rng))
