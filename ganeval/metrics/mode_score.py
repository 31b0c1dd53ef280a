"""Mode score: the classifier score, lowered where the generated classes are not as frequent as the real ones."""

from __future__ import annotations

import math

from ganeval.logits import divergence, information, log_marginal, log_probabilities
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="higher",
    range=(0, math.inf),
    optimum=None,
    paper="Che et al. 2017, arXiv:1612.02136; as in Xu et al. 2018, arXiv:1806.07755",
    layer="logits",
    laws=Laws(sees=frozenset({"modes"})),
    family="classifier",
    cost="O(N classes)",
)
def mode_score(real: Features, fake: Features) -> Estimate:
    """exp of the divergence of single images from all, less that of the generated classes from the real ones.

    Formula: exp(E_x KL(p(y|x) || p(y)) - KL(p(y) || q(y))) with p of the generated and q of the real images, both the
    softmax of a classifier's logits, without splits. From 0 to the number of classes; on the real set itself it is
    that set's classifier score, which `details` has. With q instead of p in the first term too, as the score is
    sometimes printed, the real set would cancel: E KL(p(y|x) || q) - KL(p || q) is the Inception Score's exponent.

    Trust: only as far as the classifier knows the images' classes; compare on one classifier and one real set, at equal
    counts.

    Blind to: copies, and one image per class repeated.

    Toy: one per class

    >>> import torch
    >>> real, fake = (Features(), Features())
    >>> real.update(torch.tensor([[100.0, 0.0], [0.0, 100.0]]))  # two classes, as often
    >>> fake.update(torch.tensor([[100.0, 0.0], [100.0, 0.0]]))  # only one of them
    >>> round(mode_score(real, fake).value, 9), round(mode_score(real, real).value, 9)  # 1 / 2, 2
    (0.5, 2.0)
    """
    for summary in (real, fake):
        summary.require(2, "mode_score")
    ours, theirs = log_probabilities(real.rows), log_probabilities(fake.rows)
    sure, apart = information(theirs), divergence(log_marginal(theirs), log_marginal(ours))
    details = {"classifier_score": math.exp(sure), "divergence": apart, "real": math.exp(information(ours))}
    return Estimate(math.exp(sure - apart), method=f"{real.width} classes, no splits", details=details)
