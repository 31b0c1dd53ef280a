"""Frechet Inception distance: the Frechet distance on the features that gave it its name."""

from __future__ import annotations

import math

from ganeval.metrics.fd import fd
from ganeval.metrics.metric import metric
from ganeval.summaries import Moments
from ganeval.uncertainty.frechet import population_frechet


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Heusel et al. 2017, arXiv:1706.08500",
    tap="inception.pool",
    family="Frechet",
    cost="N D^2 + D^3, or N^2 D where N < D",
    interval=population_frechet,
)
def fid(real: Moments, fake: Moments, *, ddof: int = 1) -> float:
    """Frechet Inception distance, on the 2048 pooled features of the 2015 Inception network and on nothing else.

    Formula: `fd` of these features. Covariances are divided by N - `ddof`: 1, or 0 as in StyleGAN2 and 3.

    rFID, of reconstructions, is this number with the reconstruction of every image of the reference as FAKE, in the
    same order: `--num-samples` then draws the same images from both. No pairs enter the formula (`lpips` sees them),
    but as both sets are of the same images, much of the bias cancels: an rFID is no match for the FID of new samples.

    Trust: at equal sample counts and with one resizer only: biased upwards by about 1/N, and another resizer moves it
    by more than many papers' improvements. The interval is for the population value, without that bias. On images
    unlike ImageNet's its features know little.

    Blind to: what `fd` is blind to.

    Toy: sample size; copies
    """
    return fd(real, fake, ddof=ddof)
