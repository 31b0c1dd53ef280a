"""Convolutions with fewer products along one axis: Winograd's minimal filtering (Lavin, Gray, arXiv 1509.09308).

A tile of m outputs of a filter of r taps takes m + r - 1 products where the definition takes m r: tile and filter are
taken for polynomials, multiplied by their values at m + r - 2 points and at infinity (Toom and Cook). What is gained
in products is paid for in digits: here an output is off by up to 1e-5 of the largest one, computed directly by 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import Conv2d, Module
from torch.nn.functional import pad

_HALF = Fraction(1, 2)
POINTS: dict[int, tuple[Fraction | int, ...]] = {
    6: (0, 1, -1, _HALF, -2),
    8: (0, 1, -1, _HALF, -_HALF, 2, -2),
    10: (0, 1, -1, _HALF, -_HALF, 2, -2, 3 * _HALF / 2, -3 * _HALF / 2),
}
"""By m + r - 1: small fractions of either sign, which lose few digits."""
OUTPUTS = {3: 4, 5: 4, 7: 4}
"""Taps of a filter => outputs of a tile."""


@dataclass(frozen=True)
class Transform:
    """One axis: y = outputs @ ((filters @ w) * (inputs @ x)), for m outputs, r taps and n = m + r - 1 inputs.

    Attributes:
        outputs: (m, n). filters: (n, r). inputs: (n, n). All float64.
    """

    outputs: Tensor
    filters: Tensor
    inputs: Tensor

    @property
    def tile(self) -> int:
        """m."""
        return len(self.outputs)


def transform(taps: int) -> Transform:
    """The matrices for a filter of `taps` taps, computed in exact fractions and rounded once.

    >>> axis = transform(3)
    >>> w, x = torch.tensor([1.0, 2.0, 3.0]).double(), torch.arange(6.0).double()
    >>> (axis.outputs @ ((axis.filters @ w) * (axis.inputs @ x))).round(decimals=9)
    tensor([ 8., 14., 20., 26.], dtype=torch.float64)
    """
    m = OUTPUTS[taps]
    points = [Fraction(point) for point in POINTS[m + taps - 1]]
    scales = [_product([point - other for other in points if other != point]) for point in points]
    outputs = [[point**power for point in points] + [Fraction(power == m - 1)] for power in range(m)]
    filters = [[point**power / scale for power in range(taps)] for point, scale in zip(points, scales)]
    filters.append([Fraction(power == taps - 1) for power in range(taps)])
    inputs = [[*_from_roots([other for other in points if other != point]), Fraction(0)] for point in points]
    inputs.append(_from_roots(points))
    return Transform(*(_matrix(rows) for rows in (outputs, filters, inputs)))


def _product(factors: Sequence[Fraction]) -> Fraction:
    result = Fraction(1)
    for factor in factors:
        result *= factor
    return result


def _from_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """Coefficients of the polynomial with these roots, the constant one first."""
    made = [Fraction(1)]
    for root in roots:
        made = [low - root * high for low, high in zip([Fraction(0), *made], [*made, Fraction(0)])]
    return made


def _matrix(rows: Sequence[Sequence[Fraction]]) -> Tensor:
    return torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)


PLACES = 340
"""Tiles at a time: enough to fill a matrix product, few enough to stay in the cache."""
NARROWEST = 48
"""Channels below which a filter of two dimensions gains less than its transforms cost."""


def saves(convolution: Conv2d) -> bool:
    """Whether `WinogradConv2d` can take this convolution's place, and is faster."""
    plain = (convolution.stride, convolution.dilation, convolution.groups) == ((1, 1), (1, 1), 1)
    down, across = convolution.kernel_size
    line, square = min(down, across) == 1, down == across and convolution.in_channels >= NARROWEST
    return plain and max(down, across) in OUTPUTS and (line or square)


class WinogradConv2d(Module):
    """The same function as `convolution` but for rounding, for float32 on a CPU. See `saves`.

    A filter of two dimensions is one along each of its rows, which are summed: along both axes at once there are fewer
    products still, but what they save goes to moving the transforms' memory.
    """

    def __init__(self, convolution: Conv2d) -> None:
        super().__init__()
        assert isinstance(convolution.padding, tuple)
        assert convolution.bias is not None
        self.kernel, self.padding, self.bias = convolution.kernel_size, convolution.padding, convolution.bias
        along = 1 if self.kernel[1] > 1 else 0
        axis = transform(self.kernel[along])
        self.tile = (axis.tile, 1) if along == 0 else (1, axis.tile)
        self.reach = (len(axis.inputs), 1) if along == 0 else (1, len(axis.inputs))
        self.outputs, self.inputs = axis.outputs.float(), axis.inputs.float()
        lines = convolution.weight.detach().double().movedim(2 + along, -1)
        self.filters = torch.einsum("ij,oclj->lico", axis.filters, lines).float().contiguous()

    def forward(self, x: Tensor, *, relu: bool = False) -> Tensor:
        """(N, C, H, W) => (N, O, H', W'), channels last."""
        sides = [side + 2 * edge - taps + 1 for side, edge, taps in zip(x.shape[2:], self.padding, self.kernel)]
        counts = [-(-side // step) for side, step in zip(sides, self.tile)]
        together = max(1, PLACES // (counts[0] * counts[1]))
        made = x.new_empty(len(x), counts[0], self.tile[0], counts[1], self.tile[1], self.filters.shape[3])
        for part, place in zip(torch.split(x, together), torch.split(made, together)):
            self._convolve(part, counts, place)
        cut = made.flatten(3, 4).flatten(1, 2)[:, : sides[0], : sides[1]].permute(0, 3, 1, 2)
        return cut.relu_() if relu else cut

    def _convolve(self, x: Tensor, counts: Sequence[int], place: Tensor) -> None:
        """(N, C, H, W) => `place`, (N, tiles down, outputs down, tiles across, outputs across, O)."""
        rows = counts[0] + len(self.filters) - 1  # of tiles: all that the filters' rows meet
        tiles = self._tiles(x, (rows, counts[1]))
        values = (self.inputs @ tiles.reshape(len(self.inputs), -1)).view(len(self.inputs), rows, -1, x.shape[1])
        met = [values[:, row : row + counts[0]].flatten(1, 2) for row in range(len(self.filters))]
        products = torch.bmm(met[0], self.filters[0])
        for tile, line in zip(met[1:], self.filters[1:]):
            products.baddbmm_(tile, line)
        made = (self.outputs @ products.flatten(1)).view(*self.tile, counts[0], len(x), counts[1], -1)
        torch.add(made.permute(3, 2, 0, 4, 1, 5), self.bias, out=place)

    def _tiles(self, x: Tensor, counts: Sequence[int]) -> Tensor:
        """(N, C, H, W) => (inputs of a tile down, across, tiles down, N, tiles across, C), overlapping itself."""
        whole = [(count - 1) * step + inner for count, step, inner in zip(counts, self.tile, self.reach)]
        below, right = (size - side - edge for size, side, edge in zip(whole, x.shape[2:], self.padding))
        rows = pad(x.permute(0, 2, 3, 1), (0, 0, self.padding[1], right, self.padding[0], below))
        image, down, across, channel = rows.stride()
        strides = (down, across, down * self.tile[0], image, across * self.tile[1], channel)
        return rows.as_strided((*self.reach, counts[0], len(x), counts[1], x.shape[1]), strides)
