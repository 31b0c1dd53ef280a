"""Classifier score: the Inception Score's formula on any classifier."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch

from ganeval.errors import GanevalError
from ganeval.logits import information, log_probabilities
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="higher",
    range=(1, math.inf),
    optimum=None,
    paper="Salimans et al. 2016, arXiv:1606.03498",
    layer="logits",
    laws=Laws(ordered=True),
    family="classifier",
    cost="O(N classes)",
)
def classifier_score(
    fake: Features,
    *,
    splits: int = 10,
    split_size: int = 0,
    shuffle: bool = True,
    rng: np.random.Generator | np.random.RandomState,
) -> Estimate:
    """exp of the mean KL divergence from the classes of all images to those of one, on any classifier's logits.

    Formula: exp(E_x KL(p(y|x) || p(y))) with p the softmax of the logits, in each of `splits` equal parts, taken in
    order after shuffling by `rng`; the value is the mean over parts. With `split_size` parts have that many images
    instead, the last one what is left. From 1 to the number of classes, which `details` has: scores of different
    classifiers do not compare. On the 2015 Inception without its bias it is `inception_score`.

    Trust: only as far as the classifier knows the images' classes. Smaller parts score lower, and the spread over parts
    is not a standard error, so none is given.

    Blind to: the real set, copies, and one image per class repeated.

    Toy: one per class

    >>> summary = Features()
    >>> summary.update(torch.tensor([[100.0, 0.0, 0.0], [0.0, 100.0, 0.0]]))  # two images, each surely of its own class
    >>> estimate = classifier_score(summary, splits=1, rng=np.random.default_rng(0))
    >>> round(estimate.value, 9), estimate.details["classes"]
    (2.0, 3)

    Raises:
        GanevalError: no part, or fewer than 2 images for each.
    """
    if splits < 1:
        raise GanevalError(f"splits is {splits}: at least 1 part is needed")
    if split_size < 0:
        raise GanevalError(f"split_size is {split_size}: 0 leaves it to splits, or name a size")
    fake.require(2 if split_size else 2 * splits, f"a score of {splits} splits")
    logs = log_probabilities(fake.rows)
    if shuffle:
        logs = logs[torch.from_numpy(rng.permutation(len(logs)))]
    if split_size:
        edges = [*range(0, len(logs), split_size), len(logs)]
    else:
        edges = [part * len(logs) // splits for part in range(splits + 1)]
    scores = [math.exp(information(logs[low:high])) for low, high in pairwise(edges)]
    method = f"mean of {len(scores)} splits, their standard deviation {np.std(scores):.3g}"
    return Estimate(float(np.mean(scores)), method=method, details={"classes": fake.width, "splits": scores})
