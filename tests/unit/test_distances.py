"""Distances between rows against scipy, and what of them is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from ganeval import distances
from ganeval.distances import (
    balls_around,
    keep_distances,
    nearest,
    neighbour_distances,
    products,
    select,
    squared_distances,
)


def rows(n: int, d: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)) + shift)


def test_squared_distances_match_scipy_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_BLOCK_ELEMENTS", 100)
    x, y = rows(37, 5, 5, shift=1e3), rows(23, 5, 6, shift=1e3)
    found = torch.cat([distances for _, distances in squared_distances(x, y)])
    np.testing.assert_allclose(found, cdist(x, y, "sqeuclidean"), rtol=1e-9)


def test_equal_rows_are_at_distance_zero_however_large() -> None:
    x = (rows(200, 64, 7, shift=1e4)).float()
    diagonal = torch.cat([distances for _, distances in squared_distances(x, x.clone())]).diagonal()
    assert diagonal.eq(0).all()


def test_neighbour_distances_leave_out_the_row_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_BLOCK_ELEMENTS", 64)
    x = rows(30, 4, 8)
    expected = np.sort(cdist(x, x), axis=1)[:, 1:4]
    np.testing.assert_allclose(neighbour_distances(x, 3), expected, rtol=1e-9)


def test_nearest_matches_brute_force() -> None:
    x, y = rows(40, 6, 9), rows(50, 6, 10)
    found, indices = nearest(x, y)
    brute = cdist(x, y)
    np.testing.assert_array_equal(indices, brute.argmin(1))
    np.testing.assert_allclose(found, brute.min(1), rtol=1e-9)


def test_no_centres_hold_no_points() -> None:
    assert balls_around(rows(3, 2, 0), torch.empty(0, 2), torch.empty(0)).tolist() == [0, 0, 0]


def test_strict_balls_leave_their_surface_out() -> None:
    point, centre, radius = torch.tensor([[1.0]]), torch.tensor([[0.0]]), torch.tensor([1.0])
    assert balls_around(point, centre, radius).item() == 1
    assert balls_around(point, centre, radius, strict=True).item() == 0


def test_kept_distances_are_the_callers_to_change_and_follow_their_rows() -> None:
    x, y = torch.zeros(2, 64), torch.zeros(1, 64)
    x[1, 0], y[0, 0] = 1.0, 3.0
    first = [block.clone() for _, block in squared_distances(x, y)]
    for _, block in squared_distances(x, y):
        block.zero_()
    again = [block for _, block in squared_distances(x, y)]
    assert torch.equal(first[0], again[0])
    y[0, 0] += 1.0
    moved = next(squared_distances(x, y))[1]
    assert moved.flatten().tolist() == [16.0, 9.0]


def test_kept_distances_go_with_their_rows() -> None:
    before = len(distances._kept)
    x, y = torch.rand(5, 64, generator=torch.Generator().manual_seed(0)), torch.zeros(3, 64)
    list(squared_distances(x, y))
    assert len(distances._kept) > before
    del x
    assert len(distances._kept) == before


def test_either_way_between_two_sets_is_computed_once_and_the_same() -> None:
    x, y = rows(30, 64, 1), rows(20, 64, 2)
    (_, there), *_ = squared_distances(x, y)
    (_, back), *_ = squared_distances(y, x)
    assert torch.equal(there, back.T)
    np.testing.assert_allclose(there, cdist(x, y, "sqeuclidean"), rtol=1e-12)


def test_distances_of_narrow_rows_are_not_kept() -> None:
    before = len(distances._kept)
    x = rows(30, 8, 1)
    np.testing.assert_allclose(next(squared_distances(x, x))[1], cdist(x, x, "sqeuclidean"), atol=1e-12)
    assert len(distances._kept) == before


def test_distances_of_parts_are_looked_up_in_those_of_the_whole() -> None:
    x, y = rows(30, 64, 1).float(), rows(20, 64, 2).float()
    numbers = torch.tensor([7, 3, 19, 4, 11])
    part, other = select(x, numbers), select(y, numbers)
    (_, whole), *_ = squared_distances(x, y)
    (_, found), *_ = squared_distances(part, other)
    assert torch.equal(found, whole[numbers][:, numbers])
    (_, direct), *_ = squared_distances(x[numbers], y[numbers])
    assert not torch.equal(found, direct)  # which is centred elsewhere, so the last bits tell the two apart
    np.testing.assert_allclose(found, direct, rtol=1e-9)


def test_changed_parts_and_parts_of_parts_have_the_distances_of_their_own_rows() -> None:
    x, y = rows(30, 64, 1).float(), rows(20, 64, 2).float()
    numbers = torch.tensor([7, 3, 19, 4, 11])
    part = select(select(x, numbers), torch.tensor([4, 0]))
    assert torch.equal(part, x[[11, 7]])
    other, changed = select(y, numbers), select(x, numbers)
    changed.add_(1.0)
    for each in (part, changed):
        (_, found), *_ = squared_distances(each, other)
        np.testing.assert_allclose(found, cdist(each, other) ** 2, rtol=1e-6)


def test_large_matrices_are_kept_for_their_parts_where_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_KEPT_ELEMENTS", 0)
    x, numbers = rows(30, 64, 1), torch.arange(10)
    part = select(x, numbers)
    assert not distances._known(part, part)
    keep_distances(x, x)
    assert distances._known(part, part)
    (_, found), *_ = squared_distances(part, part)
    np.testing.assert_allclose(found, cdist(part, part) ** 2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("tile", [7, 16, 64])
def test_large_matrices_are_searched_tile_by_tile(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows(50, 6, 9), rows(40, 6, 10)
    x[3], x[30] = y[5], x[31]
    monkeypatch.setattr(distances, "_KEPT_ELEMENTS", 0)
    monkeypatch.setattr(distances, "_TILE", tile)
    found, indices = nearest(x, y)
    brute = cdist(x, y)
    np.testing.assert_array_equal(indices, brute.argmin(1))
    np.testing.assert_allclose(found, brute.min(1), rtol=1e-9)
    assert found[3] == 0
    own = np.sort(cdist(x, x), 1)[:, 1:10]
    np.testing.assert_allclose(neighbour_distances(x, 9), own, rtol=1e-9)


@pytest.mark.parametrize("least", [0, 2**23])
def test_products_by_distances_and_directly_agree(least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows(40, 5, 0, shift=100.0), rows(30, 5, 1)
    monkeypatch.setattr(distances, "_KEPT_ELEMENTS", least)
    found = torch.cat([block for _, block in products(x, y)])
    assert torch.allclose(found, x @ y.T, rtol=1e-12, atol=0)
