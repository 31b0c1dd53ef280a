"""Classifiers between real and generated classes, against closed forms, scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.stats import binomtest, norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.preprocessing import StandardScaler

from ganeval.errors import GanevalError
from ganeval.linear_classifier import cross_confusion
from ganeval.metrics.cas import cas
from ganeval.metrics.label_consistency import label_consistency
from ganeval.summaries import Features, Labelled
from ganeval.uncertainty import share_interval

METRICS = [cas, label_consistency]


def labelled(rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> Labelled:
    features = Features()
    features.update(torch.from_numpy(rows))
    return Labelled.of(features, torch.from_numpy(labels))


def classes(n: int, d: int, seed: int, shift: float = 0.0, k: int = 3) -> tuple[npt.NDArray[np.float32], Labelled]:
    """n rows of k overlapping classes of d features, moved by `shift`."""
    labels = np.arange(n) % k
    centres = np.random.default_rng(7).normal(size=(k, d))
    rows = (np.random.default_rng(seed).normal(size=(n, d)) + centres[labels] + shift).astype(np.float32)
    return rows, labelled(rows, labels)


def line(n: int, seed: int, shift: float = 0.0) -> Labelled:
    """Two classes on a line, 3 deviations apart."""
    labels = np.arange(n) % 2
    return labelled(
        (np.random.default_rng(seed).normal(size=(n, 1)) + 3 * labels[:, None] + shift).astype("f4"), labels
    )


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_accuracy_is_that_of_the_boundary_the_generated_samples_teach(shift: float) -> None:
    # the boundary is half-way between the classes it was fitted to, so `shift` away from where it belongs
    expected = (norm.cdf(1.5 - shift) + norm.cdf(1.5 + shift)) / 2
    real, fake = line(20_000, 0), line(20_000, 1, shift)
    for metric in METRICS:
        estimate = metric(real, fake)
        assert estimate.value == pytest.approx(expected, abs=0.01)
        assert estimate.details["real_accuracy"] == pytest.approx(norm.cdf(1.5), abs=0.01)
        assert (estimate.low or 1) < estimate.value < (estimate.high or 0)


def test_what_is_confused_is_what_scikit_learn_confuses() -> None:
    (x, real), (y, fake) = classes(300, 8, 0), classes(240, 8, 1, 0.4)

    def table(train: Labelled, rows: npt.NDArray[np.float32], test: Labelled) -> npt.NDArray[np.int64]:
        scaler = StandardScaler().fit(train.rows.numpy())
        model = LogisticRegression(C=0.1, max_iter=1000, tol=1e-8)
        model.fit(scaler.transform(train.rows.numpy()), train.labels.numpy())
        made = confusion_matrix(test.labels.numpy(), model.predict(scaler.transform(rows)))
        return np.asarray(made)

    for metric, expected in ((cas, table(fake, x, real)), (label_consistency, table(real, y, fake))):
        estimate = metric(real, fake, inverse_penalty=0.1)
        assert np.abs(np.array(estimate.details["confusion"]) - expected).sum() <= 2  # a sample on the boundary
        assert list(estimate.details["per_class"].values()) == pytest.approx(
            expected.diagonal() / expected.sum(1), abs=0.011
        )


@pytest.mark.parametrize("metric", METRICS)
def test_wrong_labels_are_chance(metric: object) -> None:
    (_, real), (_, fake) = classes(600, 5, 0), classes(600, 5, 1)
    random = Labelled.of(fake, torch.from_numpy(np.random.default_rng(0).integers(0, 3, 600)))
    assert metric(real, fake).value > 0.6  # type: ignore[operator]
    assert metric(real, random).value == pytest.approx(1 / 3, abs=0.1)  # type: ignore[operator]


def test_only_training_on_the_samples_sees_that_they_are_all_alike() -> None:
    _, real = classes(600, 5, 0)
    centres = np.random.default_rng(7).normal(size=(3, 5)).astype(np.float32)
    labels = np.arange(600) % 3
    wobble = np.random.default_rng(1).normal(size=(600, 5)).astype(np.float32) * np.array(
        [1e-3, 1, 1, 1, 1], np.float32
    )
    narrow = labelled(centres[labels] * np.array([1, 0, 0, 0, 0], np.float32) + wobble, labels)
    typical = labelled(centres[labels], labels)
    assert label_consistency(real, typical).value == 1.0
    assert label_consistency(real, typical).details["real_accuracy"] < 0.95
    assert cas(real, narrow).value < cas(real, classes(600, 5, 1)[1]).value - 0.05


def test_no_row_is_classified_by_a_model_that_saw_it() -> None:
    # labels without any pattern and more features than rows: a model that saw a row knows its label
    rng = np.random.default_rng(0)
    parts = [torch.from_numpy(rng.normal(size=(40, 200)).astype(np.float32)) for _ in range(2)]
    table = cross_confusion(parts, inverse_penalty=1.0, folds=5)
    assert table.sum() == 80
    assert table.trace() / 80 == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(("hits", "of"), [(0, 5), (3, 7), (500, 1000), (12, 12)])
def test_the_interval_of_a_share_is_wilsons(hits: int, of: int) -> None:
    made, expected = share_interval(hits, of, "x"), binomtest(hits, of).proportion_ci(method="wilson")
    assert (made.low, made.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_table_of_many_classes_is_left_out() -> None:
    _, real = classes(404, 4, 0, k=101)
    details = cas(real, real, folds=2).details
    assert "confusion" not in details
    assert len(details["per_class"]) == 101


@pytest.mark.parametrize("metric", METRICS)
def test_what_cannot_be_told_is_refused(metric: object) -> None:
    _, real = classes(30, 2, 0)
    _, one = classes(30, 2, 0, k=1)
    _, few = classes(12, 2, 0)
    for sets, options, words in (
        ((one, one), {}, "all images are of class 0"),
        ((real, few), {}, "at least 5 samples of each class, and class 0 of the generated set has 4"),
        ((real, real), {"folds": 1}, "folds is 1: at least 2"),
        ((real, one), {}, "real set has classes 0 to 2 and the generated set class 0"),
    ):
        with pytest.raises(GanevalError, match=words):
            metric(*sets, **options)  # type: ignore[operator]
