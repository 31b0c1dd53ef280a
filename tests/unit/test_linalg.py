"""Matrix roots and traces against scipy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from ganeval import linalg


def rows(n: int, d: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)) + shift)


@pytest.mark.parametrize("rank", [3, 8])
def test_root_squares_to_the_covariance_even_when_singular(rank: int) -> None:
    a = rows(rank, 8, 0)
    covariance = a.T @ a
    root = linalg.root(covariance)
    torch.testing.assert_close(root.T @ root, covariance, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("m", "n", "d"), [(50, 60, 20), (10, 12, 40), (10, 90, 40)])
def test_trace_sqrt_product_equals_scipys_sqrtm(m: int, n: int, d: int) -> None:
    a, b = rows(m, d, 1), rows(n, d, 2)
    product = (a.T @ a).numpy() @ (b.T @ b).numpy()
    # sqrtm of a singular product is only good to about the root of the machine's precision
    expected = np.trace(scipy.linalg.sqrtm(product).real)
    assert linalg.trace_sqrt_product(a, b) == pytest.approx(expected, rel=1e-6)


def test_both_ways_to_the_singular_values_agree() -> None:
    a, b = rows(1100, 1200, 3), rows(1100, 1200, 4)
    assert linalg.trace_sqrt_product(a, b) == pytest.approx(float(torch.linalg.svdvals(a @ b.T).sum()), rel=1e-9)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_gram_matrix_is_symmetric_to_the_bit(transposed: bool) -> None:
    x = rows(70, 90, 1).T if transposed else rows(90, 70, 1)
    found = linalg.gram(x)
    assert torch.equal(found, found.T)
    torch.testing.assert_close(found, x.T @ x, rtol=1e-12, atol=1e-12)
