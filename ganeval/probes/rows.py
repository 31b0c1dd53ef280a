"""Feature rows as a solver meets them: matrices of which only products are ever taken, a block at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

CPU = torch.device("cpu")
_BLOCK_BYTES = 2**23  # read twice by a step of the solver, the second time from the cache; smaller ones cost more sums
_BLOCK_BYTES_GPU = 2**28

Values = Tensor | npt.NDArray[np.float32]


class Rows:
    """Rows (n, d), float32, with a constant column (n, 1) appended that no memory is spent on: the intercept's.

    Products are float32 within a block and summed over blocks in float64. Vectors lie along the second axis,
    (K, n) and (K, d + 1), since a few long rows are what matrix products run fastest on.

    Args:
        values: a tensor on any device, or an array that may be memory-mapped; never copied as a whole.
        device: where the products are taken.
        scale: the value of the appended column.
    """

    def __init__(self, values: Values, *, device: torch.device = CPU, scale: float = 1.0) -> None:
        self.values, self.device, self.scale = _tensor(values), device, scale
        self.count, self.width = self.values.shape
        budget = _BLOCK_BYTES if device.type == "cpu" else _BLOCK_BYTES_GPU
        self.step = max(16, budget // (4 * max(self.width, 1)))

    def __len__(self) -> int:
        return self.count

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """(places, float32 (m, d) on the device), each row once, in order."""
        for first in range(0, self.count, self.step):
            part = slice(first, min(first + self.step, self.count))
            yield part, self.values[part].to(self.device, torch.float32)

    def scores(self, weights: Tensor) -> Tensor:
        """Weights (K, d + 1) => their products with all rows, float64 (K, n)."""
        vectors, constant = self._split(weights)
        made = torch.empty(len(weights), self.count, dtype=torch.float64, device=self.device)
        for part, block in self.blocks():
            made[:, part] = (vectors @ block.T).double()
        return made.add_(constant)

    def combined(self, coefficients: Tensor) -> Tensor:
        """Coefficients (K, n) => the sums of the rows that they weight, float64 (K, d + 1)."""
        total = torch.zeros(len(coefficients), self.width, dtype=torch.float64, device=self.device)
        for part, block in self.blocks():
            total += (coefficients[:, part].float() @ block).double()
        return self._joined(total, coefficients.sum(1, keepdim=True))

    def curvature(self, directions: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of directions (K, d + 1), and the sum of the rows of each k where `active` (K, n), weighted by them.

        One sweep over the rows: a block is still in the cache when it is needed again.

        Returns:
            float64 (K, n) and (K, d + 1).
        """
        vectors, constant = self._split(directions)
        scores = torch.empty(len(directions), self.count, dtype=torch.float64, device=self.device)
        total = torch.zeros(len(directions), self.width, dtype=torch.float64, device=self.device)
        offset = constant.float()
        for part, block in self.blocks():
            found = (vectors @ block.T).add_(offset)
            scores[:, part] = found.double()
            total += (found.mul_(active[:, part]) @ block).double()
        return scores, self._joined(total, (scores * active).sum(1, keepdim=True))

    def taken(self, places: Tensor) -> Rows:
        """A copy of some rows, in memory."""
        return Rows(self.values[places.to(self.values.device)], device=self.device, scale=self.scale)

    def gram(self) -> Tensor:
        """Products of all pairs of rows, float64 (n, n); columns are taken a few hundred at a time."""
        total = torch.full((self.count, self.count), self.scale**2, dtype=torch.float64, device=self.device)
        for first in range(0, self.width, 512):
            part = self.values[:, first : first + 512].to(self.device, torch.float32)
            total += (part @ part.T).double()
        return total

    def _split(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        return weights[:, :-1].float(), self.scale * weights[:, -1:]

    def _joined(self, sums: Tensor, counts: Tensor) -> Tensor:
        return torch.cat([sums, self.scale * counts], 1)


def _tensor(values: Values) -> Tensor:
    """The values without a copy. Torch warns of arrays that are not to be written, and nothing here writes."""
    if isinstance(values, Tensor):
        return values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(values)
