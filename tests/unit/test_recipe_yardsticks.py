"""Recipes that are fitted: against closed forms and scikit-learn's estimators, on images made for it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.neighbors import KernelDensity
from torch import Tensor
from torch.nn import ModuleDict

from ganeval.errors import GanevalError
from reference_models.codes import absolute_error
from reference_models.components import EXACT, PrincipalComponents
from reference_models.feed import TrainingImages
from reference_models.fitting import fit
from reference_models.gans.gaussian import Gaussian
from reference_models.gans.histogram import Histogram, Histograms
from reference_models.gans.kde import KDE, Windows
from reference_models.gans.mixture import Clusters, Mixture
from reference_models.gans.pca import PCA
from reference_models.parzen import best_bandwidth, log_likelihood
from reference_models.recipe import DataSpec, Fitted
from reference_models.rows import to_rows

SPEC = DataSpec(16, 1, margin=2)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def photos(count: int, channels: int = 1) -> Tensor:
    """Two kinds of images at levels that uint8 has: a bright half above or below, of varied brightness, with noise."""
    generator = np.random.default_rng(0)
    pixels = generator.normal(90, 10, (count, channels, 12, 12))
    for number, image in enumerate(pixels):
        image[:, slice(6) if number % 2 else slice(6, 12)] += 70 + 8 * generator.normal()
    made = torch.from_numpy(pixels.round().clip(0, 255)).float() / 127.5 - 1
    return torch.nn.functional.pad(made, [2] * 4, value=-1.0)


def fitted(recipe: Fitted, images: Tensor, spec: DataSpec = SPEC) -> tuple[ModuleDict, dict[str, float]]:
    nets = recipe.networks(spec)

    def batches() -> Iterator[Tensor]:
        yield from images.split(64)

    with torch.no_grad():
        return nets.eval(), recipe.fit(nets, batches, rng())


def samples(recipe: Fitted, nets: ModuleDict, count: int) -> Tensor:
    with torch.no_grad():
        return recipe.generate(nets, recipe.latents(count, rng()), torch.zeros(count, dtype=torch.int64))


def test_gaussian_has_all_directions_of_small_images_and_the_leading_ones_of_large() -> None:
    def directions(recipe: Gaussian, spec: DataSpec) -> int:
        return len(cast(PrincipalComponents, recipe.networks(spec)["G"]).deviations)

    assert directions(Gaussian(), DataSpec(64, 1)) == EXACT
    assert directions(Gaussian(components=7), DataSpec(64, 3)) == 7
    assert directions(Gaussian(space="pca", components=7), DataSpec(16, 1)) == 7


def test_gaussian_samples_have_the_images_moments() -> None:
    recipe, images = Gaussian(), photos(500)
    nets, log = fitted(recipe, images)
    assert log == {"explained": pytest.approx(1)}
    drawn, real = (to_rows(made, SPEC).double().numpy() for made in (samples(recipe, nets, 4000), images))
    wanted = np.cov(real, rowvar=False)
    assert np.abs(drawn.mean(0) - real.mean(0)).max() < 0.06
    assert np.abs(np.cov(drawn, rowvar=False) - wanted).max() < 0.1 * wanted.diagonal().max()


def test_pca_codes_are_white_and_reconstruct_to_the_plane() -> None:
    recipe, images = PCA(components=5), photos(300)
    nets, log = fitted(recipe, images)
    codes = recipe.encode(nets, images).double().numpy()
    np.testing.assert_allclose(codes.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.cov(codes, rowvar=False), np.eye(5), atol=1e-3)
    rows = to_rows(images, SPEC).double().numpy()
    left = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    plane = rows.mean(0) + (left.U[:, :5] * left.S[:5]) @ left.Vh[:5]
    again = recipe.reconstruct(nets, images, torch.zeros(300))
    np.testing.assert_allclose(to_rows(again, SPEC), plane.clip(-1, 1), atol=1e-4)
    assert log["L1"] == pytest.approx(float(absolute_error(images, again)), rel=1e-5)


def test_pca_codes_are_0_where_the_data_has_no_direction() -> None:
    recipe = PCA(components=9)
    nets, _ = fitted(recipe, photos(4))
    codes = recipe.encode(nets, photos(4))
    assert codes.shape == (4, 9)
    assert (codes[:, 3:] == 0).all()


@pytest.mark.parametrize(("of", "channels"), [("pixel", 1), ("pixel", 3), ("channel", 3)])
def test_histogram_samples_have_each_pixels_histogram_and_no_covariance(of: Any, channels: int) -> None:
    recipe, images, spec = Histogram(of=of), photos(300, channels), DataSpec(16, channels, margin=2)
    if channels == 3:
        images[:, 1] = 0.5  # a green that is always the same
    nets, log = fitted(recipe, images, spec)
    made = samples(recipe, nets, 1500)
    levels = to_rows((made + 1) * 127.5, spec).numpy()
    np.testing.assert_allclose(levels, levels.round(), atol=1e-3)
    drawn, real = to_rows(made, spec), to_rows(images, spec)
    if of == "channel":
        drawn, real = (rows.view(len(rows), channels, -1).transpose(1, 2).flatten(0, 1) for rows in (drawn, real))
    np.testing.assert_allclose(drawn.mean(0), real.mean(0), atol=0.1)
    np.testing.assert_allclose(drawn.std(0), real.std(0), atol=0.1)
    if of == "pixel":
        correlation = np.corrcoef(drawn[:, :2].T)[0, 1]
        assert abs(correlation) < 0.1 < np.corrcoef(real[:, :2].T)[0, 1]
    assert log["entropy"] > 0


def test_histogram_entropy_and_shares_by_hand() -> None:
    net = Histograms(DataSpec(16, 1), 256)
    images = torch.full((4, 1, 16, 16), -1.0)
    images[0, 0, 0, 0] = 1.0  # one of four; all other pixels say nothing
    entropy = net.fit(lambda: iter([images[:3], images[3:]]))
    assert entropy == pytest.approx(-0.25 * np.log(0.25) - 0.75 * np.log(0.75))
    assert net.cumulated[0, 0].item() == pytest.approx(0.75)
    assert net.cumulated[0, 254].item() == pytest.approx(0.75)
    assert net.cumulated[1, 0].item() == 1


@pytest.mark.parametrize("bandwidth", [0.3, 1.0])
def test_kernel_densities_are_scikit_learns(bandwidth: float) -> None:
    rows, centres = torch.randn(40, 6, generator=rng()), torch.randn(30, 6, generator=rng()) / 2
    theirs = KernelDensity(bandwidth=bandwidth).fit(centres.double().numpy()).score_samples(rows.double().numpy())
    ours = log_likelihood(rows, centres, bandwidth)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_the_bandwidth_is_the_most_likely_one() -> None:
    rows, centres = torch.randn(40, 6, generator=rng()).double(), torch.randn(50, 6, generator=rng()).double() + 0.2
    found = best_bandwidth(rows, centres)
    grid = np.geomspace(0.05, 5, 400)
    likelihoods = [float(log_likelihood(rows, centres, s).mean()) for s in grid]
    assert found == pytest.approx(grid[int(np.argmax(likelihoods))], rel=0.03)
    assert float(log_likelihood(rows, centres, found).mean()) >= max(likelihoods) - 1e-5


@pytest.mark.parametrize("space", ["pixels", "pca"])
def test_kde_samples_are_training_images_with_noise(space: Any) -> None:
    recipe, images = KDE(space=space, components=8, kernels=100), photos(300)
    nets, log = fitted(recipe, images)
    net = cast(Windows, nets["G"])
    assert int(net.count) == 100
    assert {*log} == {"bandwidth", "log-likelihood", *(["explained"] if space == "pca" else [])}
    rows, windows = net.rows(samples(recipe, nets, 200)), net.centres
    nearest = torch.cdist(rows, windows).amin(1).square().mean() / rows.shape[1]
    if space == "pixels":  # the nearest of a hundred is often not the one it was drawn around
        assert 0.7 < nearest.sqrt() / net.bandwidth < 1.05
    assert torch.cdist(windows, net.rows(images)).amin(1).max() < 0.02  # centres are training images


def test_kde_likelihood_is_in_the_unit_of_pixels_from_0_to_1() -> None:
    images = photos(300)
    nets, log = fitted(KDE(kernels=240), images)
    net = cast(Windows, nets["G"])
    order = torch.randperm(300, generator=rng())
    tested, centres = to_rows(images, SPEC)[order[30:60]], to_rows(images, SPEC)[order[60:]]
    x, c = ((rows.double().numpy() + 1) / 2 for rows in (tested, centres))
    parts = [multivariate_normal(centre, log["bandwidth"] ** 2).logpdf(x) for centre in c]
    assert log["bandwidth"] == pytest.approx(float(net.bandwidth) / 2)
    assert log["log-likelihood"] == pytest.approx((logsumexp(parts, axis=0) - np.log(240)).mean(), rel=1e-5)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_a_mixture_finds_two_kinds_and_samples_both(covariance: Any) -> None:
    recipe, images = Mixture(clusters=2, components=4, covariance=covariance), photos(300)
    nets, log = fitted(recipe, images)
    net = cast(Clusters, nets["G"])
    np.testing.assert_allclose(net.weights, 0.5, atol=1e-3)
    coordinates = net.components.coordinates(images).double()
    for kind in (0, 1):
        rows = coordinates[kind::2].numpy()
        mine = int(np.square(net.means.numpy() - rows.mean(0)).sum(1).argmin())
        wanted = np.cov(rows, rowvar=False, bias=True)
        wanted = wanted if covariance == "full" else np.diag(np.diag(wanted))
        np.testing.assert_allclose(net.means[mine], rows.mean(0), atol=1e-3)
        np.testing.assert_allclose(net.roots[mine] @ net.roots[mine].T, wanted, atol=2e-3 * wanted.max())
    drawn = net.components.coordinates(samples(recipe, nets, 1000))
    assert 0.4 < (drawn[:, 0] > 0).float().mean() < 0.6
    assert torch.cov(drawn.T)[0, 0] == pytest.approx(torch.cov(coordinates.T)[0, 0].item(), rel=0.05)
    assert log["rounds"] >= 1


def test_a_mixture_needs_images() -> None:
    with pytest.raises(GanevalError, match="4 images cannot be fitted by 100 clusters"):
        fitted(Mixture(), photos(4))


def test_a_fit_leaves_its_figures_in_the_log(tmp_path: Path) -> None:
    pixels = ((photos(60)[:, :, 2:-2, 2:-2] + 1) * 127.5).round().numpy().astype(np.uint8)
    fit(KDE(kernels=20), TrainingImages(pixels, margin=2), tmp_path)
    (row,) = csv.DictReader((tmp_path / "log.csv").read_text().splitlines())
    assert row["step"] == "1"
    assert {"seconds", "bandwidth", "log-likelihood"} < {*row}
