"""The largest directions of a set of rows, by which a system of equations on them is made easy to solve."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.probes.rows import Rows

RANK = 128
_SAMPLED = 1024


@dataclass(frozen=True)
class Spectrum:
    """What is known of X^T X: its largest eigenvalues, their vectors, and the height of all others.

    Attributes:
        vectors: (r, d + 1), orthonormal; None where they are the axes themselves and r = d + 1.
        values: float64 (r,).
        rest: the eigenvalue that stands for those of all directions outside `vectors`.
    """

    vectors: Tensor | None
    values: Tensor
    rest: float

    def divided(self, residual: Tensor, factor: Tensor) -> Tensor:
        """(1 + factor X^T X)^-1 residual, as far as the spectrum is known; (K, d + 1), factors (K, 1)."""
        if self.vectors is None:
            return residual / (1 + factor * self.values)
        outside = 1 + factor * self.rest
        inside = 1 / (1 + factor * self.values) - 1 / outside
        along = residual.to(self.vectors.dtype) @ self.vectors.T
        return residual / outside + ((along * inside).to(self.vectors.dtype) @ self.vectors).double()


def sampled_spectrum(rows: Rows, rank: int = RANK, sampled: int = _SAMPLED) -> Spectrum:
    """From evenly spread rows, with all of them counted as if they were like these."""
    count = min(len(rows), sampled)
    chosen = torch.arange(count) * len(rows) // count
    part = rows.taken(chosen)
    gram = part.gram()
    if not bool(gram.isfinite().all()):
        raise GanevalError("the features hold NaN or infinity, or are too large to be squared")
    values, vectors = torch.linalg.eigh(gram)
    rank = min(rank, int((values > 1e-6 * values[-1]).sum()), len(values) - 1)
    top = values[-rank:] if rank else values[:0]
    made = part.combined((vectors[:, -rank:] / top.sqrt()).T).float() if rank else values.new_zeros(0, rows.width + 1)
    scale = len(rows) / len(part)
    return Spectrum(made, scale * top, scale * float(values[-rank - 1].clamp(min=0)) * 0.5)
