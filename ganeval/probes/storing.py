"""Feature rows in a file that grows in steps, so that an interrupted pass goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganeval.files import replace_text

_STEP = 1000


def stored(
    path: Path, count: int, rows: Callable[[slice], Tensor], watch: Callable[[int], None] | None = None
) -> Tensor:
    """Rows 0 to `count`, float32 (count, D), computed once and mapped from `path` (.npy).

    While it is not whole, the file is called `.partial`, beside a text that says how many rows are done.
    """
    if not path.exists():
        _write(path, count, rows, watch or (lambda done: None))
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))


def _write(path: Path, count: int, rows: Callable[[slice], Tensor], watch: Callable[[int], None]) -> None:
    partial, progress = path.with_suffix(".partial"), path.with_suffix(".rows")
    path.parent.mkdir(parents=True, exist_ok=True)
    done = int(progress.read_text()) if progress.exists() and partial.exists() else 0
    array = np.load(partial, mmap_mode="r+", allow_pickle=False) if done else None
    while done < count:
        part = slice(done, min(done + _STEP, count))
        found = rows(part).numpy()
        if array is None:
            array = np.lib.format.open_memmap(partial, "w+", np.float32, (count, found.shape[1]))
        array[part] = found
        array.flush()  # before the count: a row that is counted is on the disk
        done = part.stop
        replace_text(progress, str(done))
        watch(done)
    del array
    partial.replace(path)
    progress.unlink(missing_ok=True)
