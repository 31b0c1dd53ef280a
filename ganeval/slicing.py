"""Optimal transport along lines: samples are projected, and sorting finds the best plan. Knows no metric."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganeval.distances import blocks, selected
from ganeval.keeping import Kept
from ganeval.streams import side_by_side

_MOST_KEPT = 2**21  # 16 MiB of projections
_BLOCK = 15 * 2**19  # projections at a time: as float32 under 32 MiB, beyond which malloc has fresh pages cleared
_kept: Kept[Tensor] = Kept()


class _Last(threading.local):
    """What the thread drew last: the halves of a metric's samples ask for its directions again."""

    asked: tuple[int, int, str] | None = None
    found: tuple[Tensor, Mapping[str, Any]]


_last = _Last()


def unit_directions(count: int, width: int, rng: np.random.Generator) -> Tensor:
    """Uniform draws from the whole unit sphere, float64 (count, width), not to be changed.

    >>> round(unit_directions(2, 3, np.random.default_rng(0)).square().sum().item(), 12)
    2.0
    """
    if not isinstance(rng, np.random.Generator):
        return _drawn(count, width, rng)
    asked = count, width, repr(rng.bit_generator.state)
    if _last.asked != asked:
        _last.found = _drawn(count, width, rng), rng.bit_generator.state
        _last.asked = asked
    directions, rng.bit_generator.state = _last.found
    return directions


def _drawn(count: int, width: int, rng: np.random.Generator) -> Tensor:
    normal: Tensor = torch.from_numpy(rng.standard_normal((count, width)))
    return normal.div_(normal.norm(dim=1, keepdim=True))


def plan(n: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """The monotone plan between n and m sorted points of equal mass: two times indices (L,), masses (L,) adding to 1.

    Counts need not agree: mass is cut where either side's point is used up, so that no sample is left out.

    >>> [part.tolist() for part in plan(1, 2)]
    [[0, 0], [0, 1], [0.5, 0.5]]
    """
    cuts = torch.from_numpy(np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n))  # in units of 1 / (n m)
    lengths = torch.diff(cuts, prepend=cuts.new_zeros(1))
    starts = cuts - lengths
    return starts // m, starts // n, lengths.double() / (n * m)


def wasserstein(x: Tensor, y: Tensor, directions: Tensor, p: int = 2) -> Tensor:
    """W_p^p between the projections of x (M, D) and y (N, D) on each of `directions` (K, D), float64 (K,).

    Projections have the precision of `directions`; means are float64 in any case.

    >>> x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [3.0]])
    >>> wasserstein(x, y, torch.ones(1, 1).double()).tolist()
    [9.0]
    """
    found = [torch.empty(0, dtype=torch.float64)]
    step = max(1, _BLOCK // max(len(x), len(y)))
    for some in [directions] if step >= len(directions) else torch.split(directions, step):
        a, b = (_sorted(_projected(rows, some)) for rows in (x, y))
        found.append(_mean_powers(a, b, p))
    return torch.cat(found)


def _projected(rows: Tensor, directions: Tensor) -> Tensor:
    """rows (N, D) on directions (K, D), (K, N) like `directions`. Halves of a sample share those of the whole."""
    part_of = selected(rows)
    if part_of and len(part_of[0]) * len(directions) <= _MOST_KEPT:
        whole, numbers = part_of
        known = _kept.get([whole, directions], lambda: _projections(whole, directions))
        return torch.from_numpy(known.numpy().take(numbers.numpy(), 1))
    return _projections(rows, directions)


def _projections(rows: Tensor, directions: Tensor) -> Tensor:
    projections = torch.empty(len(directions), len(rows), dtype=directions.dtype)
    for part in blocks(len(rows), rows.shape[1]):
        torch.mm(directions, rows[part].to(directions.dtype).T, out=projections[:, part])
    return projections


def _sorted(projections: Tensor) -> Tensor:
    """Ascending along each row of (K, N), in place.

    By numpy along memory, which is seven times as fast as across it, on as many threads as torch may use.
    """
    side_by_side(np.ndarray.sort, np.array_split(projections.numpy(), torch.get_num_threads()))
    return projections


def _mean_powers(a: Tensor, b: Tensor, p: int) -> Tensor:
    """Mean |difference|^p under the monotone plan between sorted a (K, M) and b (K, N), which it overwrites, (K,)."""
    if a.shape == b.shape:
        apart = a.sub_(b)
        powers = apart.square_() if p == 2 else apart.abs_() if p == 1 else apart.abs_().pow_(p)
        return torch.from_numpy(powers.numpy().mean(1, dtype=np.float64))  # torch would widen all of them first
    left, right, masses = plan(a.shape[1], b.shape[1])
    return a[:, left].sub_(b[:, right]).abs_().pow_(p).double() @ masses
