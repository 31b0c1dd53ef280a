"""Kernel metrics against closed forms, brute force and scipy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import timm
import torch
from scipy.spatial.distance import cdist, pdist

from ganeval.errors import GanevalError
from ganeval.extractors import parse_tap
from ganeval.kernels import Kernel, gaussian, mmd2, negative_distance, polynomial
from ganeval.metrics.cmmd import cmmd
from ganeval.metrics.energy_distance import energy_distance
from ganeval.metrics.metric import get
from ganeval.metrics.mmd_rbf import mmd_rbf
from ganeval.summaries import Features


def normal(n: int, d: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1, (n, d)).astype(np.float32))


def features(rows: torch.Tensor) -> Features:
    summary = Features()
    summary.update(rows)
    return summary


def rbf(real: torch.Tensor, fake: torch.Tensor, bandwidth: float = 0.0) -> float:
    return mmd_rbf(features(real), features(fake), bandwidth=bandwidth, rng=np.random.default_rng(0)).value


def brute(x: torch.Tensor, y: torch.Tensor, kernel: Callable[[np.ndarray], np.ndarray], *, biased: bool) -> float:
    """MMD^2 from whole kernel matrices of distances."""
    a, b = x.double().numpy(), y.double().numpy()
    value = -2 * kernel(cdist(a, b)).mean()
    for rows in (a, b):
        n, matrix = len(rows), kernel(cdist(rows, rows))
        value += matrix.mean() if biased else (matrix.sum() - np.trace(matrix)) / (n * (n - 1))
    return float(value)


def test_mmd_rbf_equals_brute_force() -> None:
    x, y = normal(90, 20, 0), normal(70, 20, 1, mean=0.3)
    expected = brute(x, y, lambda r: np.exp(-(r**2) / (2 * 5.0**2)), biased=False)
    assert rbf(x, y, bandwidth=5.0) == pytest.approx(expected, rel=1e-9)


def test_mmd_rbf_takes_the_median_distance_of_the_pooled_samples() -> None:
    x, y = normal(7, 20, 0), normal(8, 20, 1, mean=0.3)  # 105 pairs: the median is one of them
    median = float(np.median(pdist(torch.cat([x, y]).double().numpy())))
    assert rbf(x, y) == pytest.approx(rbf(x, y, bandwidth=median), rel=1e-9)


def test_mmd_rbf_of_gaussians_approaches_its_closed_form() -> None:
    d, sigma, shift = 16, 4.0, 0.5
    flat = (sigma**2 / (sigma**2 + 2)) ** (d / 2)
    expected = 2 * flat * (1 - math.exp(-d * shift**2 / (2 * (sigma**2 + 2))))
    values = [rbf(normal(600, d, 2 * s), normal(600, d, 2 * s + 1, mean=shift), sigma) for s in range(20)]
    assert np.mean(values) == pytest.approx(expected, rel=0.05)


def test_mmd_rbf_refuses_a_bandwidth_that_is_none() -> None:
    with pytest.raises(GanevalError, match=r"bandwidth is -1.0"):
        rbf(normal(5, 2, 0), normal(5, 2, 1), bandwidth=-1.0)
    with pytest.raises(GanevalError, match=r"median distance is 0.*mmd_rbf\.bandwidth"):
        rbf(torch.ones(5, 2), torch.ones(5, 2))
    assert rbf(torch.ones(5, 2), torch.ones(5, 2), bandwidth=1.0) == 0


def test_energy_distance_equals_brute_force() -> None:
    x, y = normal(90, 20, 0), normal(70, 20, 1, mean=0.3)
    expected = brute(x, y, np.negative, biased=False)
    assert energy_distance(features(x), features(y)).value == pytest.approx(expected, rel=1e-9)


def test_energy_distance_on_a_line_equals_scipy_once_its_bias_is_added() -> None:
    x, y = normal(90, 1, 0), normal(70, 1, 1, mean=0.3)
    found = mmd2(x, y, negative_distance)
    peer = scipy.stats.energy_distance(x[:, 0].double().numpy(), y[:, 0].double().numpy())
    assert found.value + found.bias == pytest.approx(peer**2, rel=1e-9)


@pytest.mark.parametrize("kernel", [gaussian(5.0), negative_distance, polynomial(3)], ids=["rbf", "energy", "cubic"])
@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_the_standard_error_is_the_spread_over_repetitions(kernel: Kernel, shift: float) -> None:
    results = [mmd2(normal(150, 16, 2 * s), normal(200, 16, 2 * s + 1, mean=shift), kernel) for s in range(200)]
    values, errors = np.array(results).T[:2]
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.17)


def test_the_energy_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    def between(shift: float) -> float:  # E|x - y| of two standard normals on a line, their means apart by `shift`
        return 2 / math.sqrt(math.pi) * math.exp(-(shift**2) / 4) + shift * math.erf(shift / 2)

    truth = 2 * between(0.5) - 2 * between(0.0)
    pairs = [(features(normal(200, 1, 2 * s)), features(normal(200, 1, 2 * s + 1, mean=0.5))) for s in range(200)]
    estimates = [energy_distance(*pair) for pair in pairs]
    assert 0.90 <= np.mean([e.low <= truth <= e.high for e in estimates]) <= 0.99  # type: ignore[operator]


def test_cmmd_equals_the_published_formula() -> None:
    x, y = normal(90, 20, 0), normal(70, 20, 1, mean=0.3)
    unit_x, unit_y = (rows.double() / rows.double().norm(dim=1, keepdim=True) for rows in (x, y))
    expected = 1000 * brute(unit_x, unit_y, lambda r: np.exp(-(r**2) / (2 * 10.0**2)), biased=True)
    assert cmmd(features(x), features(y)).value == pytest.approx(expected, rel=1e-9)
    assert cmmd(features(3 * x), features(0.1 * y)).value == pytest.approx(expected, rel=1e-5)  # lengths do not count


def test_cmmd_of_a_copy_is_zero_and_of_equal_distributions_is_its_stated_bias() -> None:
    x = normal(300, 20, 0)
    assert cmmd(features(x), features(x.clone())).value == pytest.approx(0, abs=1e-9)
    estimates = [cmmd(features(normal(100, 20, 2 * s)), features(normal(100, 20, 2 * s + 1))) for s in range(150)]
    stated = [float(estimate.method.split("of which ")[1].split()[0]) for estimate in estimates]
    assert np.mean([estimate.value for estimate in estimates]) == pytest.approx(np.mean(stated), rel=0.1)


def test_cmmd_reads_clips_projected_embedding() -> None:
    tap = parse_tap(get("cmmd").tap)
    assert tap.layer == "logits"
    config = timm.get_pretrained_cfg(tap.extractor.removeprefix("timm:"))
    assert config is not None
    assert (config.num_classes, config.input_size) == (768, (3, 336, 336))
