"""Orders of rows that do not depend on the order they come in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def ordered(rows: Tensor) -> Tensor:
    """The same rows in an order that depends on their values alone, so that a seeded draw from them does too.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> torch.equal(ordered(x), ordered(x.flip(0)))
    True
    """
    return rows[_order(rows)]


def _order(rows: Tensor) -> Tensor:
    data = np.ascontiguousarray(rows.numpy())
    keys = data.view(np.dtype((np.void, data.itemsize * data.shape[1]))).ravel()
    return torch.from_numpy(np.argsort(keys, kind="stable"))


def shuffled(rows: Tensor, rng: np.random.Generator) -> Tensor:
    """The same rows in an order that `rng` draws and the order they come in does not change.

    >>> x = torch.tensor([[1.0], [2.0], [3.0]])
    >>> torch.equal(shuffled(x, np.random.default_rng(0)), shuffled(x.flip(0), np.random.default_rng(0)))
    True
    """
    return rows[shuffling(rows, rng)]


def shuffling(rows: Tensor, rng: np.random.Generator) -> Tensor:
    """The numbers of the rows in the order of `shuffled`, int64 (N,), for `select`."""
    return _order(rows)[torch.from_numpy(rng.permutation(len(rows)))]
