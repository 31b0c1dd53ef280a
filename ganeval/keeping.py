"""What is computed once and stays as long as what it was computed from. Knows objects, no numbers."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
_Key: TypeAlias = tuple[Hashable, ...]


class Kept(Generic[T]):
    """Values by the objects they were made from, their owners; a value goes with the first of these that goes.

    Threads that ask for a value at once wait for the one that makes it. A value that was made from tensors which were
    changed in place since is made again. A value must not hold its owners: they would never go.

    >>> import torch
    >>> sums, row = Kept[float](), torch.ones(3)
    >>> sums.get([row], lambda: float(row.sum())), sums.get([row], lambda: 0.0)
    (3.0, 3.0)
    """

    def __init__(self) -> None:
        self._slots: dict[_Key, _Slot[T]] = {}
        self._adding = threading.Lock()

    def __len__(self) -> int:
        return len(self._slots)

    def holds(self, owners: Sequence[object], *key: Hashable) -> bool:
        """Whether there is, or was, a value for these owners and this key."""
        return _key(owners, key) in self._slots

    def get(self, owners: Sequence[object], make: Callable[[], T], *key: Hashable) -> T:
        """The value for these owners and this key, from `make()` where there is none yet."""
        slot, state = self._slot(owners, key), _state(owners)
        with slot.making:
            if slot.made is None or slot.made[0] != state:
                slot.made = state, make()
            return slot.made[1]

    def _slot(self, owners: Sequence[object], key: _Key) -> _Slot[T]:
        whole = _key(owners, key)
        with self._adding:
            if whole not in self._slots:
                self._slots[whole] = _Slot()
                for owner in owners:
                    weakref.finalize(owner, self._slots.pop, whole, None).atexit = False
            return self._slots[whole]


class _Slot(Generic[T]):
    def __init__(self) -> None:
        self.making = threading.Lock()
        self.made: tuple[_Key, T] | None = None


def _key(owners: Sequence[object], key: _Key) -> _Key:
    return (*map(id, owners), *key)


def _state(owners: Sequence[object]) -> _Key:
    """Tensors count their changes in place."""
    return tuple(getattr(owner, "_version", None) for owner in owners)
