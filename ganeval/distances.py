"""Distances between rows, and nearest ones, in float64 and in blocks of bounded memory. Knows matrices, no metric."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ganeval.keeping import Kept
from ganeval.linalg import gram

_BLOCK_ELEMENTS = 2**23  # 64 MiB of float64 per block of a pairwise matrix
_ROUNDING = 1e-13  # squared distances below this share of the squared norms are float64 rounding of an exact zero
_KEPT_ELEMENTS = 2**23  # a matrix of distances that is no larger is kept for the next metric that asks
_NARROW = 64  # columns, below which distances are computed as soon as copied, and not kept
_TILE = 2048  # rows and columns of a larger matrix that are looked at together: 32 MiB, which caches still help with

_kept: Kept[Tensor] = Kept()
_nearest: Kept[tuple[Tensor, Tensor]] = Kept()
_parts: dict[int, _Part] = {}  # by the id of the rows


class _Part(NamedTuple):
    """Rows that were taken out of others: row i is row `numbers[i]` of these."""

    whole: weakref.ref[Tensor]
    numbers: Tensor
    versions: tuple[int, int]


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices over `rows` such that a block of that many rows times `columns` stays small."""
    step = max(1, _BLOCK_ELEMENTS // max(columns, 1))
    return (slice(first, min(first + step, rows)) for first in range(0, rows, step))


def squared_distances(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield (rows of x, float64 squared Euclidean distances of those rows to all of y); the blocks are the caller's.

    Equal rows are at distance exactly 0: what float64 rounding leaves over is cleared. Both sides are moved by the mean
    of `y` first, which changes no distance and keeps that rounding small. A small matrix is kept as long as both
    tensors live, since a dozen metrics ask for the same one, and that of what `select` took is looked up in it; that of
    rows of few columns is quicker computed again.

    >>> x = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    >>> next(squared_distances(x, x))[1].tolist()
    [[0.0, 25.0], [25.0, 0.0]]
    """
    if not _kept.holds((x, y)) and _known(x, y):
        yield from _looked_up(x, y)
    elif _stays(x, y):
        distances = _kept_distances(x, y)
        yield from ((part, distances[part].clone()) for part in blocks(len(x), len(y)))
    else:
        yield from _squared_distances(x, y)


def _kept_distances(x: Tensor, y: Tensor) -> Tensor:
    def make() -> Tensor:
        if _known(x, y):
            return torch.cat([block for _, block in _looked_up(x, y)])
        if _turned(x, y):
            return _kept_distances(y, x).T.contiguous()
        return torch.cat([block for _, block in _squared_distances(x, y)])

    return _kept.get((x, y), make)


def _turned(x: Tensor, y: Tensor) -> bool:
    """Whether the distances of x to y are those of y to x: by content, so not by which was asked for first."""
    return float(x.sum()) > float(y.sum())


def _stays(x: Tensor, y: Tensor) -> bool:
    """Whether the distances of these rows are kept: small ones, and those of `keep_distances`."""
    return _small(x, y) or _kept.holds((x, y))


def _small(x: Tensor, y: Tensor) -> bool:
    return len(x) * len(y) <= _KEPT_ELEMENTS and x.shape[1] >= _NARROW


def keep_distances(x: Tensor, y: Tensor) -> None:
    """Compute the squared distances of x (M, D) to y (N, D) and keep them, however many, as long as both live.

    Then those of everything that `select` takes out of x and y are looked up.
    """
    _kept_distances(x, y)


def select(rows: Tensor, numbers: Tensor) -> Tensor:
    """rows[numbers], whose distances need no computing where those of `rows` are kept. numbers int64 (K,).

    >>> select(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([2, 0])).tolist()
    [[3.0], [1.0]]
    """
    taken = rows[numbers]
    _parts[id(taken)] = _Part(weakref.ref(rows), numbers, (rows._version, taken._version))
    weakref.finalize(taken, _parts.pop, id(taken), None).atexit = False
    return taken


def selected(taken: Tensor) -> tuple[Tensor, Tensor] | None:
    """The rows that `select` took these out of, and their numbers, where they live and neither has changed since."""
    found = _parts.get(id(taken))
    rows = found.whole() if found else None
    if found is None or rows is None or found.versions != (rows._version, taken._version):
        return None
    return rows, found.numbers


def _known(x: Tensor, y: Tensor) -> bool:
    """Whether the distances of these parts can be looked up in those of the wholes."""
    x_of, y_of = selected(x), selected(y)
    return x_of is not None and y_of is not None and _stays(x_of[0], y_of[0])


def _looked_up(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    x_of, y_of = selected(x), selected(y)
    assert x_of is not None
    assert y_of is not None
    distances = _kept_distances(x_of[0], y_of[0])
    yield from ((own, _submatrix(distances, x_of[1][own], y_of[1])) for own in blocks(len(x), len(y)))


def _submatrix(matrix: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """matrix[rows][:, columns] for int64 (M,) and (N,): by numpy, which takes columns four times as fast.

    >>> _submatrix(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1]), torch.tensor([1, 0])).tolist()
    [[4.0, 3.0]]
    """
    return torch.from_numpy(matrix.numpy().take(rows.numpy(), 0).take(columns.numpy(), 1))


class _Centred(NamedTuple):
    rows: Tensor
    norms: Tensor

    @classmethod
    def of(cls, rows: Tensor, centre: Tensor) -> _Centred:
        moved = rows.double() - centre
        return cls(moved, moved.square().sum(1))

    def squared_distances(self, other: _Centred) -> Tensor:
        if other is self:
            distances = gram(self.rows.T).mul_(-2).add_(self.norms)
        else:
            distances = torch.addmm(other.norms, self.rows, other.rows.T, alpha=-2)
        distances.add_(self.norms[:, None])
        if distances.numel() and float(distances.amin()) <= _ROUNDING * float(self.norms.max() + other.norms.max()):
            distances.masked_fill_(distances <= _ROUNDING * (self.norms[:, None] + other.norms), 0.0)
        return distances


def _squared_distances(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    centre = y.double().mean(0)
    theirs = _Centred.of(y, centre)
    for part in blocks(len(x), len(y)):
        ours = theirs if x is y and part == slice(0, len(y)) else _Centred.of(x[part], centre)
        yield part, ours.squared_distances(theirs)


def products(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield (rows of x, float64 dot products of those rows with all of y); the blocks are the caller's.

    Those of a small matrix come from its distances, which other metrics of the same rows share.

    >>> next(products(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])))[1].item()
    11.0
    """
    if not _stays(x, y):
        transposed = y.double().T
        yield from ((part, x[part].double() @ transposed) for part in blocks(len(x), len(y)))
        return
    rows, columns = x.double().square().sum(1), y.double().square().sum(1)
    for part, distances in squared_distances(x, y):
        yield part, distances.neg_().add_(rows[part, None]).add_(columns).mul_(0.5)


