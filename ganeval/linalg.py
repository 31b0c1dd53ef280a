"""Linear algebra in float64. Knows matrices, no metric."""

from __future__ import annotations

import torch
from torch import Tensor


def root(covariance: Tensor) -> Tensor:
    """A float64 (K, D) matrix R, K <= D, with R.T @ R = covariance: Cholesky, or by eigenvalues where it is singular.

    Eigenvalues that are rounding of 0 are left out: their roots would be as large as 1e-8 of the largest.

    >>> root(torch.tensor([[4.0, 0.0], [0.0, 0.0]], dtype=torch.float64)).abs().tolist()
    [[2.0, 0.0]]
    """
    upper: Tensor
    upper, info = torch.linalg.cholesky_ex(covariance, upper=True)
    zero = len(covariance) * torch.finfo(torch.float64).eps
    if int(info) == 0 and bool(upper.diagonal().square().min() > zero * covariance.diagonal().max()):
        return upper
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > zero * values[-1]
    partial: Tensor = values[kept].sqrt()[:, None] * vectors.T[kept]
    return partial


def gram(rows: Tensor) -> Tensor:
    """rows.T @ rows, (D, D), of rows (N, D): by numpy, which sees that it is symmetric and computes one half only.

    >>> gram(torch.tensor([[1.0, 2.0], [0.0, 1.0]]).double()).tolist()
    [[1.0, 2.0], [2.0, 5.0]]
    """
    matrix = rows.numpy()
    return torch.from_numpy(matrix.T @ matrix)


def trace_sqrt_product(a: Tensor, b: Tensor) -> float:
    """Trace of the square root of (a.T @ a) @ (b.T @ b), from factors a (M, D) and b (N, D).

    It is the nuclear norm of a @ b.T, a matrix of only min(M, N) singular values: no D x D square root is formed, and
    no complex numbers appear.

    >>> eye = torch.eye(3, dtype=torch.float64)
    >>> round(trace_sqrt_product(2 * eye, 3 * eye), 12)
    18.0
    """
    product = a @ b.T
    if min(product.shape) <= 1024:
        return float(torch.linalg.svdvals(product).sum())
    # Beyond that, eigenvalues of the Gram matrix cost half as much and agree to 1e-9.
    squares = gram(product.T if product.shape[0] <= product.shape[1] else product)
    return float(torch.linalg.eigvalsh(squares).clamp(min=0).sqrt().sum())
