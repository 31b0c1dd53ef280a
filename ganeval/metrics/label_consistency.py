"""Label consistency: do generated samples look like the class that was asked for?"""

from __future__ import annotations

from ganeval.linear_classifier import confusion, cross_confusion, fitted
from ganeval.metrics.cas import agreement, comparable
from ganeval.metrics.metric import metric
from ganeval.summaries import Labelled
from ganeval.uncertainty import Estimate


@metric(
    better="higher",
    range=(0, 1),
    optimum=None,
    paper="Shmelkov et al. 2018, arXiv:1807.09499",
    family="classifier",
    cost="folds + 1 logistic regressions, O(N D K) per step",
)
def label_consistency(real: Labelled, fake: Labelled, *, folds: int = 5, inverse_penalty: float = 0.01) -> Estimate:
    """Share of generated samples that a linear classifier trained on real ones puts into the asked class (GAN-test).

    Formula: the accuracy on the generated samples of multinomial logistic regression, fitted to the real features
    scaled to unit variance, with scikit-learn's C = `inverse_penalty`. `details` has the accuracy per class, what is
    confused (rows asked, columns found), and `real_accuracy`: what the same classifier finds in real samples that it
    was not fitted to, by `folds` folds.

    Trust: `real_accuracy` is what samples like the real ones reach. A value above it means samples that are more
    typical of their class than real ones, as truncation makes them, and not better ones. The interval is binomial, over
    the generated samples and for the one fitted classifier.

    Blind to: lost diversity. One typical sample per class, repeated, gets 1.

    Toy: one per class

    >>> import torch
    >>> from ganeval.summaries import Features
    >>> real, fake = (Features(), Features())
    >>> real.update(torch.tensor([[0.0], [1.0], [5.0], [6.0]]))
    >>> fake.update(torch.tensor([[0.5], [5.0], [6.0], [7.0]]))  # the second was to be of class 0
    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> label_consistency(Labelled.of(real, labels), Labelled.of(fake, labels), folds=2).value
    0.75

    Raises:
        GanevalError: the sets have different classes, or only one; or a class fewer samples than `folds`.
    """
    classes = comparable(real, fake, folds, "label_consistency")
    ours, theirs = ([both[side] for both in classes.values()] for side in (0, 1))
    table = confusion(fitted(ours, inverse_penalty), theirs)
    baseline = cross_confusion(ours, inverse_penalty, folds)
    return agreement(classes, table, baseline, "of the generated samples, for the classifier fitted to the real ones")
