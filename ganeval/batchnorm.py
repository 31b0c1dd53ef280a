"""Batch norms' statistics, taken anew. Knows torch, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def reestimate(network: Module, batches: Iterable[Tensor]) -> int:
    """Replace what the batch norms of `network` remember by the statistics of `batches`; returns how many norms it has.

    Each norm gets the mean over batches of a batch's mean and variance (divided by its count, not one less), while
    every batch is normalised by its own: what Radford et al. did with 128 images a batch. All else runs in evaluation
    mode. Without batch norms no batch is asked for.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    if not norms:
        return 0
    gathered = {norm: _Gathered(norm) for norm in norms}
    network.eval()
    handles = [norm.register_forward_pre_hook(gathered[norm].hear) for norm in norms]
    try:
        for norm in norms:
            norm.train()
        for batch in batches:
            network(batch)
    finally:
        for handle in handles:
            handle.remove()
        network.eval()
    for found in gathered.values():
        found.write()
    return len(norms)


class _Gathered:
    """Sums over batches, float64, of what one norm was given."""

    def __init__(self, norm: _BatchNorm) -> None:
        assert norm.running_mean is not None
        self.norm, self.count = norm, 0
        self.mean = torch.zeros_like(norm.running_mean, dtype=torch.float64)
        self.variance = torch.zeros_like(self.mean)

    def hear(self, _: Module, inputs: tuple[Tensor, ...]) -> None:
        """One more batch (N, C, ...)."""
        values = inputs[0].transpose(0, 1).flatten(1).double()
        variance, mean = torch.var_mean(values, 1, correction=0)
        self.mean += mean
        self.variance += variance
        self.count += 1

    def write(self) -> None:
        """Into the norm, unless it was never run."""
        if self.count:
            assert self.norm.running_mean is not None
            assert self.norm.running_var is not None
            self.norm.running_mean.copy_(self.mean / self.count)
            self.norm.running_var.copy_(self.variance / self.count)
