"""Linear algebra and distances in float64, in blocks of bounded memory. Knows matrices, no metric."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

_BLOCK_ELEMENTS = 2**23  # 64 MiB of float64 per block of a pairwise matrix
_ROUNDING = 1e-13  # squared distances below this share of the squared norms are float64 rounding of an exact zero
_KEPT_ELEMENTS = 2**23  # a matrix of distances that is no larger is kept for the next metric that asks

_kept: dict[tuple[int, int], tuple[tuple[int, int], Tensor]] = {}  # ids of x, y -> their versions, distances
_keeping = threading.Lock()  # or metrics that run at once would each compute what they share


def root(covariance: Tensor) -> Tensor:
    """A float64 (K, D) matrix R, K <= D, with R.T @ R = covariance: Cholesky, or by eigenvalues where it is singular.

    Eigenvalues that are rounding of 0 are left out: their roots would be as large as 1e-8 of the largest.

    >>> root(torch.tensor([[4.0, 0.0], [0.0, 0.0]], dtype=torch.float64)).abs().tolist()
    [[2.0, 0.0]]
    """
    upper: Tensor
    upper, info = torch.linalg.cholesky_ex(covariance, upper=True)
    zero = len(covariance) * torch.finfo(torch.float64).eps
    if int(info) == 0 and bool(upper.diagonal().square().min() > zero * covariance.diagonal().max()):
        return upper
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > zero * values[-1]
    partial: Tensor = values[kept].sqrt()[:, None] * vectors.T[kept]
    return partial


def trace_sqrt_product(a: Tensor, b: Tensor) -> float:
    """Trace of the square root of (a.T @ a) @ (b.T @ b), from factors a (M, D) and b (N, D).

    It is the nuclear norm of a @ b.T, a matrix of only min(M, N) singular values: no D x D square root is formed, and
    no complex numbers appear.

    >>> eye = torch.eye(3, dtype=torch.float64)
    >>> round(trace_sqrt_product(2 * eye, 3 * eye), 12)
    18.0
    """
    product = a @ b.T
    if min(product.shape) <= 1024:
        return float(torch.linalg.svdvals(product).sum())
    # Beyond that, eigenvalues of the Gram matrix cost half as much and agree to 1e-9.
    gram = product @ product.T if product.shape[0] <= product.shape[1] else product.T @ product
    return float(torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().sum())


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices over `rows` such that a block of that many rows times `columns` stays small."""
    step = max(1, _BLOCK_ELEMENTS // max(columns, 1))
    return (slice(first, min(first + step, rows)) for first in range(0, rows, step))


def squared_distances(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield (rows of x, float64 squared Euclidean distances of those rows to all of y); the blocks are the caller's.

    Equal rows are at distance exactly 0: what float64 rounding leaves over is cleared. Both sides are moved by the mean
    of `y` first, which changes no distance and keeps that rounding small. A small matrix is kept as long as both
    tensors live, since a dozen metrics ask for the same one.

    >>> x = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    >>> next(squared_distances(x, x))[1].tolist()
    [[0.0, 25.0], [25.0, 0.0]]
    """
    if not _stays(x, y):
        yield from _squared_distances(x, y)
        return
    with _keeping:
        distances = _kept_distances(x, y)
    for part in blocks(len(x), len(y)):
        yield part, distances[part].clone()


def _kept_distances(x: Tensor, y: Tensor) -> Tensor:
    key, versions = (id(x), id(y)), (x._version, y._version)
    before, distances = _kept.get(key, (None, None))
    if distances is None or before != versions:
        distances = torch.cat([block for _, block in _squared_distances(x, y)])
        _keep(x, y, distances)
    return distances


def _keep(x: Tensor, y: Tensor, distances: Tensor) -> None:
    key = (id(x), id(y))
    for tensor in (x, y) if key not in _kept else ():
        weakref.finalize(tensor, _kept.pop, key, None).atexit = False
    _kept[key] = (x._version, y._version), distances


def _stays(x: Tensor, y: Tensor) -> bool:
    """Whether the distances of these rows are kept: small ones, and those that were handed over."""
    return len(x) * len(y) <= _KEPT_ELEMENTS or (id(x), id(y)) in _kept


def keep_distances(x: Tensor, y: Tensor, distances: Tensor) -> None:
    """Hand over squared distances float64 (M, N) of x to y that are known already. They stay as long as both live.

    >>> x = torch.tensor([[0.0], [1.0]])
    >>> keep_distances(x, x, torch.full((2, 2), 7.0).double())
    >>> next(squared_distances(x, x))[1].tolist()
    [[7.0, 7.0], [7.0, 7.0]]
    """
    with _keeping:
        _keep(x, y, distances)


def _squared_distances(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    centre = y.double().mean(0)
    y = y.double() - centre
    y_norms = y.square().sum(1)
    for part in blocks(len(x), len(y)):
        rows = x[part].double() - centre
        sums = rows.square().sum(1)[:, None] + y_norms
        distances = torch.addmm(sums, rows, y.T, alpha=-2)
        yield part, distances.masked_fill_(distances <= _ROUNDING * sums, 0.0)


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
    result = torch.empty(len(x), k, dtype=torch.float64)
    for part, distances in squared_distances(x, x):
        own = torch.arange(part.start, part.stop)
        distances[own - part.start, own] = torch.inf
        result[part] = distances.topk(k, largest=False).values.sqrt()
    return result


def nearest(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of x: distance to, and index of, the nearest row of y. float64 (N,), int64 (N,).

    >>> nearest(torch.tensor([[0.9]]), torch.tensor([[0.0], [1.0]]))[1].tolist()
    [1]
    """
    values, indices = zip(*(distances.min(1) for _, distances in squared_distances(x, y)), strict=True)
    return torch.cat(values).sqrt(), torch.cat(indices)


def balls_around(points: Tensor, centres: Tensor, radii: Tensor, *, strict: bool = False) -> Tensor:
    """For each point, in how many balls (centre, radius) it lies, int64 (N,). `strict` leaves the surface out.

    >>> balls_around(torch.tensor([[1.0], [5.0]]), torch.tensor([[0.0], [2.0]]), torch.tensor([1.0, 9.0])).tolist()
    [2, 1]
    """
    inside = torch.lt if strict else torch.le
    squares = radii.double().square()
    counts = [inside(distances, squares).sum(1) for _, distances in squared_distances(points, centres)]
    return torch.cat(counts)


def ordered(rows: Tensor) -> Tensor:
    """The same rows in an order that depends on their values alone, so that a seeded draw from them does too.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> torch.equal(ordered(x), ordered(x.flip(0)))
    True
    """
    data = np.ascontiguousarray(rows.numpy())
    keys = data.view(np.dtype((np.void, data.itemsize * data.shape[1]))).ravel()
    return rows[torch.from_numpy(np.argsort(keys, kind="stable"))]


def shuffled(rows: Tensor, rng: np.random.Generator) -> Tensor:
    """The same rows in an order that `rng` draws and the order they come in does not change.

    >>> x = torch.tensor([[1.0], [2.0], [3.0]])
    >>> torch.equal(shuffled(x, np.random.default_rng(0)), shuffled(x.flip(0), np.random.default_rng(0)))
    True
    """
    return ordered(rows)[torch.from_numpy(rng.permutation(len(rows)))]


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
