"""Feature rows as a solver meets them: matrices of which only products are ever taken, a block at a time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganeval.streams import side_by_side

CPU = torch.device("cpu")
_BLOCK_BYTES = 2**21  # read twice by a step of the solver, the second time from the cache
_BLOCK_BYTES_GPU = 2**28
_SUMMED = 256  # rows, or a block that has more, whose products are added up in float32

Values = Tensor | npt.NDArray[np.float32]


class Rows:
    """Rows (n, d), float32, with a constant column (n, 1) appended that no memory is spent on: the intercept's.

    Products are float32 within a few hundred rows and summed over these in float64. Vectors lie along the second axis,
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

    def blocks(self, places: slice) -> Iterator[tuple[slice, Tensor]]:
        """(places, float32 (m, d) on the device), each row of these places once, in order."""
        for first in range(places.start, places.stop, self.step):
            part = slice(first, min(first + self.step, places.stop))
            yield part, self.values[part].to(self.device, torch.float32)

    def scores(self, weights: Tensor) -> Tensor:
        """Weights (K, d + 1) => their products with all rows, float64 (K, n)."""
        vectors, constant = self._split(weights)
        made = torch.empty(len(weights), self.count, dtype=torch.float64, device=self.device)

        def stream(places: slice) -> None:
            for part, block in self.blocks(places):
                made[:, part] = (vectors @ block.T).double()

        side_by_side(stream, self._shares())
        return made.add_(constant)

    def combined(self, coefficients: Tensor) -> Tensor:
        """Coefficients (K, n) => the sums of the rows that they weight, float64 (K, d + 1)."""
        total = self._summed(len(coefficients), lambda part, block: coefficients[:, part].float())
        return self._joined(total, coefficients.sum(1, keepdim=True))

    def curvature(self, directions: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of directions (K, d + 1), and the sum of the rows of each k where `active` (K, n), weighted by them.

        One sweep over the rows: a block is still in the cache when it is needed again.

        Returns:
            float64 (K, n) and (K, d + 1).
        """
        vectors, constant = self._split(directions)
        scores = torch.empty(len(directions), self.count, dtype=torch.float64, device=self.device)
        offset = constant.float()

        def weights(part: slice, block: Tensor) -> Tensor:
            found = (vectors @ block.T).add_(offset)
            scores[:, part] = found.double()
            return found.mul_(active[:, part])

        total = self._summed(len(directions), weights)
        return scores, self._joined(total, (scores * active).sum(1, keepdim=True))

    def mixed(self, coefficients: Tensor) -> Tensor:
        """`combined` in float32, some columns at a time: for a few hundred sums, whose float64 would be much memory."""
        made = torch.empty(len(coefficients), self.width + 1, device=self.device)
        for part, columns in self._columns():
            made[:, part] = coefficients.float() @ columns
        made[:, -1] = self.scale * coefficients.sum(1)
        return made

    def _summed(self, count: int, weights: Callable[[slice, Tensor], Tensor]) -> Tensor:
        """The sum of all rows, weighted by what `weights` says of each block (K, m); float64 (K, d)."""

        def stream(places: slice) -> Tensor:
            total = _Sum(count, self.width, self.device)
            for part, block in self.blocks(places):
                total.add(weights(part, block), block)
            return total.found()

        total, *others = side_by_side(stream, self._shares())
        for each in others:
            total += each
        return total

    def _shares(self) -> list[slice]:
        """A part of the rows for each core, cut where float32 sums end, so that these do not depend on the cores."""
        streams = torch.get_num_threads() if self.device.type == "cpu" else 1
        together = self.step * math.ceil(_SUMMED / self.step)
        share = together * math.ceil(self.count / (together * streams))
        return [slice(first, min(first + share, self.count)) for first in range(0, self.count, share)]

    def taken(self, places: Tensor) -> Rows:
        """A copy of some rows, in memory."""
        return Rows(self.values[places.to(self.values.device)], device=self.device, scale=self.scale)

    def gram(self) -> Tensor:
        """Products of all pairs of rows, float64 (n, n)."""
        total = torch.full((self.count, self.count), self.scale**2, dtype=torch.float64, device=self.device)
        for _, columns in self._columns():
            total += (columns @ columns.T).double()
        return total

    def _columns(self) -> Iterator[tuple[slice, Tensor]]:
        """(places, float32 (n, m) on the device), a few hundred columns at a time."""
        for first in range(0, self.width, 512):
            part = slice(first, min(first + 512, self.width))
            yield part, self.values[:, part].to(self.device, torch.float32)

    def _split(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        return weights[:, :-1].float(), self.scale * weights[:, -1:]

    def _joined(self, sums: Tensor, counts: Tensor) -> Tensor:
        return torch.cat([sums, self.scale * counts], 1)


class _Sum:
    """The sum of rows (m, d) weighted by coefficients (K, m), over blocks that come one after the other."""

    def __init__(self, count: int, width: int, device: torch.device) -> None:
        self._total = torch.zeros(count, width, dtype=torch.float64, device=device)
        self._recent = torch.zeros(count, width, dtype=torch.float32, device=device)
        self._rows = 0

    def add(self, coefficients: Tensor, block: Tensor) -> None:
        """One block. Blocks of wide rows are short: to widen every product would be one more pass over (K, d)."""
        self._recent.addmm_(coefficients, block)
        self._rows += len(block)
        if self._rows >= _SUMMED:
            self.found()

    def found(self) -> Tensor:
        """Of all blocks so far, float64 (K, d)."""
        self._total += self._recent
        self._recent.zero_()
        self._rows = 0
        return self._total


def _tensor(values: Values) -> Tensor:
    """The values without a copy. Torch warns of arrays that are not to be written, and nothing here writes."""
    if isinstance(values, Tensor):
        return values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(values)
