"""The largest directions of a set of rows, by which a system of equations on them is made easy to solve."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.probes.rows import Rows

RANK = 128
_SAMPLED, _SAMPLED_ACTIVE = 1024, 512
_GAIN = 2  # how many times the cost of new spectra a step's products must have cost before they are made


@dataclass(frozen=True)
class Spectrum:
    """What is known of X^T X: its largest eigenvalues, their vectors, and the height of all others.

    Attributes:
        vectors: (r, d + 1), orthonormal; None where they are the axes themselves and r = d + 1.
        values: float64 (r,).
        rest: the eigenvalue that stands for those of all directions outside `vectors`.
        count: how many rows X has.
    """

    vectors: Tensor | None
    values: Tensor
    rest: float
    count: int

    def divided(self, residual: Tensor, factor: Tensor) -> Tensor:
        """(1 + factor X^T X)^-1 residual, as far as the spectrum is known; (K, d + 1), factors (K, 1)."""
        if self.vectors is None:
            return residual / (1 + factor * self.values)
        outside = 1 + factor * self.rest
        inside = 1 / (1 + factor * self.values) - 1 / outside
        along = residual.to(self.vectors.dtype) @ self.vectors.T
        return residual / outside + ((along * inside).to(self.vectors.dtype) @ self.vectors).double()


def sampled_spectrum(
    rows: Rows, places: Tensor | None = None, *, rank: int = RANK, sampled: int = _SAMPLED
) -> Spectrum:
    """From evenly spread rows of those at `places`, int64, or of all; every row counts as if it were like these."""
    count = len(rows) if places is None else len(places)
    chosen = torch.arange(min(count, sampled)) * count // min(count, sampled)
    part = rows.taken(chosen if places is None else places.cpu()[chosen])
    gram = part.gram()
    if not bool(gram.isfinite().all()):
        raise GanevalError("the features hold NaN or infinity, or are too large to be squared")
    values, vectors = torch.linalg.eigh(gram)
    rank = min(rank, int((values > 1e-6 * values[-1]).sum()), len(values) - 1)
    top = values[-rank:] if rank else values[:0]
    made = part.mixed((vectors[:, -rank:] / top.sqrt()).T) if rank else values.new_zeros(0, rows.width + 1)
    scale = count / len(part)
    return Spectrum(made, scale * top, scale * float(values[-rank - 1].clamp(min=0)) * 0.5, count)


class Preconditioner:
    """Approximate inverses of the Hessians 1 + 2C X_A^T X_A, A being a class's active rows.

    All classes begin with the spectrum of all rows, as if those in A were like the others. They are not, least of all
    near the solution: where steps come to take many products, each class gets the spectrum of its own.
    """

    def __init__(self, rows: Rows, common: Spectrum, classes: int) -> None:
        self.rows, self.products = rows, 0
        self.spectra = [common] * classes

    def inverse(self, active: Tensor, chosen: Tensor, penalty: float) -> Callable[[Tensor], Tensor]:
        """What takes residuals (K, d + 1) of the chosen classes to steps, for rows that are active (K, n)."""
        active_rows = active.sum(1).double()
        if self.products > self._renewal(active_rows):
            self._renew(active, chosen)
        spectra = [self.spectra[k] for k in chosen.nonzero()[:, 0].tolist()]
        counts = torch.tensor([each.count for each in spectra], dtype=torch.float64, device=active.device)
        factors = 2 * penalty * (active_rows / counts)[:, None]
        if all(each is spectra[0] for each in spectra):
            return lambda residual: spectra[0].divided(residual, factors)
        each_at = [(slice(k, k + 1), one) for k, one in enumerate(spectra)]
        return lambda residual: torch.cat([one.divided(residual[at], factors[at]) for at, one in each_at])

    def took(self, products: int) -> None:
        """How many products with the rows the last step needed."""
        self.products = products

    def _renewal(self, active_rows: Tensor) -> float:
        """From how many products of a step on new spectra are worth it; never, where axes are known exactly."""
        if self.spectra[0].vectors is None:
            return math.inf
        # m^2 d multiplications for the products of m rows with each other, 2 n d for one product, forth and back
        return _GAIN * float(active_rows.clamp(max=_SAMPLED_ACTIVE).square().mean()) / (2 * len(self.rows))

    def _renew(self, active: Tensor, chosen: Tensor) -> None:
        for k, own in zip(chosen.nonzero()[:, 0].tolist(), active):
            places = own.nonzero()[:, 0]
            if len(places) > 1:
                self.spectra[k] = sampled_spectrum(self.rows, places, sampled=_SAMPLED_ACTIVE)
