"""Perceptual path length on LPIPS, the distance that it is defined on."""

from __future__ import annotations

import math

from ganeval.metrics.metric import Laws, metric
from ganeval.metrics.perceptual_path_length import Interpolation, Pixels, Sampling, Space, perceptual_path_length
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=None,
    paper="Karras et al. 2019, arXiv:1812.04948",
    tap="lpips:vgg.distance",
    family="perceptual",
    cost="O(N log N)",
    laws=Laws(sees=frozenset()),
)
def ppl(
    path: Features,
    *,
    epsilon: float = 1e-4,
    space: Space = "z",
    sampling: Sampling = "full",
    interpolation: Interpolation = "slerp",
    pixels: Pixels = "float",
    discard: bool = True,
) -> Estimate:
    """Perceptual path length: mean squared speed of the image, by LPIPS on VGG16, along random latent paths.

    Formula: E LPIPS(G(z_t), G(z_(t+epsilon))) / epsilon^2; the options are those of `perceptual_path_length`.
    StyleGAN2's `ppl2_wend` is space=w, sampling=end; torch-fidelity's is sampling=end, interpolation=lerp, pixels=uint8
    on `lpips:vgg@64`, with 50,000 paths each (`--num-pairs`).

    Trust: pixels=float; at equal options, number of pixels and network.

    Blind to: quality, and to a generator that ignores its latent, which scores 0.

    Toy: still generator

    >>> import torch
    >>> path = Features()
    >>> path.update(torch.full((10, 1), 3e-8))
    >>> round(ppl(path).value, 6)
    3.0
    """
    return perceptual_path_length(
        path,
        epsilon=epsilon,
        space=space,
        sampling=sampling,
        interpolation=interpolation,
        pixels=pixels,
        discard=discard,
    )
