"""Kullback-Leibler divergence from a classifier."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from ganeval.classifier_ratios import classifier_ratios
from ganeval.metrics.metric import Laws, metric
from ganeval.ratios import donsker_varadhan, estimated, plug_in, swapped
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Nguyen, Wainwright, Jordan 2010, arXiv:0809.0853; Donsker and Varadhan 1983",
    laws=Laws(blind=frozenset({"mixing"})),
    family="divergence",
    cost="3 fits to a third of the samples each",
)
def kl_classifier(
    real: Features,
    fake: Features,
    *,
    direction: Literal["real_fake", "fake_real"] = "real_fake",
    network: bool = True,
) -> Estimate:
    """KL(real || generated) in nats from a cross-fitted classifier's logit; `direction=fake_real` for the other way.

    `details` has `bound`, which is below the truth in 95 % of draws; `donsker_varadhan`, the tighter bound, which few
    samples raise; `plug_in`, the mean of the calibrated logit; accuracy and AUC.

    Formula: E_p T - E_q exp(T) + 1 with T the logit of classifiers fitted to other samples: KL(p || q) for the best T,
    less for any other (NWJ). Three fits to a third of the samples each are averaged, and the value of one and of two is
    carried on to infinitely many. exp(T) is cut at the number of samples.

    Trust: where p and q overlap: the logarithm of a ratio that no sample shows is the classifier's guess. It warns
    where samples of p lie that q has next to none of.

    Blind to: differences that no classifier of this kind learns from so many samples; and to copies. Where supports
    hardly overlap, it is too noisy to order generators: another data set mixed in can lower it.

    Toy: sample size; dropped modes; copies
    """
    for summary in (real, fake):
        summary.require(12, "kl_classifier")
    ratios = classifier_ratios(real.rows, fake.rows, network=network)
    forward = direction == "real_fake"
    found = estimated(ratios, "kl" if forward else "kl_reverse")
    more = {
        "donsker_varadhan": donsker_varadhan(ratios if forward else swapped(ratios)),
        "plug_in": plug_in(ratios)["kl" if forward else "kl_reverse"],
    }
    return replace(found, details={**found.details, **more})
