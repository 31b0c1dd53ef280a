"""The value of the game, V(G, D) = E log D(x) + E log(1 - D(G(z))), from the logits of D, and what it says of JS.

Goodfellow et al. 2014, arXiv:1406.2661, equation 1 and theorem 1: over all D it is largest at p / (p + p_g), where it
is -2 log 2 + 2 JS(p, p_g). So any D that is fixed before the samples are seen gives a lower bound of JS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit
from scipy.stats import norm

from ganeval.ratios import LogRatios, bounded, separation
from ganeval.uncertainty import Estimate, accuracy_interval, normal_interval

Array = npt.NDArray[np.float64]
BLIND = -2 * math.log(2)
"""V of D = 1/2 everywhere: the value at the game's solution."""
_ONE_SIDED = float(norm.ppf(0.95))
METHOD = "interval from the samples' own terms"


@dataclass(frozen=True)
class Logits:
    """What a discriminator says of samples that had no part in choosing it.

    Attributes:
        real: logits of being real at real samples, float64 (M,), M > 1.
        fake: at generated ones, (N,), N > 1.
    """

    real: Array
    fake: Array

    def value(self) -> Estimate:
        """V(G, D) in nats, from -inf to 0; -2 log 2 for D = 1/2.

        >>> round(Logits(np.zeros(9), np.zeros(9)).value().value, 4)
        -1.3863
        """
        return _sum(log_expit(self.real), log_expit(-self.fake))

    def js(self) -> Estimate:
        """log 2 + V / 2, cut to [0, log 2]: at most the Jensen-Shannon divergence in nats, on average over samples.

        `details["unclipped"]` is it as it came out, below 0 where D is worse than saying 1/2, and `bound` what JS is at
        least in 95 % of draws.
        """
        found = _sum(*(log_expit(side) / 2 + math.log(2) / 2 for side in (self.real, -self.fake)))
        return bounded(found, math.log(2))

    def accuracy(self) -> Estimate:
        """The share that D > 1/2 tells rightly, the mean over both sets; ideally 0.5. A logit of 0 is half right."""
        right = [float(np.mean(np.sign(side)) / 2 + 0.5) for side in (self.real, -self.fake)]
        counts = len(self.real), len(self.fake)
        return accuracy_interval((right[0] * counts[0], right[1] * counts[1]), counts, "binomial interval")

    def auc(self) -> float:
        """The probability that a real sample has the larger logit; ideally 0.5."""
        return separation(LogRatios(self.real[None], self.fake[None], ""))["auc"]

    def means(self) -> tuple[float, float]:
        """Mean D(x) and mean D(G(z)); ideally 0.5 both."""
        return float(expit(self.real).mean()), float(expit(self.fake).mean())


def gain(before: Logits, after: Logits) -> Estimate:
    """V of `after` less V of `before`, on the same samples, in nats: what D could still learn with G as it is."""
    return _sum(
        log_expit(after.real) - log_expit(before.real),
        log_expit(-after.fake) - log_expit(-before.fake),
    )


def _sum(real: Array, fake: Array) -> Estimate:
    """Sum of two independent means."""
    error = math.sqrt(sum(float(side.var(ddof=1)) / len(side) for side in (real, fake)))
    value = float(real.mean() + fake.mean())
    found = normal_interval(value, error, METHOD)
    return replace(found, details={"bound": value - _ONE_SIDED * error})
