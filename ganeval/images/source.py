"""What an image set is to the rest of the library: uint8 pixels in a stable order, with a content fingerprint."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from ganeval.errors import ImageError

Images: TypeAlias = torch.Tensor
"""uint8 (N, C, H, W) with C = 1 (grey) or 3 (RGB)."""


class ImageSource(ABC):
    """A finite, indexable set of images whose order never depends on the disk or on the machine.

    Attributes:
        name: what the user called it; for people, never part of a cache key.
        fingerprint: hex digest of the content and of everything that shapes the pixels (policy version, seed, subset).
        cacheable: False where the content cannot be known without producing it (a user's callable).
        read_ahead: False where reading is computing (a generator), and would fight the network for the cores.
        labels: class index per image, (len(self),), where the set has classes.
        classes: the names of the classes by index, where folders name them.
        skipped: files left out because they could not be decoded, filled while reading.
        warnings: what a reader of its scores must know, as what follows the set's name.
    """

    name: str
    fingerprint: str
    cacheable: bool = True
    read_ahead: bool = True
    labels: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] | None = None

    def __init__(self) -> None:
        self.skipped: list[str] = []
        self.warnings: list[str] = []

    @abstractmethod
    def __len__(self) -> int: ...

    def fingerprint_of(self, indices: npt.NDArray[np.int64]) -> str:
        """Digest of the images at `indices`. Sources that can hash a part without reading the rest override this."""
        return f"{self.fingerprint}:{hashlib.sha256(indices.astype('<i8').tobytes()).hexdigest()[:16]}"

    @abstractmethod
    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """Yield the images at `indices`, in that order, as runs of equal shape."""

    def batches(self, size: int) -> Iterator[Images]:
        """Yield every image once, in order, at most `size` together; a change of shape starts a new batch."""
        for first in range(0, len(self), size):
            yield from self.read(range(first, min(first + size, len(self))))


class Selection(ImageSource):
    """The images of `source` at `indices`, (n,), in that order."""

    def __init__(self, source: ImageSource, indices: npt.NDArray[np.int64]) -> None:
        super().__init__()
        if len(indices) == 0:
            raise ImageError(f"an empty selection of {source.name}, which has {len(source)} images")
        self.source, self.skipped, self.warnings = source, source.skipped, source.warnings
        self.indices = indices
        self.name = source.name
        self.cacheable, self.read_ahead = source.cacheable, source.read_ahead
        self.labels = None if source.labels is None else source.labels[indices]
        self.classes = source.classes

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        """That of the whole source where all of it is selected, else of the part."""
        whole = np.array_equal(self.indices, np.arange(len(self.source)))
        return self.source.fingerprint if whole else self.source.fingerprint_of(self.indices)

    def fingerprint_of(self, indices: npt.NDArray[np.int64]) -> str:
        """A part of the selection is a part of its source."""
        return self.source.fingerprint_of(self.indices[indices])

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """As the source yields them."""
        return self.source.read(self.indices[np.asarray(indices, dtype=np.int64)].tolist())


class Subset(Selection):
    """`count` images of `source`, drawn without replacement by `seed`, kept in the source's order."""

    def __init__(self, source: ImageSource, count: int, seed: int) -> None:
        if not 0 < count <= len(source):
            raise ImageError(
                f"asked for {count} images, but {source.name} has {len(source)}: ask for 1 to {len(source)}"
            )
        super().__init__(source, np.sort(np.random.default_rng(seed).permutation(len(source))[:count]))
