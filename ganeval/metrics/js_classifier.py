"""Jensen-Shannon divergence from a classifier."""

from __future__ import annotations

import math
from dataclasses import replace

from ganeval.classifier_ratios import classifier_ratios
from ganeval.metrics.metric import metric
from ganeval.ordering import ordered
from ganeval.ratios import estimated, plug_in
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.log(2)),
    optimum=0,
    paper="Goodfellow et al. 2014, arXiv:1406.2661; Nowozin et al. 2016, arXiv:1606.00709",
    family="divergence",
    cost="3 fits to a third of the samples each",
)
def js_classifier(real: Features, fake: Features, *, network: bool = True, floor: bool = True) -> Estimate:
    """Jensen-Shannon divergence in nats by cross-fitted classifiers: 0 for equal sets, log 2 where none overlap.

    `details` has `bound`, which is below the truth in 95 % of draws; `bound_mean`, the bound on average; `plug_in` from
    the calibrated logit; accuracy and AUC; and with `floor` the value between two halves of the real set.
    `network=false` leaves the network out.

    Formula: log 2 less the cross-entropy of a discriminator on samples that it was not fitted to, which for the best
    one is JS. Three fits to a third of the samples each are averaged, and the cross-entropy of one and of two is
    carried on to infinitely many, so that the noise of fitting does not count. The interval comes from the terms.

    Trust: in up to some dozen dimensions from a thousand samples on, in more if a few directions or means and spreads
    make the difference; it warns where samples are too few to show how all pairs of features go together.

    Blind to: differences that no classifier of this kind learns from so many samples; and to copies.

    Toy: shape; sample size; copies
    """
    for summary in (real, fake):
        summary.require(12, "js_classifier")
    ratios = classifier_ratios(real.rows, fake.rows, network=network)
    found = estimated(ratios, "js")
    details = {**found.details, "plug_in": plug_in(ratios)["js"]}
    if floor and real.count >= 24:
        rows = ordered(real.rows)
        halves = classifier_ratios(rows[::2], rows[1::2], network=network)
        details["floor"] = estimated(halves, "js").value
    return replace(found, details=details)
