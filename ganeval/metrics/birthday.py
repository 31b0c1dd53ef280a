"""Birthday-paradox support size: how many different images a generator has, judged by its near-duplicates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganeval.distances import squared_distances
from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, current_level, in_percent, quantile


@metric(
    better="higher",
    range=(1, math.inf),
    optimum=None,
    paper="Arora, Risteski and Zhang 2018, arXiv:1706.08224",
    laws=Laws(sees=frozenset({"modes"})),
    family="diversity",
    cost="(N^2 + M^2) D",
)
def birthday(real: Features, fake: Features, *, closest: float = 0.01) -> Estimate:
    """Pairs of generated samples over pairs that are near-duplicates: the effective size of the support.

    The paper draws batches until half of them hold a pair that a person calls duplicates; s such samples mean a support
    of about s^2. Here all pairs enter, and a pair is a duplicate if it is nearer than the nearest neighbours of the
    `closest` share of real samples.

    Formula: (P + 1) / (F + 1), with F of the P = N (N - 1) / 2 pairs duplicates: their share estimates sum_i p_i^2 for
    a discrete distribution p. One duplicate is added, so that none found gives about N^2 / 2, the most that N samples
    can show, and not infinity.

    Trust: next to the same number for real images, at one N and with one real set. The interval is wide: few pairs are
    found.

    Blind to: quality, since the real set gives the threshold only; and to a support larger than about N^2.

    Toy: far

    >>> def features(*values):
    ...     summary = Features()
    ...     summary.update(torch.tensor(values)[:, None])
    ...     return summary
    >>> birthday(features(0.0, 1.0, 3.0), features(0.0, 0.5, 10.0, 20.0)).value  # 1 + 1 of 6 + 1 pairs
    3.5
    """
    fake.require(2, "birthday")
    if not 0 <= closest <= 1:
        raise GanevalError(f"birthday.closest is {closest:g}: a share of the real samples lies between 0 and 1")
    threshold = float(real.radii(1).quantile(closest))
    partners = _partners(fake.rows, threshold)
    pairs, found = fake.count * (fake.count - 1) / 2, float(partners.sum()) / 2
    value = (pairs + 1) / (found + 1)
    # Relative variance of a share of pairs: of single samples' shares (Hoeffding), and of the pairs as such.
    spread = float(partners.var()) / max(float(partners.mean()), 1 / fake.count) ** 2
    error = math.sqrt(4 * spread / fake.count + 1 / (found + 1))
    reach = math.exp(min(700.0, quantile() * error))
    method = (
        f"{in_percent(current_level())} interval of the population value on a logarithmic scale, duplicates nearer "
        f"than {threshold:.3g}, {found:.0f} pairs found"
    )
    return Estimate(value, max(1.0, value / reach), value * reach, method)


def _partners(rows: Tensor, threshold: float) -> Tensor:
    """Number of other rows within the threshold of each row, float64 (N,)."""
    near = [(distances <= threshold**2).sum(1) - 1 for _, distances in squared_distances(rows, rows)]
    return torch.cat(near).double()
