"""Topological recall: of the real samples that are more than noise, how many lie where generated ones do."""

from __future__ import annotations

import numpy as np

from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.supports import shared_part


@metric(
    better="higher",
    range=(0, 1),
    optimum=1,
    paper="Kim et al. 2023, arXiv:2306.08013",
    laws=Laws(sees=frozenset({"shift", "modes"}), blind=frozenset({"mixing"})),
    family="neighbours",
    cost="as `topological_precision`",
)
def topological_recall(
    real: Features,
    fake: Features,
    *,
    alpha: float = 0.1,
    width: int = 32,
    resamples: int = 100,
    rng: np.random.Generator,
) -> float:
    """TopR: share of the samples in the real set's support that lie in the generated set's support as well.

    Formula: |supp(real) and supp(fake)| / |supp(real)|, counted in real samples: `topological_precision` with the sets
    exchanged, by the same supports and the same options.

    Trust: as `topological_precision`.

    Blind to: samples scattered far beyond the real ones, which are forgiven, as the bandwidth follows each set's own
    neighbours; to bad samples beside the good ones, such as images of another data set mixed in; and to copies.

    Toy: scattered

    Raises:
        GanevalError: no real sample stands out of the noise.

    >>> import torch
    >>> def features(n, mean):
    ...     summary = Features()
    ...     summary.update(torch.from_numpy(np.random.default_rng(0).normal(mean, 1, (n, 2)).astype(np.float32)))
    ...     return summary
    >>> [topological_recall(features(90, 0), features(90, m), rng=np.random.default_rng(0)) for m in (0, 9)]
    [1.0, 0.0]
    """
    return shared_part(real.rows, fake.rows, alpha=alpha, width=width, resamples=resamples, rng=rng)
