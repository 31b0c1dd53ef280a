"""The solver against scikit-learn's LinearSVC, and what it promises of memory-mapped and awkward rows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from ganeval.errors import GanevalError
from ganeval.probes import spectrum
from ganeval.probes.rows import Rows
from ganeval.probes.svm import LinearSVM, fit, fit_path

GRID = (1e-3, 1e-1)


def problem(count: int, width: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count + width)
    centres = rng.normal(size=(classes, width)) * 0.5
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, count - classes)])
    scales = np.exp(rng.normal(size=width))  # columns of very different size, around a mean far from 0
    rows = (centres[labels] + rng.normal(size=(count, width)) + 1.0) * scales
    return rows.astype(np.float32), labels


def objective(rows: np.ndarray, labels: np.ndarray, model: LinearSVC, penalty: float, scale: float) -> float:
    wanted = model.classes_ if len(model.classes_) > 2 else model.classes_[1:]
    targets = np.where(labels == wanted[:, None], 1.0, -1.0)
    slack = np.maximum(0, 1 - targets * (model.coef_ @ rows.T + model.intercept_[:, None]))
    squares = (model.coef_**2).sum() + ((model.intercept_ / scale) ** 2).sum()
    return float(squares / 2 + penalty * (slack**2).sum())


@pytest.mark.parametrize(("count", "width", "classes"), [(400, 30, 5), (80, 300, 4), (200, 20, 2), (60, 90, 2)])
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_same_objective_and_predictions_as_linear_svc(count: int, width: int, classes: int, scale: float) -> None:
    rows, labels = problem(count, width, classes)
    fresh, _ = problem(count + 1000, width, classes)
    models = fit_path(Rows(rows, scale=scale), torch.from_numpy(labels), GRID, classes=classes)
    for penalty, ours in zip(GRID, models):
        theirs = LinearSVC(C=penalty, intercept_scaling=scale, tol=1e-8, max_iter=1_000_000, random_state=0)
        theirs.fit(rows.astype(np.float64), labels)
        wanted = objective(rows.astype(np.float64), labels, theirs, penalty, scale)
        assert float(ours.objectives.sum()) == pytest.approx(wanted, rel=1e-5)
        assert np.mean(ours.predict(Rows(fresh)).numpy() == theirs.predict(fresh)) >= 0.995
        assert np.allclose(ours.intercepts, theirs.intercept_, atol=2e-2 * np.abs(theirs.intercept_).max() + 1e-4)


def test_the_gap_bounds_what_is_left_to_gain() -> None:
    rows, labels = problem(300, 20, 3)
    loose = fit(Rows(rows), torch.from_numpy(labels), 0.1, classes=3, tolerance=0.3)
    tight = fit(Rows(rows), torch.from_numpy(labels), 0.1, classes=3, tolerance=1e-9)
    left = (loose.objectives - tight.objectives) / loose.objectives
    assert 0 <= float(left.max()) <= loose.gap
    assert tight.gap < 1e-6 < loose.gap


def test_warm_starts_and_cold_ones_end_alike_and_the_path_is_shorter() -> None:
    rows, labels = problem(500, 60, 4)
    penalties = [1e-3, 2e-3, 4e-3]
    path = fit_path(Rows(rows), torch.from_numpy(labels), penalties, classes=4)
    alone = [fit(Rows(rows), torch.from_numpy(labels), penalty, classes=4) for penalty in penalties]
    for warm, cold in zip(path, alone):
        assert float(warm.objectives.sum()) == pytest.approx(float(cold.objectives.sum()), rel=1e-5)
    assert path[-1].products <= alone[-1].products


def test_rows_may_lie_in_a_file_or_be_a_slice_of_columns(tmp_path: Path) -> None:
    rows, labels = problem(300, 40, 3)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    targets = torch.from_numpy(labels)

    def solved(values: np.ndarray | torch.Tensor) -> LinearSVM:
        return fit(Rows(values), targets, 0.01, classes=3)

    assert torch.equal(solved(mapped).weights, solved(torch.from_numpy(rows)).weights)
    part = solved(mapped[:, 10:30]).weights
    torch.testing.assert_close(part, solved(np.ascontiguousarray(rows[:, 10:30])).weights, rtol=1e-4, atol=1e-6)


def test_products_agree_with_numpy_block_by_block() -> None:
    rows, _ = problem(70, 9, 2)
    ours = Rows(rows, scale=2.0)
    ours.step = 16
    full = np.hstack([rows, np.full((70, 1), 2.0)]).astype(np.float64)
    rng = np.random.default_rng(0)
    weights, given = rng.normal(size=(3, 10)), rng.normal(size=(3, 70))
    active = (given > 0).astype(np.float32)
    near = {"rtol": 1e-5, "atol": 1e-4}
    assert np.allclose(ours.scores(torch.from_numpy(weights)), weights @ full.T, **near)
    assert np.allclose(ours.combined(torch.from_numpy(given)), given @ full, **near)
    assert np.allclose(ours.mixed(torch.from_numpy(given)), given @ full, **near)
    scores, bent = ours.curvature(torch.from_numpy(weights), torch.from_numpy(active))
    assert np.allclose(scores, weights @ full.T, **near)
    assert np.allclose(bent, (active * (weights @ full.T)) @ full, **near)
    assert np.allclose(ours.gram(), full @ full.T, **near)


def test_products_do_not_depend_on_the_number_of_cores() -> None:
    rows, _ = problem(1500, 9, 2)
    rng = np.random.default_rng(0)
    weights, active = torch.from_numpy(rng.normal(size=(3, 10))), torch.from_numpy(rng.random((3, 1500)) < 0.3)
    threads, found = torch.get_num_threads(), []
    ours = Rows(rows)
    ours.step = 100
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            assert len(ours._shares()) == count
            found.append(ours.curvature(weights, active.float()))
    finally:
        torch.set_num_threads(threads)
    for scores, bent in found[1:]:
        torch.testing.assert_close(scores, found[0][0], rtol=0, atol=0)
        torch.testing.assert_close(bent, found[0][1], rtol=1e-12, atol=1e-9)


def test_rows_that_are_all_alike_have_a_solution() -> None:
    same = torch.ones(40, 5)
    model = fit(Rows(same), torch.arange(40) % 4, 1.0, classes=4)
    assert bool(model.weights.isfinite().all())
    zero = fit(Rows(torch.zeros(6, 50)), torch.arange(6) % 2, 1.0, classes=2, tolerance=1e-9)
    assert float(zero.objectives.sum()) == pytest.approx(6.0)  # as many of each: nothing beats predicting 0


@pytest.mark.parametrize("count", [20, 300])
def test_rows_that_cannot_be_fitted_are_refused(count: int) -> None:
    labels = torch.arange(count) % 2
    with pytest.raises(GanevalError, match="rows of each of two or more classes"):
        fit(Rows(torch.ones(count, 30)), labels, 1.0, classes=3)
    with pytest.raises(GanevalError, match="NaN"):
        fit(Rows(torch.full((count, 30), math.nan)), labels, 1.0, classes=2)
    with pytest.raises(GanevalError, match="above 0"):
        fit(Rows(torch.ones(count, 30)), labels, 0.0, classes=2)


def test_spectra_of_the_active_rows_save_products_and_change_no_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 4
    noise = rng.normal(size=(2000, 600)) * rng.uniform(1, 4, size=(2000, 1))  # what is inside the margin is not typical
    rows = Rows(((rng.normal(size=(4, 600))[labels] / 2 + noise) * np.arange(1, 601) ** -0.5 * 5).astype(np.float32))
    monkeypatch.setattr(spectrum, "_GAIN", 0.1)
    own = fit(rows, torch.from_numpy(labels), 0.1, classes=4, tolerance=1e-6)
    monkeypatch.setattr(spectrum, "_GAIN", math.inf)
    common = fit(rows, torch.from_numpy(labels), 0.1, classes=4, tolerance=1e-6)
    assert own.products < common.products / 2
    assert own.objectives.tolist() == pytest.approx(common.objectives.tolist(), rel=2e-6)


def test_a_spectrum_of_some_rows_is_that_of_their_products() -> None:
    rows = Rows(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 9))
    places = torch.arange(0, 50, 2)
    found = spectrum.sampled_spectrum(rows, places)
    joined = torch.cat([rows.values[places], torch.ones(25, 1)], 1).double()
    wanted = torch.linalg.eigvalsh(joined.T @ joined)
    assert found.count == 25
    assert found.values.tolist() == pytest.approx(wanted[-len(found.values) :].tolist(), rel=1e-5)
    assert found.vectors is not None
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(len(found.vectors)), atol=1e-5)
