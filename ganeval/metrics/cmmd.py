"""CMMD: the maximum mean discrepancy of CLIP embeddings."""

from __future__ import annotations

from dataclasses import replace

from torch.nn.functional import normalize

from ganeval.kernels import gaussian, mmd2
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, squared_interval

_SIGMA, _SCALE = 10.0, 1000.0  # both fixed by the paper


# The embedding is what CLIP compares with text: after its projection to 768, which timm loads as the classifier. OpenAI
# trained with the quick approximation of GELU, for which timm has a model of its own.
@metric(
    better="lower",
    range=(0, 2 * _SCALE),
    optimum=0,
    paper="Jayasumana et al. 2024, arXiv:2401.09603",
    tap="timm:vit_large_patch14_clip_quickgelu_336.openai.logits",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="kernel",
    cost="(N + M)^2 D",
)
def cmmd(real: Features, fake: Features) -> Estimate:
    """1000 times the squared MMD of CLIP ViT-L/14-336 embeddings of length 1, Gaussian kernel of width 10.

    Formula: 1000 (E k(x, x') + E k(y, y') - 2 E k(x, y)), k(x, y) = exp(-|x - y|^2 / 200), over all pairs, a sample
    with itself included, as published.

    Trust: at equal counts: that estimate is biased upwards by about 1000 (1 - E k) / N on each side; the method names
    that share, and the interval is for the value at these counts. It needs fewer samples than a Frechet distance, and
    CLIP's features know more of images than classifiers' do.

    Blind to: all but the mean embedding, nearly: embeddings of length 1 are at most 2 apart, where a kernel of width 10
    is almost a parabola.

    Toy: shape

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> round(cmmd(features([1.0, 0.0], [2.0, 0.0]), features([0.0, 3.0], [0.0, 1.0])).value, 4)  # 2000 (1 - e^-0.01)
    19.9003
    """
    real.require(2, "cmmd")
    fake.require(2, "cmmd")
    # in float64, since a kernel so close to 1 leaves float32 only four digits of the difference
    x, y = (normalize(each.rows.double(), dim=1) for each in (real, fake))
    found = mmd2(x, y, gaussian(_SIGMA))
    method = f"interval at these sample counts, of which {_SCALE * found.bias:.3g} is bias"
    errors = _SCALE * found.error, _SCALE * found.chance
    estimate = squared_interval(_SCALE * found.value, errors, method, shift=_SCALE * found.bias)
    return replace(estimate, value=max(0.0, estimate.value))
