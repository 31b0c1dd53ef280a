"""Principal components of images, for the yardsticks that are no GANs: exact where that can be had, else randomised."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from reference_models.recipe import Batches, DataSpec
from reference_models.rows import row_width, to_images, to_rows

EXACT = 4096
"""Up to so many numbers in an image, its whole covariance is computed and decomposed."""
AT_HAND = 2**24
"""Numbers in all images together up to which they are decomposed themselves, if there are fewer of them than pixels."""
SPARE = 16
"""Directions that a randomised range has beyond those asked for."""
POWERS = 3
"""Passes that turn a random range towards the leading directions."""
NOTHING = 1e-9
"""Share of the largest variance below which one is rounding."""

Rows = Callable[[], Iterator[Tensor]]


class PrincipalComponents(nn.Module):
    """e (N, K or more) => images x = m + sum_k s_k e_k v_k, (N, C, S, S), cut to [-1, 1].

    Attributes:
        mean: m, (P,), of images without their margin.
        directions: orthonormal v_k as rows (K, P), by falling variance.
        deviations: s_k, (K,); 0 for directions that the data does not have.
    """

    mean: Tensor
    directions: Tensor
    deviations: Tensor

    def __init__(self, spec: DataSpec, components: int) -> None:
        super().__init__()
        self.spec, pixels = spec, row_width(spec)
        components = min(components, pixels)
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("directions", torch.zeros(components, pixels))
        self.register_buffer("deviations", torch.zeros(components))

    def forward(self, e: Tensor) -> Tensor:
        """Coefficients of variance 1 => images."""
        return self.paint(e[:, : len(self.deviations)] * self.deviations)

    def coordinates(self, images: Tensor) -> Tensor:
        """(N, C, S, S) => (N, K), coordinate k with the data's variance s_k^2."""
        return (to_rows(images, self.spec) - self.mean) @ self.directions.T

    def paint(self, coordinates: Tensor) -> Tensor:
        """(N, K) => (N, C, S, S): the inverse of `coordinates`, but for what lies outside the directions."""
        return to_images(self.mean + coordinates @ self.directions, self.spec)

    def fit(self, batches: Batches, rng: torch.Generator) -> dict[str, float]:
        """Mean, directions and variances (divided by N - 1) of all images; for the log, the share of variance kept."""

        def rows() -> Iterator[Tensor]:
            return (to_rows(batch, self.spec) for batch in batches())

        count = sum(len(some) for some in rows())
        mean = sum((some.double().sum(0) for some in rows()), torch.zeros(())) / count
        self.mean.copy_(mean)

        def centred() -> Iterator[Tensor]:
            return (some.double() - mean for some in rows())

        total = sum(float(some.square().sum()) for some in centred()) / max(count - 1, 1)
        scatters, directions = _leading(centred, count, self.directions.shape, rng)
        variances = scatters.clamp(min=0) / max(count - 1, 1)
        kept = int((variances > NOTHING * variances[0]).sum())
        self.directions[:kept], self.deviations[:kept] = directions[:kept].float(), variances[:kept].sqrt().float()
        return {"explained": float(variances[:kept].sum()) / total if total else 1.0}


def _leading(rows: Rows, count: int, shape: torch.Size, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Largest eigenvalues (K,), falling, and eigenvectors (K, P) of the sum of x x^T over centred rows x."""
    components, pixels = shape
    if count < pixels and count * pixels <= AT_HAND:
        singular, directions = torch.linalg.svd(torch.cat(list(rows())), full_matrices=False)[1:]
        return singular[:components].square(), directions[:components]
    if pixels <= EXACT:
        scatter = sum((some.T @ some for some in rows()), torch.zeros(()))
        values, vectors = torch.linalg.eigh(scatter)
        return values.flip(0)[:components], vectors.T.flip(0)[:components]
    return _randomised(rows, components, torch.randn(pixels, components + SPARE, generator=rng))


def _randomised(rows: Rows, components: int, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The same by subspace iteration from a random basis (P, L): Halko, Martinsson, Tropp 2011, algorithms 4.4 and 5.3.

    One pass over the rows for each power and one at the end; products in float32, sums in float64.
    """
    basis = torch.linalg.qr(basis).Q
    for _ in range(POWERS):
        image = torch.zeros(basis.shape, dtype=torch.float64)
        for some in map(Tensor.float, rows()):
            image += some.T @ (some @ basis)
        basis = torch.linalg.qr(image.float()).Q
    inside = torch.zeros(basis.shape[1], basis.shape[1], dtype=torch.float64)
    for some in map(Tensor.float, rows()):
        coordinates = (some @ basis).double()
        inside += coordinates.T @ coordinates
    values, rotation = torch.linalg.eigh(inside)
    directions = (basis.double() @ rotation).T
    return values.flip(0)[:components], directions.flip(0)[:components]
