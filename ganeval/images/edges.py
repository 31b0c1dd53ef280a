"""The edges in images as images: what a model learns to translate into the whole (`edges:LOCATION`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad

from ganeval.images.packing import with_channels
from ganeval.images.source import Images, ImageSource

VERSION = "edges/1"
THRESHOLD = 160
"""Least slope of an edge: Sobel's gradient, of which a step from black to white has 1020."""


class EdgeSource(ImageSource):
    """White lines, one pixel wide, where the images of `source` have edges; grey, uint8 (N, 1, H, W) of 0 and 255."""

    def __init__(self, source: ImageSource) -> None:
        super().__init__()
        self.source, self.name = source, f"edges:{source.name}"
        self.cacheable, self.read_ahead = source.cacheable, source.read_ahead
        self.labels, self.classes = source.labels, source.classes
        self.skipped, self.warnings = source.skipped, source.warnings

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        """The source's, and this policy's."""
        return f"{VERSION}:{self.source.fingerprint}"

    def fingerprint_of(self, indices: npt.NDArray[np.int64]) -> str:
        """The edges of a part of the source."""
        return f"{VERSION}:{self.source.fingerprint_of(indices)}"

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """In runs of equal shape, as the source."""
        yield from map(edges, self.source.read(indices))


def edges(images: Images, threshold: int = THRESHOLD) -> Images:
    """uint8 (N, 1 or 3, H, W) => uint8 (N, 1, H, W): 255 where the brightness has an edge, 0 elsewhere.

    Canny's detector without its blur and its hysteresis: Sobel's gradient, of which is kept what reaches the threshold
    and is the largest along its direction, rounded to 45 degrees (of two equal neighbours, the right or lower one). All
    in integers, so that an image has the same edges on every machine. Borders are repeated.

    Args:
        threshold: in units of Sobel's gradient, up to 1020 for each axis.
    """
    grey = pad(with_channels(images, 1).float(), (1, 1, 1, 1), mode="replicate").to(torch.int32)
    smooth_rows = grey[..., :-2, :] + 2 * grey[..., 1:-1, :] + grey[..., 2:, :]
    smooth_columns = grey[..., :-2] + 2 * grey[..., 1:-1] + grey[..., 2:]
    x = smooth_rows[..., 2:] - smooth_rows[..., :-2]
    y = smooth_columns[..., 2:, :] - smooth_columns[..., :-2, :]
    slope = x * x + y * y
    return ((_largest(slope, x, y) & (slope >= threshold * threshold)) * 255).to(torch.uint8)


def _largest(slope: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Where the slope is no less than at the place before, and more than at the one after, along the gradient."""
    flat, steep = 5 * y.abs() <= 2 * x.abs(), 5 * x.abs() <= 2 * y.abs()  # tan 22.5 degrees is about 2/5
    rising = ~flat & ~steep & ((x > 0) == (y > 0))
    falling = ~flat & ~steep & ~rising
    around = pad(slope, (1, 1, 1, 1))
    height, width = slope.shape[-2:]

    def shifted(down: int, right: int) -> Tensor:
        return around[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width]

    steps = {(0, 1): flat, (1, 0): steep & ~flat, (1, 1): rising, (1, -1): falling}
    found = torch.zeros_like(flat)
    for (down, right), here in steps.items():
        found |= here & (slope >= shifted(-down, -right)) & (slope > shifted(down, right))
    return found
