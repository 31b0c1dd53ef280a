"""Networks run on batches of one fixed size, whatever size comes in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def in_fixed_batches(run: Callable[[Tensor], dict[str, Tensor]], prepared: Tensor, size: int) -> dict[str, Tensor]:
    """`run` on `size` images at a time, the last batch filled up with copies of its first image, which are cut off.

    Convolutions choose their algorithm by the batch's shape, and with it the order of their sums: only at a fixed
    shape do an image's rows come out bit for bit the same, whoever shares its batch. A small size is also faster on a
    CPU, where it keeps activations in the cache.
    """
    parts = [run(_filled(part, size)) for part in torch.split(prepared, size)]
    return {layer: torch.cat([part[layer] for part in parts])[: len(prepared)] for layer in parts[0]}


def _filled(part: Tensor, size: int) -> Tensor:
    missing = size - len(part)
    return torch.cat([part, part[:1].expand(missing, -1, -1, -1)]) if missing else part
