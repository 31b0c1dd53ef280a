"""MS-SSIM diversity within classes, as AC-GAN measures it."""

from __future__ import annotations

from ganeval.metrics.metric import Laws, metric
from ganeval.metrics.perceptual_class_diversity import within_classes
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
def ms_ssim_class_diversity(class_pairs: Features) -> Estimate:
    """Mean MS-SSIM within random pairs of generated images of the same class: lower is more diverse.

    Formula: E MS-SSIM(y, y' | same class), classes weighted by their number of images. The paper takes 100 pairs of
    each class, looks at every class for itself, and calls one collapsed where the mean lies above 0.25 or so.

    Trust: beside the value of real images, which scoring the reference as the generated set gives; at one image size.

    Blind to: quality, diversity in texture, and a single class that collapsed among many.

    Toy: noise pairs

    >>> import torch
    >>> pairs = Features()
    >>> pairs.update(torch.tensor([[0.25], [0.75]]))
    >>> ms_ssim_class_diversity(pairs).value
    0.5
    """
    return within_classes(class_pairs)
