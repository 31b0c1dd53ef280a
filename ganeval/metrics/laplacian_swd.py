"""Laplacian-pyramid sliced Wasserstein distance, as in progressive growing of GANs."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.slicing import unit_directions, wasserstein
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate
from ganeval.uncertainty.halving import halving

_PIXELS = 7 * 7


def _as_patches(numbers: Tensor) -> Tensor:
    """Numbers (N, 12) as rows of 32x32 images with one patch a level, whose pixels saturate at -1 and 1."""
    channels = numbers.clamp(-1, 1).reshape(-1, 3, 4)
    patch = channels.repeat_interleave(13, dim=2)[:, :, :_PIXELS].flatten(1)
    return torch.cat([torch.full((len(numbers), 1), 32.0), patch, patch], 1)


@metric(
    tap="laplacian.patches",
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Karras et al. 2018, arXiv:1710.10196",
    laws=Laws(sees=frozenset({"shift", "modes"}), rows=_as_patches),
    family="transport",
    cost="projections (P N log(P N) + P N D), P patches an image, per level",
    interval=halving(most=100),
)
def laplacian_swd(real: Features, fake: Features, *, projections: int = 512, rng: np.random.Generator) -> Estimate:
    """1000 times the sliced W_1 between 7x7 patches of either set, mean over the levels of a Laplacian pyramid.

    Formula: 1000 times the mean over levels of E_u W_1(u.x, u.y), over uniform unit directions u, with x and y patches
    of 147 values, normalised per level and colour channel to mean 0 and standard deviation 1 over the set, each set by
    its own.

    `details` hold the distance by level: fine levels tell of sharpness and noise, the coarsest of layout. The paper:
    16,384 images, 128 patches each, 4 x 128 directions. Here 32 patches each unless `--features laplacian:128` says
    otherwise, where an image's content decides.

    Trust: at equal counts and one image size: biased upwards by sampling, about as 1 / sqrt(number of patches).

    Blind to: brightness, contrast and tint, and to everything larger than a patch of the 16x16 level.

    Toy: brightness

    >>> def rows(*values):  # one patch of one colour from each of two levels
    ...     patch = torch.tensor(values)[:, None].repeat(1, 147)
    ...     summary = Features()
    ...     summary.update(torch.cat([torch.full((len(values), 1), 32.0), patch, patch], 1))
    ...     return summary
    >>> estimate = laplacian_swd(rows(0.0, 2.0), rows(5.0, 9.0), rng=np.random.default_rng(0))
    >>> estimate.value, estimate.details  # brighter and of more contrast: the same after normalising
    (0.0, {'levels': {'32': 0.0, '16': 0.0}})
    """
    real.require(2, "laplacian_swd")
    fake.require(2, "laplacian_swd")
    if projections < 1:
        raise GanevalError(f"laplacian_swd: projections is {projections}, expected 1 or more")
    directions = unit_directions(projections, 3 * _PIXELS, rng).float()  # pixels of 8 bits: sorted twice as fast
    levels = {
        str(size): 1000 * float(wasserstein(normalised(x), normalised(y), directions, p=1).mean())
        for (size, x), (_, y) in zip(by_level(real.rows), by_level(fake.rows), strict=True)
    }
    value = sum(levels.values()) / len(levels)
    return Estimate(value, method=f"{projections} random directions a level", details={"levels": levels})


def by_level(rows: Tensor) -> list[tuple[int, Tensor]]:
    """Rows of the extractor `laplacian` => (side of the level, patches (N, P, 3, 49)), finest level first."""
    size = int(rows[0, 0])
    count = max(0, size.bit_length() - 4) if size > 0 else 0  # 16 has one level, 32 two
    if count == 0 or (rows.shape[1] - 1) % (count * 3 * _PIXELS):
        raise GanevalError(
            f"laplacian_swd reads rows of the extractor laplacian, got {rows.shape[1]} columns that start with "
            f"{float(rows[0, 0]):g}: ask for it with images and without other features"
        )
    parts = rows[:, 1:].reshape(len(rows), count, -1, 3, _PIXELS)
    return [(size >> level, parts[:, level]) for level in range(count)]


def normalised(patches: Tensor) -> Tensor:
    """(N, P, 3, 49) => float32 (N * P, 147), every channel with mean 0 and standard deviation 1 over all of them."""
    values = patches.to(torch.float32, copy=True)
    values.sub_(_mean(values).float())
    spread = _mean(values.square()).sqrt().float()
    return values.div_(torch.where(spread > 0, spread, 1.0)).flatten(0, 1).flatten(1)


def _mean(values: Tensor) -> Tensor:
    """float32 (N, P, 3, 49) => float64 (1, 1, 3, 1), the mean of each channel."""
    by_pixel = values.flatten(0, 1).flatten(1).numpy().mean(0, dtype=np.float64)
    return torch.from_numpy(by_pixel).reshape(1, 1, 3, -1).mean(3, keepdim=True)
