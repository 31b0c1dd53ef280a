"""Laws of summaries: the cut into batches, merging and saving change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.summaries import Features, Moments, Summary

KINDS = [Features, Moments]


def rows(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(3, 2, size=(n, d)).astype(np.float32))


def summary(kind: type[Summary], data: torch.Tensor, batch: int) -> Summary:
    made = kind()
    for part in data.split(batch):
        made.update(part)
    return made


@pytest.mark.parametrize("n", [1, 30, 1024, 1025, 3000])
def test_moments_equal_numpys(n: int) -> None:
    data = rows(n, 20)
    moments = summary(Moments, data, 64)
    np.testing.assert_allclose(moments.mean, data.double().mean(0), rtol=1e-12)
    if n > 1:
        np.testing.assert_allclose(moments.covariance, np.cov(data.double(), rowvar=False), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_change_no_bit(kind: type[Summary]) -> None:
    data = rows(2500, 12)
    states = [summary(kind, data, batch).state_dict() for batch in (1, 7, 64, 2500)]
    for state in states[1:]:
        assert state.keys() == states[0].keys()
        assert all(torch.equal(state[key], states[0][key]) for key in state)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [0, 5, 1500])
def test_merge_equals_updating_with_all_rows(kind: type[Summary], cut: int) -> None:
    data = rows(3000, 12)
    first, second = summary(kind, data[:cut], 64), summary(kind, data[cut:], 64)
    first.merge(second)
    assert first.count == 3000
    whole = summary(kind, data, 64)
    if isinstance(first, Features) and isinstance(whole, Features):
        assert torch.equal(first.rows, whole.rows)
    if isinstance(first, Moments) and isinstance(whole, Moments):
        torch.testing.assert_close(first.mean, whole.mean, rtol=1e-12, atol=0)
        torch.testing.assert_close(first.covariance, whole.covariance, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [100, 1500])
def test_saved_and_continued_equals_uninterrupted(kind: type[Summary], cut: int) -> None:
    data = rows(3000, 12)
    begun = kind.from_state(summary(kind, data[:cut], 50).state_dict())
    for part in data[cut:].split(50):
        begun.update(part)
    whole = summary(kind, data, 64).state_dict()
    assert begun.count == 3000
    assert all(torch.equal(value, whole[key]) for key, value in begun.state_dict().items())


def test_reading_a_covariance_does_not_disturb_later_updates() -> None:
    data = rows(2000, 5)
    watched = Moments()
    for part in data.split(100):
        watched.update(part)
        _ = watched.mean, watched.factor()
    torch.testing.assert_close(watched.covariance, summary(Moments, data, 100).covariance, rtol=0, atol=0)


@pytest.mark.parametrize(("n", "d"), [(10, 30), (300, 30), (3000, 30)])
def test_factor_squares_to_the_covariance(n: int, d: int) -> None:
    moments = summary(Moments, rows(n, d), 64)
    factor = moments.factor()
    assert factor.shape == (min(n, d), d)
    torch.testing.assert_close(factor.T @ factor, moments.covariance, rtol=1e-10, atol=1e-10)


def test_moments_do_not_grow_with_the_number_of_rows() -> None:
    def size(n: int) -> int:
        return sum(tensor.numel() for tensor in summary(Moments, rows(n, 16), 100).state_dict().values())

    assert size(40_960) <= size(8192) + 1024 * 16


def test_moments_survive_a_large_common_offset() -> None:
    data = rows(5000, 4) + 4096
    np.testing.assert_allclose(
        summary(Moments, data, 64).covariance, np.cov(data.double(), rowvar=False), rtol=1e-9, atol=1e-9
    )


def test_too_few_rows_say_how_many_are_needed() -> None:
    with pytest.raises(GanevalError, match="at least 2 samples, got 1"):
        _ = summary(Moments, rows(1, 3), 1).covariance
    with pytest.raises(GanevalError, match="at least 4 samples, got 3"):
        summary(Features, rows(3, 3), 3).radii(3)  # type: ignore[attr-defined]
