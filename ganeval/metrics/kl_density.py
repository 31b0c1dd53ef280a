"""Kullback-Leibler divergence from densities, in few dimensions."""

from __future__ import annotations

import math
from typing import Literal

from ganeval.histograms import Binned, Correction, histogram_divergence
from ganeval.kernel_ratios import kernel_ratios
from ganeval.metrics.metric import Laws, metric
from ganeval.ratios import estimated
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Nguyen, Wainwright, Jordan 2010, arXiv:0809.0853; Miller and Madow 1955",
    laws=Laws(blind=frozenset({"salt_and_pepper", "mixing"})),
    family="divergence",
    cost="N + grid",
)
def kl_density(
    real: Features,
    fake: Features,
    *,
    direction: Literal["real_fake", "fake_real"] = "real_fake",
    estimator: Literal["kernel", "histogram"] = "kernel",
    correction: Correction = "miller_madow",
    components: int = 2,
) -> Estimate:
    """KL(real || generated) in nats from kernel densities in few dimensions; `direction=fake_real` for the other way.

    Features of more dimensions are projected to the first `components` (at most 3) principal components of both sets
    together, with a warning: the divergence of the whole is larger. `estimator=histogram` takes bins between quantiles
    instead, with `correction` for the bias of few samples: `miller_madow`, `jackknife` or `none`.

    Formula: E_p T - E_q exp(T) + 1 with T the log ratio of kernel densities that were fitted to other samples: KL(p ||
    q) where T is right, less elsewhere; carried on to infinitely many fits. Bandwidths are those under which samples
    left out are likeliest.

    Trust: in one and two dimensions from some hundred samples on. Sharp edges are blurred by a bandwidth.

    Blind to: all but the first principal components; and to copies. With a few hundred samples also to foreign images
    mixed into the generated ones, and where densities hardly overlap it is too noisy to order generators: images
    spoilt by more salt and pepper can score lower.

    Toy: sample size; one dimension
    """
    for summary in (real, fake):
        summary.require(20, "kl_density")
    which: Binned = "kl" if direction == "real_fake" else "kl_reverse"
    if estimator == "histogram":
        return histogram_divergence(real.rows, fake.rows, which, components=components, correction=correction)
    return estimated(kernel_ratios(real.rows, fake.rows, components), which)
