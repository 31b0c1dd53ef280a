"""Clipped coverage: how much of the real set is covered, as the share of good samples that would cover as much."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

from ganeval.distances import squared_distances
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features


@metric(
    better="higher",
    range=(0, 1),
    optimum=1,
    paper="Salvy et al. 2025, arXiv:2507.01761",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="neighbours",
    cost="(N + M) M D",
)
def clipped_coverage(real: Features, fake: Features, *, k: int = 5) -> float:
    """Share m / M of good generated samples that would fill the real samples' balls as the M at hand do.

    A real sample's ball, out to its k-th nearest real neighbour, is filled to min(1, J / k) by the J generated samples
    in it.

    Formula: m / N, with m the number of good samples whose expected mean filling equals that of the N at hand. For m
    samples of the real distribution J is beta-binomial(m; k, M - k), whatever that distribution is.

    Trust: at any counts: the expectation for good samples is 1, where that of `coverage` depends on N and k.

    Blind to: copies, which fill the balls best; bad samples cost no more than their share.

    Toy: copies

    >>> summary = Features()
    >>> summary.update(torch.arange(8.0)[:, None])
    >>> clipped_coverage(summary, summary, k=2)
    1.0
    """
    squares = real.radii(k).square()[:, None]
    inside = [(distances <= squares[part]).sum(1) for part, distances in squared_distances(real.rows, fake.rows)]
    filled = (torch.cat(inside).double() / k).clamp(max=1).mean().item()
    expected = expected_filling(real.count, fake.count, k)
    return float(np.interp(filled, expected, np.linspace(0, 1, len(expected))))


def expected_filling(n: int, m: int, k: int) -> NDArray[np.float64]:
    """E[min(1, J / k)] for 0, 1, ..., m generated samples from the distribution of the n real ones, float64 (m + 1,).

    k - E[min(J, k)] is the sum of (k - j) P(J = j) over j < k, with
    P(J = j) = C(m, j) B(k + j, n - k + m - j) / B(k, n - k).

    >>> expected_filling(3, 1, 1).round(6).tolist()  # nearer than two other real samples: one time in three
    [0.0, 0.333333]
    """
    samples = np.arange(m + 1)[:, None]
    hits = np.arange(k)[None, :]
    possible = np.maximum(samples - hits, 0)
    choose = gammaln(samples + 1) - gammaln(hits + 1) - gammaln(possible + 1)
    log = choose + betaln(k + hits, n - k + possible) - betaln(k, n - k)
    missing = np.where(hits <= samples, (k - hits) * np.exp(log), 0.0).sum(1)
    filling: NDArray[np.float64] = 1 - missing / k
    return np.clip(filling, 0.0, 1.0)
