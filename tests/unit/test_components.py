"""Principal components by each of the three ways against scikit-learn, and images as rows there and back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from ganeval.errors import GanevalError
from reference_models import components
from reference_models.components import PrincipalComponents
from reference_models.recipe import DataSpec
from reference_models.rows import own_draws, seed_latents, to_images, to_rows

SPEC = DataSpec(16, 1, margin=2)
WIDTH = 144


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def images(count: int) -> Tensor:
    """Within [-1, 1], with falling variances along directions of their own."""
    directions = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=rng())).Q
    scales = 0.3 * 0.8 ** torch.arange(WIDTH)
    rows = 0.1 + (torch.rand(count, WIDTH, generator=rng()) - 0.5) * scales @ directions.T
    return to_images(rows, SPEC)


def fitted(made: Tensor, count: int) -> tuple[PrincipalComponents, dict[str, float]]:
    net = PrincipalComponents(SPEC, count)

    def batches() -> Iterator[Tensor]:
        yield from made.split(37)

    return net, net.fit(batches, rng())


def test_rows_are_images_without_their_margin() -> None:
    made = images(3)
    assert to_rows(made, SPEC).shape == (3, WIDTH)
    assert torch.equal(to_images(to_rows(made, SPEC), SPEC), made)
    assert (made[:, :, :2] == -1).all()
    assert to_images(torch.full((1, WIDTH), 3.0), SPEC).max() == 1


def test_each_sample_has_draws_of_its_own() -> None:
    latents = seed_latents(3, rng())
    together, alone = [d.random() for d in own_draws(latents)], [own_draws(row[None])[0].random() for row in latents]
    assert together == alone
    assert len(set(together)) == 3
    with pytest.raises(GanevalError, match="no path leads from one image to another"):
        own_draws(latents.double())


@pytest.mark.parametrize(
    ("way", "count", "exact", "at_hand"),
    [("rows", 60, 4096, 2**24), ("covariance", 400, 4096, 0), ("random", 400, 8, 0)],
)
def test_components_are_scikit_learns(
    monkeypatch: pytest.MonkeyPatch, way: str, count: int, exact: int, at_hand: int
) -> None:
    monkeypatch.setattr(components, "EXACT", exact)
    monkeypatch.setattr(components, "AT_HAND", at_hand)
    made = images(count)
    net, log = fitted(made, 10)
    theirs = PCA(10, svd_solver="full").fit(to_rows(made, SPEC).double().numpy())
    np.testing.assert_allclose(net.mean, theirs.mean_, atol=1e-6)
    np.testing.assert_allclose(net.deviations.square(), theirs.explained_variance_, rtol=1e-4)
    assert log["explained"] == pytest.approx(theirs.explained_variance_ratio_.sum(), rel=1e-5)
    overlap = np.abs(net.directions.double().numpy() @ theirs.components_.T)
    np.testing.assert_allclose(overlap, np.eye(10), atol=5e-3)


def test_all_components_paint_the_image_again() -> None:
    made = images(400)
    net, log = fitted(made, WIDTH)
    torch.testing.assert_close(net.paint(net.coordinates(made)), made, atol=1e-5, rtol=0)
    assert log["explained"] == pytest.approx(1, abs=1e-5)


def test_few_images_span_few_directions() -> None:
    net, log = fitted(images(5), 10)
    assert (net.deviations > 0).sum() == 4
    assert (net.directions[4:] == 0).all()
    assert log["explained"] == pytest.approx(1)


def test_equal_images_have_no_variance() -> None:
    net, log = fitted(images(1).repeat(7, 1, 1, 1), 3)
    assert log == {"explained": 1.0}
    torch.testing.assert_close(net(torch.ones(1, 3)), images(1))


def test_samples_have_the_mean_and_covariance_of_the_images() -> None:
    made = images(400)
    net, _ = fitted(made, WIDTH)
    drawn = to_rows(net(torch.randn(20_000, WIDTH, generator=rng())), SPEC).double().numpy()
    wanted = np.cov(to_rows(made, SPEC).double().numpy(), rowvar=False)
    assert np.abs(np.cov(drawn, rowvar=False) - wanted).max() < 0.05 * wanted.diagonal().max()
    assert np.abs(drawn.mean(0) - net.mean.numpy()).max() < 5e-3
