"""Feature rows from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganeval.errors import ImageError
from ganeval.images import FeatureSource, Opening, open_images


def open_features(path: Path, **options: object) -> FeatureSource:
    source = open_images(f"features:{path}", Opening(**options))  # type: ignore[arg-type]
    assert isinstance(source, FeatureSource)
    return source


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_are_those_of_the_file(tmp_path: Path, dtype: type) -> None:
    rows = np.random.default_rng(0).normal(size=(9000, 3)).astype(dtype)
    source = open_features(saved(tmp_path / "a.npy", rows))
    assert len(source) == 9000
    assert isinstance(source.rows(), np.memmap)
    assert source.rows().dtype == dtype
    np.testing.assert_array_equal(source.rows(), rows)


def test_integers_become_floats(tmp_path: Path) -> None:
    source = open_features(saved(tmp_path / "a.npy", np.array([[1, 2], [3, 4]])))
    assert source.rows().dtype == np.float64
    assert source.rows().tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(10, 4))
    first, second = (open_features(saved(tmp_path / name, rows)) for name in ("a.npy", "b.npy"))
    other = open_features(saved(tmp_path / "c.npy", np.vstack([rows[:9], rows[9:] + 1])))
    shaped = open_features(saved(tmp_path / "d.npy", rows.reshape(20, 2)))
    assert first.fingerprint == second.fingerprint
    assert len({first.fingerprint, other.fingerprint, shaped.fingerprint}) == 3


def test_num_samples_draws_rows_by_seed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", np.arange(100.0)[:, None])
    drawn = open_features(path, num_samples=30, seed=1)
    assert len(drawn) == 30
    assert drawn.rows()[:, 0].tolist() == sorted(set(drawn.rows()[:, 0].tolist()))
    assert drawn.fingerprint == open_features(path, num_samples=30, seed=1).fingerprint
    assert drawn.fingerprint != open_features(path, num_samples=30, seed=2).fingerprint
    with pytest.raises(ImageError, match="has 100: ask for 1 to 100"):
        open_features(path, num_samples=101)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3, 4)), r"has shape \(2, 3, 4\)"),
        (np.zeros((0, 4)), r"has shape \(0, 4\)"),
        (np.array([["a"]]), "holds values of type <U1"),
        (np.array([[1j]]), "holds values of type complex128"),
        (np.vstack([np.zeros((5000, 2)), [[0, np.nan]], np.zeros((5000, 2))]), "NaN or infinity in row 5000:"),
        (np.array([[0.0], [np.inf]]), "NaN or infinity in row 1:"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        open_features(saved(tmp_path / "a.npy", array))


def test_missing_and_damaged_files_are_user_errors(tmp_path: Path) -> None:
    (tmp_path / "bad.npy").write_bytes(b"PK\x03\x04")
    for name in ("bad.npy", "none.npy"):
        with pytest.raises(ImageError, match=f"{name} cannot be read as a NumPy array"):
            open_features(tmp_path / name)
