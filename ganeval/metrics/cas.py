"""Classification accuracy score: what a classifier learns from generated samples, tested on real ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ganeval.classes import ByClass, by_class
from ganeval.errors import GanevalError
from ganeval.linear_classifier import Confusion, confusion, cross_confusion, fitted
from ganeval.metrics.metric import metric
from ganeval.summaries import Labelled
from ganeval.uncertainty import Estimate, share_interval

_MOST_CLASSES = 100  # beyond it, the table of what is confused would be larger than the rest of a scorecard


@metric(
    better="higher",
    range=(0, 1),
    optimum=None,
    paper="Ravuri and Vinyals 2019, arXiv:1905.10887",
    family="classifier",
    cost="folds + 1 logistic regressions, O(N D K) per step",
)
def cas(real: Labelled, fake: Labelled, *, folds: int = 5, inverse_penalty: float = 0.01) -> Estimate:
    """Accuracy on real samples of a linear classifier trained on generated ones with their asked class (GAN-train).

    Formula: the share of real samples whose class multinomial logistic regression finds, fitted to the generated
    features scaled to unit variance, with scikit-learn's C = `inverse_penalty`. The paper trains a ResNet on pixels,
    and Shmelkov et al. 2018, arXiv:1807.09499, call it GAN-train: numbers compare on the same features only. `details`
    has the accuracy per class, what is confused (rows true, columns found), and `real_accuracy`: that of the same
    classifier trained on real samples instead, each tested by a model of the other folds. That is what perfect samples
    would reach, were there as many of them as those folds hold; a gap to it is the generator's.

    Trust: the interval is binomial, over the real samples and for the one fitted classifier: other generated samples
    would give another. More generated samples help: compare at equal counts.

    Blind to: what no class needs, such as a background that is always the same, and unrealistic samples that are told
    apart all the same.

    Toy: exaggerated classes

    >>> import torch
    >>> from ganeval.summaries import Features
    >>> real, fake = (Features(), Features())
    >>> real.update(torch.tensor([[0.0], [1.0], [6.0], [5.0], [6.0], [7.0]]))  # one sample looks like the other class
    >>> fake.update(torch.tensor([[0.0], [1.0], [0.5], [5.0], [6.0], [7.0]]))
    >>> labels = torch.tensor([0, 0, 0, 1, 1, 1])
    >>> round(cas(Labelled.of(real, labels), Labelled.of(fake, labels), folds=2).value, 4)  # 5 of 6
    0.8333

    Raises:
        GanevalError: the sets have different classes, or only one; or a class fewer samples than `folds`.
    """
    classes = comparable(real, fake, folds, "cas")
    ours, theirs = ([both[side] for both in classes.values()] for side in (0, 1))
    table = confusion(fitted(theirs, inverse_penalty), ours)
    baseline = cross_confusion(ours, inverse_penalty, folds)
    return agreement(classes, table, baseline, "of the real samples, for the classifier fitted to these generated ones")


def comparable(real: Labelled, fake: Labelled, folds: int, what: str) -> ByClass:
    """Rows by class, with at least two classes, and at least `folds` (2 or more) samples of each."""
    if folds < 2:
        raise GanevalError(f"{what}.folds is {folds}: at least 2 are needed to classify samples that were not fitted")
    classes = by_class(real, fake, folds, what)
    if len(classes) < 2:
        raise GanevalError(f"{what} tells classes apart, and all images are of class {next(iter(classes))}")
    return classes


def agreement(classes: Iterable[int], table: Confusion, baseline: Confusion, over: str) -> Estimate:
    """The share on the diagonal of `table`, with the tables' contents as details."""
    names = [str(number) for number in classes]
    right, counts = table.diagonal(), table.sum(1)
    real_accuracy = float(baseline.trace() / baseline.sum())
    details = {
        "real_accuracy": real_accuracy,
        "per_class": dict(zip(names, (right / counts).tolist())),
        "real_per_class": dict(zip(names, (baseline.diagonal() / baseline.sum(1)).tolist())),
    }
    if len(names) <= _MOST_CLASSES:
        details["confusion"] = table.tolist()
    method = f"binomial interval (Wilson) {over}; trained and tested on real samples it is {real_accuracy:.1%}"
    return replace(share_interval(int(right.sum()), int(counts.sum()), method), details=details)
