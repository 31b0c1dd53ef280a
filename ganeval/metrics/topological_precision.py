"""Topological precision: of the generated samples that are more than noise, how many lie where real ones do."""

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
    laws=Laws(blind=frozenset({"noise", "blur", "occlusion", "salt_and_pepper", "mixing"})),
    family="neighbours",
    cost="resamples N^2 + N^2 width",
)
def topological_precision(
    real: Features,
    fake: Features,
    *,
    alpha: float = 0.1,
    width: int = 32,
    resamples: int = 100,
    rng: np.random.Generator,
) -> float:
    """TopP: share of the samples in the generated set's support that lie in the real set's support as well.

    Formula: |supp(real) and supp(fake)| / |supp(fake)|, counted in generated samples. A support is where a kernel
    density estimate exceeds what bootstrap resampling moves it by (band at level 1 - `alpha`), so that outliers of
    either set do not count. Features are projected on `width` random directions first. The kernel is a cosine; its
    bandwidth, as in the authors' package, the median distance to the (5 width)-th nearest of the samples that follow in
    a random order. The package draws 10 resamples, which doubles the spread over seeds and adds about 0.01.

    Trust: for gross failures, with hundreds of samples more than 5 width: near its optimum it says little.

    Blind to: dropped modes; a minority of samples from elsewhere, which are noise to it; and spoilt images whose
    features gather where real ones are dense.

    Toy: dropped modes

    Raises:
        GanevalError: no generated sample stands out of the noise.

    >>> import torch
    >>> def features(n, mean):
    ...     summary = Features()
    ...     summary.update(torch.from_numpy(np.random.default_rng(0).normal(mean, 1, (n, 2)).astype(np.float32)))
    ...     return summary
    >>> [topological_precision(features(90, 0), features(90, m), rng=np.random.default_rng(0)) for m in (0, 9)]
    [1.0, 0.0]
    """
    return shared_part(fake.rows, real.rows, alpha=alpha, width=width, resamples=resamples, rng=rng)
