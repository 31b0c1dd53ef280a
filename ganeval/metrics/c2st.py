"""Classifier two-sample test: how well a linear classifier tells generated from real samples it has not seen."""

from __future__ import annotations

import numpy as np

from ganeval.errors import GanevalError
from ganeval.linear_classifier import confusion, fitted
from ganeval.metrics.metric import metric
from ganeval.ordering import ordered
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, accuracy_interval


@metric(
    better="lower",
    range=(0, 1),
    optimum=0.5,
    paper="Lopez-Paz and Oquab 2017, arXiv:1610.06545",
    family="classifier",
    cost="folds logistic regressions, N D per step",
)
def c2st(
    real: Features, fake: Features, *, folds: int = 5, inverse_penalty: float = 0.01, rng: np.random.Generator
) -> Estimate:
    """Cross-fitted accuracy of logistic regression, real against generated: 0.5 is chance, 1 is told apart at sight.

    Every sample is classified by a model fitted without its fold, on features scaled to unit variance, with
    scikit-learn's C = `inverse_penalty`; classes weigh the same in the fit, whatever their counts.

    Formula: the mean of the shares of real and of generated samples that are classified right. For Gaussians at
    Mahalanobis distance D the best possible is Phi(D / 2).

    Trust: to find any linear difference: it is the most sensitive of all to one feature that differs, and says 1 long
    before images look bad. Below 0.5 is noise. Compare at equal counts, since more samples fit better models.

    Blind to: what no hyperplane separates, such as dropped modes around the same mean, and to copies.

    Toy: shape

    Raises:
        GanevalError: fewer than two samples of a set for each fold.
    """
    if folds < 2:
        raise GanevalError(f"c2st.folds is {folds}: at least 2 are needed to classify samples that were not fitted")
    for summary in (real, fake):
        summary.require(2 * folds, f"c2st with {folds} folds")
    samples = [ordered(summary.rows) for summary in (real, fake)]
    parts = [np.array_split(rng.permutation(len(rows)), folds) for rows in samples]
    table = np.zeros((2, 2), np.int64)
    for fold in range(folds):
        own = [np.isin(np.arange(len(rows)), part[fold]) for rows, part in zip(samples, parts)]
        model = fitted([rows[~part] for rows, part in zip(samples, own)], inverse_penalty, balanced=True)
        table += confusion(model, [rows[part] for rows, part in zip(samples, own)])
    method = (
        "interval of the value at these counts, the accuracy that as many new samples would give on average: binomial, "
        f"the answers of {folds} fitted models taken as independent; equal sets give 50%"
    )
    return accuracy_interval((float(table[0, 0]), float(table[1, 1])), (real.count, fake.count), method)
