"""Convolutions along one axis with fewer products: Winograd's minimal filtering (Lavin, Gray, arXiv 1509.09308).

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
    10: (0, 1, -1, _HALF, -_HALF, 2, -2, 3 * _HALF / 2, -3 * _HALF / 2),
}
"""By m + r - 1: those that lose the fewest digits, found by trying."""
OUTPUTS = {3: 4, 7: 4}
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


def saves(convolution: Conv2d) -> bool:
    """Whether `WinogradConv2d` can take this convolution's place, and is faster.

    Along both axes at once there are fewer products still, but what they save goes to moving the transforms' memory.
    """
    plain = (convolution.stride, convolution.dilation, convolution.groups) == ((1, 1), (1, 1), 1)
    return plain and min(convolution.kernel_size) == 1 and max(convolution.kernel_size) in OUTPUTS


class WinogradConv2d(Module):
    """The same function as `convolution` but for rounding, for float32 on a CPU. See `saves`."""

    def __init__(self, convolution: Conv2d) -> None:
        super().__init__()
        assert isinstance(convolution.padding, tuple)
        assert convolution.bias is not None
        self.kernel, self.padding, self.bias = convolution.kernel_size, convolution.padding, convolution.bias
        axis = transform(max(self.kernel))
        self.tile = tuple(axis.tile if taps > 1 else 1 for taps in self.kernel)
        self.outputs, self.inputs = axis.outputs.float(), axis.inputs.float()
        weight = convolution.weight.detach().double().flatten(2)
        self.filters = torch.einsum("ij,ocj->ico", axis.filters, weight).float().contiguous()

    def forward(self, x: Tensor, *, relu: bool = False) -> Tensor:
        """(N, C, H, W) => (N, O, H', W'), channels last."""
        sides = [side + 2 * edge - taps + 1 for side, edge, taps in zip(x.shape[2:], self.padding, self.kernel)]
        counts = [-(-side // step) for side, step in zip(sides, self.tile)]
        together = max(1, PLACES // (counts[0] * counts[1]))
        made = x.new_empty(len(x), counts[0], self.tile[0], counts[1], self.tile[1], self.filters.shape[2])
        for part, place in zip(torch.split(x, together), torch.split(made, together)):
            self._convolve(part, counts, place)
        cut = made.flatten(3, 4).flatten(1, 2)[:, : sides[0], : sides[1]].permute(0, 3, 1, 2)
        return cut.relu_() if relu else cut

    def _convolve(self, x: Tensor, counts: Sequence[int], place: Tensor) -> None:
        """(N, C, H, W) => `place`, (N, tiles down, outputs down, tiles across, outputs across, O)."""
        tiles = self._tiles(x, counts)
        points, channels = len(self.inputs), x.shape[1]
        values = self.inputs @ tiles.reshape(points, -1)
        products = torch.bmm(values.view(points, -1, channels), self.filters)
        made = (self.outputs @ products.view(points, -1)).view(*self.tile, len(x), *counts, -1)
        torch.add(made.permute(2, 3, 0, 4, 1, 5), self.bias, out=place)

    def _tiles(self, x: Tensor, counts: Sequence[int]) -> Tensor:
        """(N, C, H, W) => (inputs of a tile down, across, N, tiles down, across, C), a view that overlaps itself."""
        reach = [step + taps - 1 for step, taps in zip(self.tile, self.kernel)]
        whole = [(count - 1) * step + inner for count, step, inner in zip(counts, self.tile, reach)]
        below, right = (size - side - edge for size, side, edge in zip(whole, x.shape[2:], self.padding))
        rows = pad(x.permute(0, 2, 3, 1), (0, 0, self.padding[1], right, self.padding[0], below))
        image, down, across, channel = rows.stride()
        strides = (down, across, image, down * self.tile[0], across * self.tile[1], channel)
        return rows.as_strided((*reach, len(x), *counts, x.shape[1]), strides)
