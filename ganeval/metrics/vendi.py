"""Vendi score: the effective number of different samples."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.linalg import gram
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features


@metric(
    better="higher",
    range=(1, math.inf),
    optimum=None,
    paper="Friedman and Dieng 2023, arXiv:2210.02410; orders q: Pasarkar and Dieng 2024, arXiv:2310.12952",
    laws=Laws(sees=frozenset({"modes"})),
    family="diversity",
    cost="N D min(N, D)",
)
def vendi(fake: Features, *, q: float | Literal["inf"] = 1.0) -> float:
    """Exponential of the Renyi entropy of order q of the eigenvalues of K / N, with K the cosine similarities.

    Formula: exp of the Renyi entropy of order `q` of the eigenvalues l of K / N, with K the cosine similarities; q = 1
    is Shannon's, exp(-sum l log l). A small q counts rare samples more, q = 0 their dimension, and q = inf gives 1 /
    max l. From 1, all the same, to min(N, D), all orthogonal.

    Trust: next to the score of as many real samples, since it grows with N.

    Blind to: the real set, and so to quality: noise is diverse.

    Toy: noise

    >>> summary = Features()
    >>> summary.update(torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 5.0]]))
    >>> round(vendi(summary), 9)
    2.0

    Raises:
        GanevalError: q is negative, or a row is zero and has no direction.
    """
    fake.require(2, "vendi")
    order = float(q)  # JSON has no infinity, so a scorecard holds the word
    if not order >= 0:
        raise GanevalError(f"vendi.q is {q}: an order of entropy is 0 or more (inf is allowed)")
    rows = fake.rows.double()
    lengths = rows.norm(dim=1, keepdim=True)
    if not bool((lengths > 0).all()):
        raise GanevalError("vendi compares directions, and a row of features is zero: choose other --features")
    rows = rows / lengths
    # rows @ rows.T and rows.T @ rows have the same eigenvalues but for zeros: the smaller one will do
    kernel = gram(rows.T if len(rows) <= rows.shape[1] else rows) / len(rows)
    return effective_number(kernel, order)


def effective_number(kernel: Tensor, q: float) -> float:
    """exp of the Renyi entropy of order q of the eigenvalues of a symmetric matrix of trace 1, float64 (N, N).

    >>> round(effective_number(torch.eye(4).double() / 4, 0.5), 9)
    4.0
    """
    values = torch.linalg.eigvalsh(kernel)
    values = values[values > 1e-12 * values.max()]  # rounding of zeros, which small orders would count
    if q == 1:
        return math.exp(-float((values * values.log()).sum()))
    if math.isinf(q):
        return 1 / float(values.max())
    return math.exp(math.log(float((values**q).sum())) / (1 - q))
