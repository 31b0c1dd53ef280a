"""Networks run on batches of one fixed size, whatever size comes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from ganeval.streams import side_by_side

Run: TypeAlias = Callable[[Tensor], dict[str, Tensor]]


def in_fixed_batches(run: Run, prepared: Tensor, size: int, *, alone: bool = False) -> dict[str, Tensor]:
    """`run` on `size` images at a time, the last batch filled up with copies of its first image, which are cut off.

    Convolutions choose their algorithm by the batch's shape, and with it the order of their sums: only at a fixed
    shape do an image's rows come out bit for bit the same, whoever shares its batch. A small size is also faster on a
    CPU, where it keeps activations in the cache.

    Args:
        alone: whether `run` must not run in two threads at once.
    """
    batches = [_filled(part, size) for part in torch.split(prepared, size)]
    parts = [run(batch) for batch in batches] if alone or prepared.is_cuda else side_by_side(run, batches)
    return {layer: torch.cat([part[layer] for part in parts])[: len(prepared)] for layer in parts[0]}


def _filled(part: Tensor, size: int) -> Tensor:
    missing = size - len(part)
    return torch.cat([part, part[:1].expand(missing, -1, -1, -1)]) if missing else part
