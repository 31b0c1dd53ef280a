"""Feature rows computed elsewhere, for every metric that needs no image: `features:FILE.npy`, or `.npz`."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganeval.errors import ImageError
from ganeval.images.arrays import load_npy

VERSION = "features/1"
_AT_ONCE = 4096  # rows


class FeatureSource:
    """Rows float (N, D), memory-mapped from a `.npy` file; `num_samples` draws that many of them by `seed`, in order.

    Of an `.npz` file, the array `feats`, which is where clean-fid keeps the rows for KID, or the only array.

    Raises:
        ImageError: not two-dimensional, empty, not numeric, or with values that are not finite (the first is named).
    """

    cacheable = True

    def __init__(self, path: Path, *, num_samples: int | None = None, seed: int = 0) -> None:
        self.name, self.skipped = str(path), list[str]()
        rows = _load_npz(path) if path.suffix.lower() == ".npz" else load_npy(path)
        self._rows = _checked(rows, self.name)
        if num_samples is not None:
            self._rows = _drawn(self._rows, num_samples, seed, self.name)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over shape, type and values."""
        digest = hashlib.sha256(f"{VERSION} {self._rows.shape} {self._rows.dtype.str}".encode())
        for first in range(0, len(self), _AT_ONCE):
            digest.update(np.ascontiguousarray(self._rows[first : first + _AT_ONCE]).data)
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> npt.NDArray[np.floating[Any]]:
        """Float (N, D), read-only where it is mapped from the file."""
        return self._rows


def _load_npz(path: Path) -> npt.NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if "feats" not in file.files and len(file.files) != 1:
                raise ImageError(
                    f"{path} holds {', '.join(file.files) or 'nothing'}; expected feats, or a single array"
                )
            rows: npt.NDArray[Any] = file["feats" if "feats" in file.files else file.files[0]]
    except (ValueError, OSError, EOFError, AttributeError, zlib.error, zipfile.BadZipFile) as error:
        raise ImageError(f"{path} cannot be read as .npz arrays: {error}") from error
    return rows


def _checked(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.floating[Any]]:
    if array.ndim != 2 or 0 in array.shape:
        raise ImageError(f"{name} has shape {array.shape}; features are rows of numbers, (N, D)")
    if np.issubdtype(array.dtype, np.integer):
        array = array.astype(np.float64)
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"{name} holds values of type {array.dtype}; features are floating-point numbers")
    for first in range(0, len(array), _AT_ONCE):
        finite = np.isfinite(array[first : first + _AT_ONCE]).all(axis=1)
        if not finite.all():
            row = first + int(np.argmin(finite))
            raise ImageError(f"{name} has NaN or infinity in row {row}: every feature must be a finite number")
    return array


def _drawn(rows: npt.NDArray[np.floating[Any]], count: int, seed: int, name: str) -> npt.NDArray[np.floating[Any]]:
    if not 0 < count <= len(rows):
        raise ImageError(f"asked for {count} rows, but {name} has {len(rows)}: ask for 1 to {len(rows)}")
    return rows[np.sort(np.random.default_rng(seed).permutation(len(rows))[:count])]
