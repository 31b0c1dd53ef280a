"""Inception score: are single images classified with confidence, and all together into many classes?"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
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

    exp(E_x KL(p(y|x) || p(y))) with p the softmax of the classifier's logits, in each of as many equal parts, taken in
    order after shuffling by `rng`. With `split_size` parts have that many images instead, the last one what is left.
    From 1 to the number of classes. Smaller parts score lower, and the spread over parts is not a standard error, so
    none is given. Blind to the real set, to copies, and to one image per class.

    >>> summary = Features()
    >>> summary.update(torch.tensor([[100.0, 0.0], [0.0, 100.0]]))  # two images, each surely of its own class
    >>> round(inception_score(summary, splits=1, rng=np.random.default_rng(0)).value, 9)
    2.0
    """
    if splits < 1:
        raise GanevalError(f"inception_score.splits is {splits}: at least 1 part is needed")
    if split_size < 0:
        raise GanevalError(f"inception_score.split_size is {split_size}: 0 leaves it to splits, or name a size")
    fake.require(2 if split_size else 2 * splits, f"inception_score with {splits} splits")
    logits = fake.rows
    if shuffle:
        logits = logits[torch.from_numpy(rng.permutation(len(logits)))]
    if split_size:
        edges = [*range(0, len(logits), split_size), len(logits)]
    else:
        edges = [part * len(logits) // splits for part in range(splits + 1)]
    scores = [exp_mean_kl(logits[low:high]) for low, high in pairwise(edges)]
    return Estimate(
        float(np.mean(scores)), method=f"mean of {len(scores)} splits, their standard deviation {np.std(scores):.3g}"
    )


def exp_mean_kl(logits: Tensor) -> float:
    """exp(E KL(p(y|x) || p(y))) of rows of logits (N, classes), in float64."""
    logs = logits.double().log_softmax(1)
    marginal = logs.logsumexp(0) - math.log(len(logs))  # finite even where every probability underflows
    return max(1.0, math.exp(float((logs.exp() * (logs - marginal)).sum(1).mean())))
