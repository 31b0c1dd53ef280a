"""Perceptual path length: how far the image moves when the latent makes a small step."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval, within

Space = Literal["z", "w"]
Sampling = Literal["full", "end"]
Interpolation = Literal["slerp", "lerp"]
Pixels = Literal["float", "uint8"]
_OUTSIDE = 1  # percent of the paths discarded at either end
_COARSE = 1e-2  # steps below this are drowned by rounding to 256 levels


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=None,
    paper="Karras et al. 2019, arXiv:1812.04948",
    layer="distance",
    family="perceptual",
    cost="O(N log N)",
    laws=Laws(sees=frozenset()),
)
def perceptual_path_length(
    path: Features,
    *,
    epsilon: float = 1e-4,
    space: Space = "z",
    sampling: Sampling = "full",
    interpolation: Interpolation = "slerp",
    pixels: Pixels = "float",
    discard: bool = True,
) -> Estimate:
    """Mean squared speed of the image, by a deep distance, along random paths through a generator's latent space.

    Formula: E d(G(z_t), G(z_(t+epsilon))) / epsilon^2, where z_t leads from one random latent to another: in z along
    the arc (`slerp`, for normal latents) or the line (`lerp`), in w always along the line between two mapped latents.
    t is uniform on [0, 1] (`full`) or 0 (`end`). Unless `discard=false`, paths below the 1st and above the 99th
    percentile are left out, as by the authors' program. `ppl` where d is LPIPS.

    Trust: `pixels=float`. Rounding to 256 levels (`uint8`, what torch-fidelity does unless asked) adds noise that the
    division by epsilon^2 blows up: on one generator, torch-fidelity documents 1147 for uint8 and 31 for floats at
    epsilon 1e-4, which come together only from 1e-1 on. Compare at equal options and distances only.

    Blind to: quality, and to a generator that ignores its latent, which scores 0. Lower is smoother, not better.

    Toy: still generator

    >>> import torch
    >>> path = Features()
    >>> path.update(torch.full((10, 1), 3e-8))
    >>> round(perceptual_path_length(path).value, 6)
    3.0
    """
    if epsilon <= 0:
        raise GanevalError(f"perceptual_path_length: epsilon is {epsilon:g}, expected a small step such as 1e-4")
    path.require(2, "a path length")
    speeds = path.rows[:, 0].double().numpy() / epsilon**2
    kept = _kept(speeds) if discard else speeds
    rule = f"{space}, {sampling}" + (f", {interpolation}" if space == "z" else "") + f", epsilon {epsilon:g}, {pixels}"
    warning = "; rounding to uint8 dominates steps this small" if pixels == "uint8" and epsilon < _COARSE else ""
    error = _error(speeds, kept)
    method = f"normal interval, {len(kept)} of {len(speeds)} independent paths in {rule}{warning}"
    return within(normal_interval(float(kept.mean()), error, method), 0.0, math.inf)


def _kept(speeds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Those from the 1st to the 99th percentile, both taken outwards at the next value."""
    low = np.percentile(speeds, _OUTSIDE, method="lower")
    high = np.percentile(speeds, 100 - _OUTSIDE, method="higher")
    return speeds[(speeds >= low) & (speeds <= high)]


def _error(speeds: npt.NDArray[np.float64], kept: npt.NDArray[np.float64]) -> float:
    """Standard error of a trimmed mean: that of the values moved to its ends, over the share kept (Tukey, 1963)."""
    moved = speeds.clip(kept.min(), kept.max())
    return float(moved.std(ddof=1)) / math.sqrt(len(speeds)) / (len(kept) / len(speeds))
