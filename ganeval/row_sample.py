"""A bounded random sample of rows that does not depend on their order, batches or shards. Knows no summary."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MOST = 4096
"""Rows kept: as many as intervals are worth, 32 MiB of 2048 features."""

_SEED = 20170626


class RowSample:
    """The rows whose content has the smallest hash numbers: a uniform draw from different rows, mergeable like sums.

    `rows` are in the order of these numbers, which is random with respect to anything the rows mean.
    """

    def __init__(self, most: int = MOST) -> None:
        """Keep at most `most` rows."""
        self._most = most
        self._rows: list[Tensor] = []
        self._keys: list[np.ndarray] = []

    def update(self, rows: Tensor) -> None:
        """Take in float32 rows (N, D)."""
        keys = content_numbers(rows)
        if sum(map(len, self._keys)) >= self._most and len(self._keys) == 1:
            below = keys < self._keys[0][-1]
            rows, keys = rows[torch.from_numpy(below)], keys[below]
        if len(keys):
            self._rows.append(rows.clone())
            self._keys.append(keys)
        if sum(map(len, self._keys)) > 2 * self._most:
            self._prune()

    @property
    def rows(self) -> Tensor:
        """float32 (min(N, most), D)."""
        if not self._rows:
            return torch.empty(0, 0)
        self._prune()
        return self._rows[0]

    def _prune(self) -> None:
        keys = np.concatenate(self._keys)
        kept = np.argsort(keys, kind="stable")[: self._most]
        self._rows, self._keys = [torch.cat(self._rows)[torch.from_numpy(kept)]], [keys[kept]]


def content_numbers(rows: Tensor) -> np.ndarray:
    """A pseudo-random number of each row's content, uint64 (N,): a sum of products modulo 2^64, then mixed.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> bool((content_numbers(x) == content_numbers(x.flip(0))[::-1]).all())
    True
    """
    words = np.ascontiguousarray(rows.numpy()).view(np.uint32)
    weights = np.random.default_rng(_SEED).integers(0, 2**63, words.shape[1], dtype=np.uint64) * 2 + 1
    sums = np.concatenate([part.astype(np.uint64) @ weights for part in np.array_split(words, len(words) // 1024 + 1)])
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # Steele, Lea, Flood 2014
        sums = (sums ^ (sums >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(sums ^ (sums >> np.uint64(31)))
