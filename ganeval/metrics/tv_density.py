"""Total variation from densities, in few dimensions."""

from __future__ import annotations

from typing import Literal

from ganeval.histograms import Correction, histogram_divergence
from ganeval.kernel_ratios import kernel_ratios
from ganeval.metrics.metric import metric
from ganeval.ratios import estimated
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, 1),
    optimum=0,
    paper="Nguyen, Wainwright, Jordan 2010, arXiv:0809.0853; Miller and Madow 1955",
    family="divergence",
    cost="N + grid",
)
def tv_density(
    real: Features,
    fake: Features,
    *,
    estimator: Literal["kernel", "histogram"] = "kernel",
    correction: Correction = "miller_madow",
    components: int = 2,
) -> Estimate:
    """Total variation from kernel densities in up to three dimensions: the share of mass that has to move, 0 to 1.

    Features of more dimensions are projected to the first `components` (at most 3) principal components of both sets
    together, with a warning: the divergence of the whole is larger. `estimator=histogram` takes bins between quantiles
    instead, with `correction` for the bias of few samples: `miller_madow`, `jackknife` or `none`.

    Formula: (E_p sign T - E_q sign T) / 2, T the log ratio of kernel densities that were fitted to other samples: half
    the integral of |p - q| where T has the right sign, less elsewhere. Bandwidths are those under which samples left
    out are likeliest.

    Trust: in one and two dimensions from some hundred samples on. Sharp edges are blurred by a bandwidth.

    Blind to: all but the first principal components; and to copies.

    Toy: sample size; one dimension
    """
    for summary in (real, fake):
        summary.require(20, "tv_density")
    if estimator == "histogram":
        return histogram_divergence(real.rows, fake.rows, "tv", components=components, correction=correction)
    return estimated(kernel_ratios(real.rows, fake.rows, components), "tv")
