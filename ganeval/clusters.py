"""Clusters of rows, by k-means. Knows no metric."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganeval.distances import nearest


def kmeans(rows: Tensor, k: int, rng: np.random.Generator, *, rounds: int = 100) -> Tensor:
    """Centres (k, D) of k clusters, float64: Lloyd's iterations from k-means++ seeds (Arthur, Vassilvitskii 2007).

    Ends when no row changes its cluster, or after `rounds`. A cluster that loses its last row keeps its centre.

    >>> x = torch.tensor([[0.0], [2.0], [10.0], [12.0]])
    >>> kmeans(x, 2, np.random.default_rng(0)).sort(0).values.tolist()
    [[1.0], [11.0]]
    """
    rows = rows.double()
    centres, labels = _seeds(rows, k, rng), torch.full((len(rows),), -1)
    for _ in range(rounds):
        before, labels = labels, nearest(rows, centres)[1]
        if torch.equal(labels, before):
            break
        counts = torch.bincount(labels, minlength=k)
        sums = torch.zeros_like(centres).index_add_(0, labels, rows)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
    return centres


def _seeds(rows: Tensor, k: int, rng: np.random.Generator) -> Tensor:
    """k rows, each drawn with a probability proportional to its squared distance to those drawn before."""
    chosen = [int(rng.integers(len(rows)))]
    far = (rows - rows[chosen[0]]).square().sum(1)
    while len(chosen) < k:
        steps = far.cumsum(0)
        drawn = torch.searchsorted(steps, float(rng.random()) * float(steps[-1]), right=True)
        chosen.append(min(int(drawn), len(rows) - 1))  # the last row when fewer than k are different
        far = torch.minimum(far, (rows - rows[chosen[-1]]).square().sum(1))
    return rows[chosen]
