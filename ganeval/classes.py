"""Rows of two labelled image sets, class by class. Knows no metric."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.summaries import Labelled

ByClass = dict[int, tuple[Tensor, Tensor]]
"""Class number -> (rows of the real set, rows of the generated set), float32 (N, D), ascending by class."""


def by_class(real: Labelled, fake: Labelled, least: int, what: str) -> ByClass:
    """The rows of each class on either side.

    Raises:
        GanevalError: the two sets do not have the same classes, or fewer than `least` samples of one of them.
    """
    ours, theirs = _split(real), _split(fake)
    if ours.keys() != theirs.keys():
        raise GanevalError(
            f"{what} compares class with class, but the real set has {runs(ours)} and the generated set "
            f"{runs(theirs)}: give both the same classes, numbered alike. A small random sample may miss a class"
        )
    both = {number: (ours[number], theirs[number]) for number in ours}
    for number, rows in both.items():
        for name, part in zip(("real", "generated"), rows):
            if len(part) < least:
                raise GanevalError(
                    f"{what} needs at least {least} samples of each class, and class {number} of the {name} set has "
                    f"{len(part)}: use more images"
                )
    return both


def _split(summary: Labelled) -> dict[int, Tensor]:
    order = summary.labels.argsort(stable=True)
    numbers, counts = np.unique(summary.labels.numpy(), return_counts=True)
    return dict(zip(numbers.tolist(), torch.split(summary.rows[order], counts.tolist())))


def runs(classes: Iterable[int]) -> str:
    """Class numbers in words.

    >>> runs([0, 1, 2, 5, 7, 8])
    'classes 0 to 2, 5, 7 to 8'
    """
    numbers = sorted(classes)
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    words = [str(first) if first == last else f"{first} to {last}" for first, last in zip(starts, ends)]
    return f"class{'' if len(numbers) == 1 else 'es'} {', '.join(words)}"
