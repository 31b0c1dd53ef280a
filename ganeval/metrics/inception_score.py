"""Inception score: are single images classified with confidence, and all together into many classes?"""

from __future__ import annotations

import math

import numpy as np

from ganeval.metrics.classifier_score import classifier_score
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="higher",
    range=(1, math.inf),
    optimum=None,
    paper="Salimans et al. 2016, arXiv:1606.03498",
    tap="inception.logits_unbiased",
    laws=Laws(ordered=True),
    family="classifier",
    cost="O(N classes)",
)
def inception_score(
    fake: Features,
    *,
    splits: int = 10,
    split_size: int = 0,
    shuffle: bool = True,
    rng: np.random.Generator | np.random.RandomState,
) -> Estimate:
    """exp of the mean KL divergence from the classes of all images to those of one, mean over `splits` parts.

    Formula: exp(E_x KL(p(y|x) || p(y))) with p the softmax of the 2015 Inception's 1008 logits without their bias, as
    published code takes them; see `classifier_score`, which is the same on any classifier.

    Trust: on images like ImageNet's only. Smaller parts score lower, and the spread over parts is not a standard error,
    so none is given.

    Blind to: the real set, copies, and one image per class repeated.

    Toy: one per class

    >>> import torch
    >>> summary = Features()
    >>> summary.update(torch.tensor([[100.0, 0.0], [0.0, 100.0]]))  # two images, each surely of its own class
    >>> round(inception_score(summary, splits=1, rng=np.random.default_rng(0)).value, 9)
    2.0
    """
    return classifier_score(fake, splits=splits, split_size=split_size, shuffle=shuffle, rng=rng)
