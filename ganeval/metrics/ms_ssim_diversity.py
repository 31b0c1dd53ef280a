"""MS-SSIM diversity: how similar in structure two random images of a generator are."""

from __future__ import annotations

from ganeval.metrics.metric import Laws, metric
from ganeval.metrics.perceptual_diversity import beside_real
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, 1),
    optimum=None,
    paper="Odena et al. 2017, arXiv:1610.09585",
    tap="ms_ssim.similarity",
    family="diversity",
    cost="O(N)",
    laws=Laws(sees=frozenset()),
)
def ms_ssim_diversity(random_pairs: Features, real_pairs: Features) -> Estimate:
    """Mean MS-SSIM within random pairs of generated images: lower is more diverse; real images' stands beside it.

    Formula: E MS-SSIM(y, y') over pairs of two different generated images, each image in one pair only. Images below
    161 pixels a side are compared at fewer than five scales.

    Trust: to see a collapse, which raises it; beside the reference's value, at one image size.

    Blind to: quality, and diversity in texture: noise lowers it.

    Toy: noise pairs

    >>> import torch
    >>> pairs = Features()
    >>> pairs.update(torch.tensor([[0.25], [0.75]]))
    >>> ms_ssim_diversity(pairs, pairs).value
    0.5
    """
    return beside_real(random_pairs, real_pairs)
