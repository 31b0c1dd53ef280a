"""Log density ratios in up to three dimensions, by kernel densities and by histograms. Knows no metric.

Densities live on a grid: samples are spread over the nearest grid points, a Gaussian filter is the kernel, and values
between points are interpolated. The bandwidth is the one under which samples that were left out are likeliest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates
from torch import Tensor

from ganeval.classifier_ratios import FOLDS, whitened
from ganeval.keeping import Kept
from ganeval.ordering import ordered
from ganeval.ratios import WIDER, Array, LogRatios

WIDEST = 3
_POINTS = {1: 4096, 2: 224, 3: 64}  # along an axis of the grid
_MARGIN = 0.1  # of the range, on either side
_WIDTHS = 0.06 * 1.35 ** np.arange(12)  # bandwidths in standard deviations, tried for either set
_EMPTY = 1e-2  # of one sample: the density far from all; with less, one sample out there decides a mean of ratios
_FURTHEST = 30.0

_kept: Kept[LogRatios] = Kept()  # several metrics of the same sets ask


def kernel_ratios(real: Tensor, fake: Tensor, components: int) -> LogRatios:
    """T at every row of real (M, D) and fake (N, D) from kernel densities of the folds that it is not in.

    More than `components` dimensions are projected to the first principal ones, up to 3. Kept as long as both live.
    """
    return _kept.get((real, fake), lambda: _computed(real, fake, components), components)


def _computed(real: Tensor, fake: Tensor, components: int) -> LogRatios:
    sides, how, warnings = projected(real, fake, components)
    low, step = _grid(sides)
    places = [(side - low) / step for side in sides]
    folds = [_folds(len(side)) for side in sides]
    widths = [_bandwidth(place, step) for place in places]
    counted = [[_counts(side[part]) for part in parts] for side, parts in zip(places, folds)]
    found, wider = (_unseen(places, folds, counted, [t * w for w in widths], step) for t in (1.0, WIDER))
    spread = ", ".join(f"{width:.3g}" for width in widths)
    told = f"kernel densities of bandwidth {spread} (real, generated), {how}"
    return LogRatios(*found, told, warnings, wider=LogRatios(*wider, told))


def _unseen(
    places: Sequence[Array],
    folds: Sequence[Sequence[npt.NDArray[np.int64]]],
    counted: Sequence[Sequence[Array]],
    widths: Sequence[float],
    step: Array,
) -> tuple[Array, Array]:
    """T at the samples of either set, (FOLDS - 1, N), by densities of the folds that they are not in."""
    found = []
    for place, parts in zip(places, folds):
        p, q = (np.stack([_log_at(each, place, w, step) for each in own]) for own, w in zip(counted, widths))
        logs = np.clip(p - q, -_FURTHEST, _FURTHEST)
        found.append(np.concatenate([np.delete(logs[:, part], k, 0) for k, part in enumerate(parts)], 1))
    return found[0], found[1]


def projected(real: Tensor, fake: Tensor, components: int) -> tuple[list[Array], str, tuple[str, ...]]:
    """Both sets on at most `components` principal axes of their mixture, in an order that only values decide."""
    sides = whitened(ordered(real), ordered(fake), turn=False)
    kept = min(components, WIDEST, sides[0].shape[1])
    warnings: tuple[str, ...] = ()
    if sides[0].shape[1] > kept:
        warnings = (
            f"of {sides[0].shape[1]} dimensions only the first {kept} principal components are compared: the value "
            "for all of them is larger; kernel densities need three dimensions or fewer",
        )
    rng = np.random.default_rng(0)
    seed = int(rng.integers(2**32))
    mixed = [side[np.random.default_rng(seed).permutation(len(side)), :kept] for side in sides]
    return mixed, f"{kept} dimensions", warnings


def _folds(count: int) -> list[npt.NDArray[np.int64]]:
    return np.array_split(np.arange(count), FOLDS)


def _grid(sides: Sequence[Array]) -> tuple[Array, Array]:
    """Its corner and steps."""
    low = np.min([side.min(0) for side in sides], 0)
    high = np.max([side.max(0) for side in sides], 0)
    room = np.maximum(high - low, 1e-6)
    points = _POINTS[len(low)]
    return low - _MARGIN * room, room * (1 + 2 * _MARGIN) / (points - 1)


def _counts(places: Array) -> Array:
    """Samples (N, D), in steps of the grid, shared among the 2^D grid points around each."""
    width = places.shape[1]
    points = _POINTS[width]
    floor = np.clip(np.floor(places).astype(np.int64), 0, points - 2)
    part = places - floor
    counts = np.zeros(points**width)
    for corner in np.ndindex(*(2,) * width):
        index = np.ravel_multi_index(tuple((floor + corner).T), (points,) * width)
        counts += np.bincount(index, np.prod(np.where(corner, part, 1 - part), 1), len(counts))
    return counts.reshape((points,) * width)


def _smooth(counts: Array, width: float, step: Array) -> Array:
    found: Array = gaussian_filter(counts, width / step, mode="constant", truncate=4)
    return found


def _log_at(counts: Array, places: Array, width: float, step: Array) -> Array:
    """Log of the kernel density of samples counted on the grid at `places` (N, D), up to the grid's constant."""
    number = counts.sum()
    values = map_coordinates(_smooth(counts, width, step), places.T, order=1, mode="nearest") / number
    peak = float(np.prod(np.minimum(step / (width * np.sqrt(2 * np.pi)), 1.0)))
    found: Array = np.log(np.maximum(values, _EMPTY * peak / number))
    return found


def _bandwidth(places: Array, step: Array) -> float:
    """In standard deviations of the mixture: fitted to two folds, likeliest for the third, over all three of them."""
    scores = np.zeros(len(_WIDTHS))
    for part in _folds(len(places)):
        others = _counts(np.delete(places, part, 0))
        scores += [float(_log_at(others, places[part], width, step).sum()) for width in _WIDTHS]
    best = float(_WIDTHS[int(np.argmax(scores))])
    found: float = best * (2 ** (1 / (4 + places.shape[1])))  # a third of the samples is half of two thirds
    return found
