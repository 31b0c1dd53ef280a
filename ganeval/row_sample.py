"""A bounded random sample of rows that does not depend on their order, batches or shards. Knows no summary."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from torch import Tensor

MOST = 4096
"""Rows kept: as many as intervals are worth, 32 MiB of 2048 features."""

_SEED = 20170626
_STRIDE = 0x9E3779B97F4A7C15  # the golden ratio, odd: what sets copies apart


class RowSample:
    """A uniform draw of rows, mergeable like sums: those whose numbers are smallest, a hash of content and copy.

    Copies of a row are counted, and each draws for itself, so that a generator of a few images is seen in its
    proportions. `rows` are in the order of these numbers, which is random with respect to anything the rows mean, and
    which no order or batch changes; nor do shards, but for rows that several of them have.
    """

    def __init__(self, most: int = MOST) -> None:
        """Keep at most `most` rows."""
        self._most = most
        self._rows: list[Tensor] = []
        self._numbers: list[np.ndarray] = []
        self._seen: Counter[int] = Counter()  # how often each content was, by its number

    def update(self, rows: Tensor, numbers: Tensor | None = None) -> None:
        """Take in float32 rows (N, D), or those that another sample held, with their numbers."""
        found = _numbers(content_numbers(rows), self._seen) if numbers is None else numbers.numpy().view(np.uint64)
        if sum(map(len, self._numbers)) >= self._most and len(self._numbers) == 1:
            below = found < self._numbers[0][-1]
            rows, found = rows[torch.from_numpy(below)], found[below]
        if len(found):
            self._rows.append(rows.clone())
            self._numbers.append(found)
        if sum(map(len, self._numbers)) > 2 * self._most:
            self._prune()

    def held(self) -> tuple[Tensor, Tensor]:
        """The rows and their numbers, int64 (K,), as `update` takes them."""
        if not self._rows:
            return torch.empty(0, 0), torch.empty(0, dtype=torch.int64)
        self._prune()
        return self._rows[0], torch.from_numpy(self._numbers[0].view(np.int64))

    @property
    def rows(self) -> Tensor:
        """float32 (min(N, most), D)."""
        return self.held()[0]

    def _prune(self) -> None:
        numbers = np.concatenate(self._numbers)
        kept = np.argsort(numbers, kind="stable")[: self._most]
        self._rows, self._numbers = [torch.cat(self._rows)[torch.from_numpy(kept)]], [numbers[kept]]


def draw(rows: Tensor, most: int) -> np.ndarray:
    """The numbers of at most `most` of rows (N, D), int64: a uniform draw, whatever their order.

    >>> len(set(draw(torch.tensor([[1.0]] * 50 + [[2.0]] * 50), 20).tolist()))
    20
    """
    found: np.ndarray = np.argsort(_numbers(content_numbers(rows), Counter()), kind="stable")[:most]
    return found


def _numbers(keys: np.ndarray, seen: Counter[int]) -> np.ndarray:
    """Of contents (N,) => of each copy its own number, the content's of the first; `seen` counts them on."""
    earlier = np.empty(len(keys), np.uint64)
    for place, key in enumerate(keys.tolist()):
        earlier[place] = seen[key]
        seen[key] += 1
    return np.where(earlier == 0, keys, _mixed(keys + earlier * np.uint64(_STRIDE)))


def content_numbers(rows: Tensor) -> np.ndarray:
    """A pseudo-random number of each row's content, uint64 (N,): a sum of products modulo 2^64, then mixed.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> bool((content_numbers(x) == content_numbers(x.flip(0))[::-1]).all())
    True
    """
    words = np.ascontiguousarray(rows.numpy()).view(np.uint32)
    weights = np.random.default_rng(_SEED).integers(0, 2**63, words.shape[1], dtype=np.uint64) * 2 + 1
    sums = np.concatenate([part.astype(np.uint64) @ weights for part in np.array_split(words, len(words) // 1024 + 1)])
    return _mixed(sums)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """All bits of uint64 (N,) made to depend on all (Steele, Lea, Flood 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(numbers ^ (numbers >> np.uint64(31)))
