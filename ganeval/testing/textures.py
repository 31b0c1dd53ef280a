"""Seeded images with structure, for tests and benchmarks: noise alone looks the same to most networks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def textures(count: int, side: int, seed: int, *, contrast: float = 1.0) -> npt.NDArray[np.uint8]:
    """uint8 (count, side, side, 3): random colour fields at several scales, blended, with a disc in each."""
    rng = np.random.default_rng(seed)
    images = sum(_field(rng, count, side, cells) for cells in (2, 5, 11)) / 3
    rows, columns = np.mgrid[:side, :side] / side
    centres = rng.uniform(0.2, 0.8, (count, 2, 1, 1))
    radii = rng.uniform(0.05, 0.3, (count, 1, 1))
    disc = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2 < radii**2
    images = np.where(disc[..., None], rng.uniform(0, 255, (count, 1, 1, 3)), images)
    return ((images - 128) * contrast + 128).round().clip(0, 255).astype(np.uint8)


def _field(rng: np.random.Generator, count: int, side: int, cells: int) -> npt.NDArray[np.float64]:
    """Bilinear blend of a cells x cells lattice of random colours, (count, side, side, 3)."""
    lattice = rng.uniform(0, 255, (count, cells, cells, 3))
    place = np.linspace(0, cells - 1, side)
    low = np.minimum(place.astype(int), cells - 2)
    share = place - low
    across = lattice[:, :, low] * (1 - share)[:, None] + lattice[:, :, low + 1] * share[:, None]
    rows = share[:, None, None]
    blended: npt.NDArray[np.float64] = across[:, low] * (1 - rows) + across[:, low + 1] * rows
    return blended
