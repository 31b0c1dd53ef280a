"""CIFAR's batches are pickles of Python 2; a pickle can run any code, so only what a batch needs is let through."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ganeval.errors import ImageError

SIDE = 32
_RECONSTRUCT = np.empty(0).__reduce__()[0]  # by whatever name this NumPy knows it
ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    """Lets through dictionaries, lists, strings, numbers and NumPy arrays; any other global is refused."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="latin1")  # strings of Python 2 are bytes; the arrays' content is among them

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR batch needs")
        return ALLOWED[module, name]


def read_batches(paths: Sequence[Path], label_key: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (N, 3, 32, 32) and labels (N,) of all batches in order.

    Raises:
        ImageError: damaged, of another content, or a pickle that asks for more than arrays.
    """
    batches = [_read_batch(path, label_key) for path in paths]
    images = np.concatenate([rows.reshape(-1, 3, SIDE, SIDE) for rows, _ in batches])
    return images, np.concatenate([labels for _, labels in batches])


def _read_batch(path: Path, label_key: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    try:
        with path.open("rb") as file:
            batch = _ArraysOnly(file).load()
        rows, labels = batch["data"], np.array(batch[label_key], dtype=np.int64)
    except Exception as error:  # a damaged pickle can raise anything
        raise ImageError(f"{path} cannot be read as a CIFAR batch: {type(error).__name__}: {error}") from error
    right = isinstance(rows, np.ndarray) and rows.dtype == np.uint8 and rows.shape == (len(labels), 3 * SIDE**2)
    if not right:
        raise ImageError(f"{path} is no CIFAR batch: expected uint8 rows of 3072 values and as many labels")
    return rows, labels
