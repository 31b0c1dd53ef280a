"""Histogram: the yardstick that knows how bright each pixel is, and not that pixels have to do with each other.

No GAN and no paper: the maximum-likelihood distribution of images whose pixels (and channels) are independent, each
with its own histogram over the 256 levels,

    p(x) = product over pixels i of h_i(x_i)

Samples are exact draws: noise in the shape of the mean image. `entropy` in the log is that of an image, sum_i H(h_i) in
nats: what it costs, on average, to say which training image was meant if pixels were independent. Histograms:

    pixel    of each pixel and channel
    channel  one for each channel, the same at all places
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.recipe import Batches, DataSpec, Fitted
from reference_models.rows import own_draws, row_width, seed_latents, to_images, to_rows

LEVELS = 256


class Histograms(nn.Module):
    """`seed_latents` (N, 1) => images (N, C, S, S) in [-1, 1].

    Attributes:
        cumulated: share of images at or below each level, (H, 256), for H histograms.
    """

    cumulated: Tensor

    def __init__(self, spec: DataSpec, count: int) -> None:
        super().__init__()
        self.spec, self.pixels = spec, row_width(spec)
        self.register_buffer("cumulated", torch.linspace(1 / LEVELS, 1, LEVELS).repeat(count, 1))

    def forward(self, latents: Tensor) -> Tensor:
        """Each pixel is the first level whose cumulated share is beyond a uniform number."""
        drawn = np.stack([rng.random(self.pixels, dtype=np.float32) for rng in own_draws(latents)])
        # (N, P) => (H, pixels of a histogram for all samples), as `grouped` has them
        uniform = torch.from_numpy(drawn).to(self.cumulated.device)
        levels = torch.searchsorted(self.cumulated, self.grouped(uniform), right=True).clamp(max=LEVELS - 1)
        rows = levels.view(len(self.cumulated), len(latents), -1).transpose(0, 1).flatten(1)
        return to_images(rows / 127.5 - 1, self.spec)

    def grouped(self, rows: Tensor) -> Tensor:
        """(N, P) => (H, N P / H): what belongs to each histogram."""
        return rows.view(len(rows), len(self.cumulated), -1).transpose(0, 1).flatten(1).contiguous()

    def fit(self, batches: Batches) -> float:
        """Count levels; returns the entropy of an image in nats."""
        histograms = len(self.cumulated)
        counts = torch.zeros(histograms * LEVELS, dtype=torch.int64)
        for images in batches():
            levels = ((self.grouped(to_rows(images, self.spec)) + 1) * 127.5).round().long()
            places = levels + LEVELS * torch.arange(histograms)[:, None]
            counts += places.flatten().bincount(minlength=len(counts))
        shares = counts.view(histograms, LEVELS).double()
        shares /= shares.sum(1, keepdim=True)
        self.cumulated.copy_(shares.cumsum(1))
        return -float(torch.xlogy(shares, shares).sum()) * self.pixels / histograms


@dataclass(frozen=True)
class Histogram(Fitted):
    """A histogram of each pixel."""

    title: ClassVar[str] = "Independent histograms of pixels"
    paper: ClassVar[str] = "none: a yardstick"

    batch_size: int = 256
    of: Literal["pixel", "channel"] = "pixel"

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G alone."""
        return ModuleDict({"G": Histograms(spec, row_width(spec) if self.of == "pixel" else spec.channels)})

    def fit(self, nets: ModuleDict, batches: Batches, rng: torch.Generator) -> dict[str, float]:
        """One pass that counts."""
        return {"entropy": cast(Histograms, nets["G"]).fit(batches)}

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """What a sample's draws are seeded by, int64 (n, 1)."""
        return seed_latents(n, rng)
