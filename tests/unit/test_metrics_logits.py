"""Scores of a classifier's logits, against scipy's entropies and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from ganeval.errors import GanevalError
from ganeval.metrics.classifier_score import classifier_score
from ganeval.metrics.mode_score import mode_score
from ganeval.summaries import Features


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


def logits(n: int, classes: int, seed: int, scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed))


def sure(counts: list[int]) -> torch.Tensor:
    """Logits that leave no doubt: as many images of each class as said."""
    return 1e3 * torch.eye(len(counts))[torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))]


def score(rows: torch.Tensor, splits: int = 1) -> float:
    return classifier_score(features(rows), splits=splits, rng=np.random.default_rng(0)).value


def test_classifier_score_is_the_exponential_of_scipys_divergence() -> None:
    rows = logits(200, 10, 0)
    p = softmax(rows.double().numpy(), axis=1)
    expected = math.exp(np.mean([entropy(row, p.mean(0)) for row in p]))
    assert score(rows) == pytest.approx(expected, rel=1e-12)


def test_classifier_score_counts_the_classes_that_are_seen() -> None:
    assert score(sure([5, 5, 5, 0])) == pytest.approx(3)
    uneven = np.array([8, 1, 1]) / 10
    assert score(sure([8, 1, 1])) == pytest.approx(math.exp(entropy(uneven)))


def test_what_stands_behind_a_classifier_score() -> None:
    rows = logits(60, 7, 0)
    estimate = classifier_score(features(rows), splits=3, shuffle=False, rng=np.random.default_rng(0))
    assert estimate.details["classes"] == 7
    assert estimate.details["splits"] == pytest.approx([score(part) for part in torch.split(rows, 20)])


def test_mode_score_is_the_exponential_of_scipys_divergences() -> None:
    real, fake = logits(150, 10, 0), logits(120, 10, 1) + torch.arange(10) / 5
    p, q = (softmax(rows.double().numpy(), axis=1) for rows in (fake, real))
    expected = math.exp(np.mean([entropy(row, p.mean(0)) for row in p]) - entropy(p.mean(0), q.mean(0)))
    assert mode_score(features(real), features(fake)).value == pytest.approx(expected, rel=1e-12)


def test_mode_score_of_sure_classes() -> None:
    def mode(real: list[int], fake: list[int]) -> float:
        return mode_score(features(sure(real)), features(sure(fake))).value

    assert mode([4, 4, 4, 4], [4, 4, 4, 4]) == pytest.approx(4)
    assert mode([4, 4, 4, 4], [4, 4, 0, 0]) == pytest.approx(2 / 2)  # 2 classes seen, and KL = log(4 / 2)
    assert mode([6, 2], [2, 2]) == pytest.approx(2 * math.exp(-entropy([0.5, 0.5], [0.75, 0.25])))


def test_with_the_real_classes_in_both_terms_the_real_set_would_cancel() -> None:
    real, fake = logits(150, 10, 0), logits(120, 10, 1) + torch.arange(10) / 5
    p, q = (softmax(rows.double().numpy(), axis=1) for rows in (fake, real))
    printed = np.mean([entropy(row, q.mean(0)) for row in p]) - entropy(p.mean(0), q.mean(0))
    assert math.exp(printed) == pytest.approx(score(fake), rel=1e-12)


def test_mode_score_stays_a_number_where_a_class_is_never_real() -> None:
    estimate = mode_score(features(sure([5, 0])), features(sure([2, 3])))
    assert 0 < estimate.value < 1e-250
    assert estimate.details["divergence"] == pytest.approx(600, rel=0.01)


def test_too_few_images_for_the_splits() -> None:
    with pytest.raises(GanevalError, match="at least 20 samples, got 12"):
        score(logits(12, 3, 0), splits=10)
