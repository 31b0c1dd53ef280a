"""A linear classifier of feature rows, and what it confuses. Knows no metric."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganeval.ordering import ordered

_WORTH_THREADS = 2e8  # multiplications of a step from which on threads shorten it

Confusion = npt.NDArray[np.int64]
"""(K, K): how many rows of the class of the row were taken for the class of the column."""


_last: dict[tuple[bytes, tuple[int, ...], float, int], Confusion] = {}
_looking = threading.Lock()  # or metrics that run at once would each compute what they share


def fitted(classes: Sequence[Tensor], inverse_penalty: float, *, balanced: bool = False) -> Any:
    """Multinomial logistic regression on features scaled to unit variance, fitted to rows (N_k, D) of each class k.

    `inverse_penalty` is scikit-learn's C. `balanced` gives each class the same total weight, whatever its count. Rows
    are put in the order of their values first, so that the fit does not depend on the order that they come in.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    weights = "balanced" if balanced else None
    regression = LogisticRegression(C=inverse_penalty, class_weight=weights, max_iter=1000, tol=1e-3)
    labels = np.repeat(np.arange(len(classes)), [len(rows) for rows in classes])
    rows = torch.cat([ordered(rows) for rows in classes]).numpy()
    # A step this small ends before a second thread has woken up, and waiting for it costs many times the step.
    few = rows.size * len(classes) < _WORTH_THREADS
    with threadpool_limits(1 if few else None, user_api="blas"):
        return make_pipeline(StandardScaler(), regression).fit(rows, labels)


def confusion(model: Any, classes: Sequence[Tensor]) -> Confusion:
    """What the fitted model takes the rows (N_k, D) of each class for."""
    guesses = (model.predict(rows.numpy()) for rows in classes)
    return np.stack([np.bincount(guess, minlength=len(classes)) for guess in guesses])


def cross_confusion(classes: Sequence[Tensor], inverse_penalty: float, folds: int) -> Confusion:
    """The same where each row is classified by a model fitted to the others: those of all folds but its own.

    Row i of a class, in the order of their values, is in fold i modulo `folds`: no draw, and equal shares of a class.
    """
    sorted_classes = [ordered(rows) for rows in classes]
    digest = hashlib.sha256(b"".join(rows.numpy().tobytes() for rows in sorted_classes)).digest()
    key = digest, tuple(map(len, sorted_classes)), inverse_penalty, folds
    with _looking:
        if key not in _last:  # two metrics ask for the same of the real set
            _last.clear()
            _last[key] = _cross_confusion(sorted_classes, inverse_penalty, folds)
        return _last[key].copy()


def _cross_confusion(sorted_classes: Sequence[Tensor], inverse_penalty: float, folds: int) -> Confusion:
    total = np.zeros((len(sorted_classes), len(sorted_classes)), np.int64)
    for fold in range(folds):
        own = [torch.arange(len(rows)) % folds == fold for rows in sorted_classes]
        model = fitted([rows[~part] for rows, part in zip(sorted_classes, own)], inverse_penalty)
        total += confusion(model, [rows[part] for rows, part in zip(sorted_classes, own)])
    return total
