"""Frechet Inception distance: the Frechet distance on the features that gave it its name."""

from __future__ import annotations

import math

from ganeval.metrics.fd import fd
from ganeval.metrics.metric import metric
from ganeval.summaries import Moments


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Heusel et al. 2017, arXiv:1706.08500",
    tap="inception.pool",
)
def fid(real: Moments, fake: Moments, *, ddof: int = 1) -> float:
    """Frechet Inception distance, on the 2048 pooled features of the 2015 Inception network and on nothing else.

    Covariances are divided by N - `ddof`: 1, or 0 as in StyleGAN2 and 3. Biased upwards by about 1/N: compare at equal
    sample counts only.

    rFID, of reconstructions, is this number with the reconstruction of every image of the reference as FAKE, in the
    same order: `--num-samples` then draws the same images from both. No pairs enter the formula (`lpips` sees them),
    but as both sets are of the same images, much of the bias cancels: an rFID is no match for the FID of new samples.
    """
    return fd(real, fake, ddof=ddof)