def neighbour_distances(x: Tensor, k: int) -> Tensor:
    """Distances from each row of x to its k nearest other rows, ascending, float64 (N, k).

    >>> neighbour_distances(torch.tensor([[0.0], [1.0], [3.0]]), 2).tolist()
    [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]
    """
    least = torch.full((len(x), k), torch.inf, dtype=torch.float64)
    for rows, columns, distances in _tiles(x, x, upper=True):
        if columns.start >= rows.stop:  # a tile above the diagonal is the one below it, too
            _merge(least[columns], distances.T)
        else:
            own = torch.arange(rows.start, rows.stop)
            distances[own - rows.start, own - columns.start] = torch.inf
        _merge(least[rows], distances)
    return least.sqrt()


def _merge(least: Tensor, distances: Tensor) -> None:
    """The k least of either, for each row, into `least` (N, k)."""
    k = least.shape[1]
    nearer = distances.amin(1) < least[:, -1]
    found = distances[nearer].topk(min(k, distances.shape[1]), largest=False).values
    least[nearer] = torch.cat([least[nearer], found], 1).topk(k, largest=False).values


def nearest(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of x: distance to, and index of, the nearest row of y. float64 (N,), int64 (N,), not to be changed.

    Kept as long as both live.

    >>> nearest(torch.tensor([[0.9]]), torch.tensor([[0.0], [1.0]]))[1].tolist()
    [1]
    """
    return _nearest.get((x, y), lambda: _searched(x, y))


def _searched(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    least, indices = torch.full((len(x),), torch.inf, dtype=torch.float64), torch.zeros(len(x), dtype=torch.int64)
    for rows, columns, distances in _tiles(x, y):
        nearer = rows.start + torch.nonzero(distances.amin(1) < least[rows])[:, 0]
        least[nearer], found = distances[nearer - rows.start].min(1)
        indices[nearer] = columns.start + found
    return least.sqrt(), indices


def balls_around(points: Tensor, centres: Tensor, radii: Tensor, *, strict: bool = False) -> Tensor:
    """For each point, in how many balls (centre, radius) it lies, int64 (N,). `strict` leaves the surface out.

    >>> balls_around(torch.tensor([[1.0], [5.0]]), torch.tensor([[0.0], [2.0]]), torch.tensor([1.0, 9.0])).tolist()
    [2, 1]
    """
    inside = torch.lt if strict else torch.le
    squares = radii.double().square()
    counts = [inside(distances, squares).sum(1) for _, distances in squared_distances(points, centres)]
    return torch.cat(counts)


def _tiles(x: Tensor, y: Tensor, *, upper: bool = False) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield (rows of x, rows of y, squared distances between them): of a large matrix in tiles, of a small one in rows.

    `upper`: of a large one, only the tiles on and above the diagonal. The tiles are the caller's.
    """
    if _stays(x, y) or _known(x, y):
        yield from ((part, slice(0, len(y)), distances) for part, distances in squared_distances(x, y))
        return
    centre = y.double().mean(0)
    ours = [(rows, _Centred.of(x[rows], centre)) for rows in _steps(len(x))]
    for number, columns in enumerate(_steps(len(y))):
        theirs = ours[number][1] if upper else _Centred.of(y[columns], centre)
        for rows, part in ours[: number + 1] if upper else ours:
            yield rows, columns, part.squared_distances(theirs)


def _steps(count: int) -> Iterator[slice]:
    return (slice(first, min(first + _TILE, count)) for first in range(0, count, _TILE))
