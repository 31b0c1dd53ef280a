"""Chi-square divergence from kernel densities, in few dimensions."""

from __future__ import annotations

import math

from ganeval.kernel_ratios import kernel_ratios
from ganeval.metrics.metric import Laws, metric
from ganeval.ratios import estimated
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Nowozin et al. 2016, arXiv:1606.00709",
    laws=Laws(blind=frozenset({"mixing"})),
    family="divergence",
    cost="N + grid",
)
def chi2_density(real: Features, fake: Features, *, components: int = 2) -> Estimate:
    """Pearson's chi-square of real against generated from kernel densities in up to three dimensions.

    Features of more dimensions are projected to the first `components` (at most 3) principal components of both sets
    together, with a warning: the divergence of the whole is larger.

    Formula: 2 E_p r - E_q r^2 - 1 for r = p/q, a ratio of kernel densities that were fitted to other samples: the
    integral of p^2/q, less 1, where r is right, less elsewhere. r is cut at the root of the number of
    samples.

    Trust: where it is small. It is infinite where q has lighter tails than p, as for a Gaussian of less than half the
    variance, and then grows with the samples.

    Blind to: all but the first principal components; and to copies. With a few hundred samples also to foreign images
    mixed into the generated ones, which add to q where p is 0.

    Toy: sample size; one dimension
    """
    for summary in (real, fake):
        summary.require(20, "chi2_density")
    return estimated(kernel_ratios(real.rows, fake.rows, components), "chi2")
