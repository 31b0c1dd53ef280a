"""Work that is done in several threads at once, each with its share of the cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(run: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """`run` of every item, in order, one on each core rather than all cores on one: they would wait for each other.

    Gradients are off. There are as many cores as torch may use threads (`torch.set_num_threads`).

    >>> side_by_side(len, ["a", "bc"])
    [1, 2]
    """
    threads = torch.get_num_threads()
    streams = min(threads, len(items))

    def quietly(item: Item) -> Result:
        with torch.no_grad():  # which holds for the thread that says so
            return run(item)

    if streams <= 1:
        return [quietly(item) for item in items]
    try:
        with ThreadPoolExecutor(streams, initializer=torch.set_num_threads, initargs=(threads // streams,)) as pool:
            return [*pool.map(quietly, items)]
    finally:
        torch.set_num_threads(threads)
