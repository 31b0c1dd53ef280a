"""An image set that keeps what will be asked for again, so that it is decoded, or generated, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt
import torch

from ganeval.images.source import Images, ImageSource

LIMIT = 1 << 29
"""Bytes of pixels kept of one image set."""
_AT_ONCE = 64


class Remembering(ImageSource):
    """The images of `source`, of which those at `wanted` are kept once they were read, as long as `limit` allows.

    Whoever reads first pays: a pass over the whole set keeps what pairs of its images need, or the other way round.
    """

    def __init__(self, source: ImageSource, wanted: npt.NDArray[np.int64], limit: int = LIMIT) -> None:
        super().__init__()
        self.source, self.name, self.labels, self.classes = source, source.name, source.labels, source.classes
        self.cacheable, self.read_ahead = source.cacheable, source.read_ahead
        self.skipped, self.warnings = source.skipped, source.warnings
        self._wanted, self._room, self._full = set(wanted.tolist()), limit, False
        self._kept: dict[int, Images] = {}

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        """The source's."""
        return self.source.fingerprint

    def fingerprint_of(self, indices: npt.NDArray[np.int64]) -> str:
        """The source's."""
        return self.source.fingerprint_of(indices)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """As the source yields them, whether from there or from memory."""
        indices = [int(index) for index in indices]
        if not self.read_ahead and not _one_run(indices):
            self._generate_wanted()
        known = all(index in self._kept for index in indices)
        if not known and not any(index in self._kept for index in indices):
            yield from self._read(indices)
            return
        fresh = {} if known else dict(self._numbered([index for index in indices if index not in self._kept]))
        images = [self._kept[index] if index in self._kept else fresh[index] for index in indices]
        for _, run in groupby(images, key=lambda image: image.shape):
            yield torch.stack(list(run))

    def _generate_wanted(self) -> None:
        """Generators make whole batches of neighbours: asked for here and there, they would make most of them twice."""
        missing = sorted(self._wanted - self._kept.keys())
        for first in range(0, len(missing), _AT_ONCE):
            if self._full:
                return
            for _ in self._read(missing[first : first + _AT_ONCE]):
                pass

    def _numbered(self, indices: Sequence[int]) -> Iterator[tuple[int, Images]]:
        """(index, image (C, H, W))."""
        numbers = iter(indices)
        for run in self._read(indices):
            yield from ((next(numbers), image) for image in run)

    def _read(self, indices: Sequence[int]) -> Iterator[Images]:
        position = 0
        for run in self.source.read(indices):
            for image, index in zip(run, indices[position : position + len(run)], strict=True):
                self._keep(index, image)
            position += len(run)
            yield run

    def _keep(self, index: int, image: Images) -> None:
        if index not in self._wanted or index in self._kept:
            return
        self._full = self._full or image.nbytes > self._room
        if not self._full:
            self._kept[index] = image.clone()  # or the rest of its batch would stay in memory with it
            self._room -= image.nbytes


def _one_run(indices: Sequence[int]) -> bool:
    return all(after == before + 1 for before, after in pairwise(indices))
