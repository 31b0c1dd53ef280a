"""Statistics in place of images: the same distances, and a reason wherever they cannot stand for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy
from scipy.linalg import sqrtm

from ganeval.compare import compare
from ganeval.errors import GanevalError
from ganeval.images.statistics_store import signed, store, write_statistics
from ganeval.references import Making, agree, differences, make, spectrum
from ganeval.reporting.single import write_scored
from ganeval.scorecard import Score, Scorecard, load_scorecard
from ganeval.scoring import Job, score
from ganeval.testing.random_weights import random_inception_weights
from ganeval.testing.textures import textures

TAP = "pixels:4"  # 48 features


def images(path: Path, count: int, seed: int, side: int = 8) -> str:
    rng = np.random.default_rng(seed)
    np.savez(path, np.clip(rng.normal(120 + 10 * seed, 40, (count, side, side, 3)), 0, 255).astype(np.uint8))
    return str(path)


@pytest.fixture
def sets(tmp_path: Path) -> tuple[str, str]:
    """(real, fake), more images than features."""
    return images(tmp_path / "real.npz", 300, 0), images(tmp_path / "fake.npz", 200, 1)


def scored(fake: str, real: str, *metrics: str, **rest: Any) -> Scorecard:
    job: dict[str, Any] = {"features": (TAP,)} | rest
    return score(Job(fake, real, metrics=metrics or ("fd",), **job)).card


def only(card: Scorecard) -> Score:
    (found,) = card.scores
    return found


def foreign(path: Path, mean: npt.NDArray[Any], covariance: npt.NDArray[Any]) -> str:
    np.savez(path, mu=mean, sigma=covariance)
    return str(path)


def pixels_of(place: str) -> npt.NDArray[np.float32]:
    """Rows of `pixels` for 8 x 8 images."""
    pixels: npt.NDArray[np.uint8] = np.load(place)["arr_0"]
    return pixels.transpose(0, 3, 1, 2).reshape(-1, 192).astype(np.float32) / np.float32(255)


@pytest.mark.parametrize(("real", "fake"), [(300, 200), (300, 20), (30, 200), (30, 20)])  # above and below 48 features
def test_a_distance_from_statistics_is_that_from_images(real: int, fake: int, tmp_path: Path) -> None:
    x, y = images(tmp_path / "real.npz", real, 0), images(tmp_path / "fake.npz", fake, 1)
    store(make(Making(x, TAP, name="mine")).statistics)
    by_images, by_statistics = scored(y, x), scored(y, "ref:mine")
    assert only(by_statistics).value == pytest.approx(only(by_images).value, rel=1e-10)
    assert only(by_images).value > 0.05
    assert only(by_statistics).counts == {"real": real, "fake": fake}
    assert len(compare([by_images, by_statistics.model_copy(update={"name": "again"})]).columns) == 1


def test_other_tools_statistics_by_scipys_formula(sets: tuple[str, str], tmp_path: Path) -> None:
    real, fake = map(pixels_of, sets)
    place = foreign(tmp_path / "ref.npz", real.mean(0), np.cov(real, rowvar=False))
    found = scored(sets[1], place, features=("pixels:8",))
    products = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    means = real.astype(np.float64).mean(0) - fake.astype(np.float64).mean(0)
    expected = means @ means + sum(map(np.trace, products)) - 2 * np.trace(sqrtm(products[0] @ products[1]).real)
    assert only(found).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("ignore")  # the peer's warnings are not ours
@pytest.mark.parametrize("layout", ["ganeval", "pytorch-fid"])
def test_pytorch_fid_reads_what_we_write(layout: str, sets: tuple[str, str], tmp_path: Path) -> None:
    peer = pytest.importorskip("pytorch_fid.fid_score")
    files = [tmp_path / f"{name}-stats.npz" for name in ("real", "fake")]
    for place, file in zip(sets, files):
        write_statistics(file, make(Making(place, TAP)).statistics, layout=layout)
    read = [peer.compute_statistics_of_path(str(file), None, 50, 2048, "cpu") for file in files]
    assert read[0][1].shape == (48, 48)
    if tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 18):  # later ones lack what it calls
        expected = peer.calculate_frechet_distance(*read[0], *read[1])
        assert only(scored(sets[1], str(files[0]))).value == pytest.approx(expected, rel=1e-7)


def test_an_unknown_count_is_said_to_be_unknown(sets: tuple[str, str], tmp_path: Path) -> None:
    place = str(tmp_path / "ref.npz")
    write_statistics(Path(place), make(Making(sets[0], TAP)).statistics, layout="edm")
    whole = score(Job(sets[1], place, metrics=("fd",), features=(TAP,)))
    assert only(whole.card).counts == {"real": None, "fake": 200}
    assert whole.card.reference.count is None
    assert whole.card.protocol["sets"]["real"].startswith("unknown x ")
    write_scored(whole, tmp_path / "out")
    assert load_scorecard(tmp_path / "out") == whole.card
    page = (tmp_path / "out" / "index.html").read_text()
    assert "200 samples" in page
    assert "against an unknown number of" in page
    assert "None" not in page
    assert "does not say by which network" in page
    store(make(Making(sets[0], TAP, name="mine")).statistics)
    assert not scored(sets[1], "ref:mine").reference.warnings


def test_a_part_is_drawn_of_the_generated_images_only(sets: tuple[str, str]) -> None:
    store(make(Making(sets[0], TAP, name="mine")).statistics)
    assert only(scored(sets[1], "ref:mine", num_samples=60)).counts == {"real": 300, "fake": 60}


def test_statistics_go_with_rows_and_with_statistics(sets: tuple[str, str], tmp_path: Path) -> None:
    real, fake = map(pixels_of, sets)
    np.save(tmp_path / "fake.npy", fake)
    x = foreign(tmp_path / "x.npz", real.mean(0, np.float64), np.cov(real, rowvar=False))
    y = foreign(tmp_path / "y.npz", fake.mean(0, np.float64), np.cov(fake, rowvar=False))
    expected = only(scored(*reversed(sets), features=("pixels:8",))).value
    for place in (f"features:{tmp_path}/fake.npy", y):
        found = only(scored(place, x))
        assert found.value == pytest.approx(expected, rel=1e-6)
        assert found.features == "given.rows"


def test_metrics_of_single_samples_say_why_they_cannot(sets: tuple[str, str]) -> None:
    store(make(Making(sets[0], TAP, name="mine")).statistics)
    with pytest.raises(GanevalError, match="precision compares single samples; the reference ref:mine holds only mean"):
        scored(sets[1], "ref:mine", "precision")
    with pytest.raises(GanevalError, match=r"kid, recall compare single samples; .* or ask for --metrics fd"):
        scored(sets[1], "ref:mine", "fd", "kid", "recall")
    with pytest.raises(GanevalError, match="authpct compares single samples; the image set 'train' ref:mine"):
        scored(sets[1], sets[0], "authpct", train="ref:mine")


def test_what_does_not_belong_together_is_refused_before_any_pass(sets: tuple[str, str], tmp_path: Path) -> None:
    made = make(Making(sets[0], TAP)).statistics
    place = foreign(tmp_path / "ref.npz", made.main.mean, made.main.covariance)
    with pytest.raises(GanevalError, match=r"ref\.npz holds statistics of 48 features, and pixels:8\.flat has 192"):
        scored(sets[1], place, features=("pixels:8",))
    write_statistics(tmp_path / "ours.npz", made)
    with pytest.raises(GanevalError, match=r"statistics of pixels:4\.flat, and pixels:8\.flat was asked for"):
        scored(sets[1], str(tmp_path / "ours.npz"), features=("pixels:8",))
    assert made.origin is not None
    origin = made.origin.model_copy(update={"extractor": "pixels/2:4"})
    write_statistics(tmp_path / "older.npz", signed("older", made.main, None, origin))
    with pytest.raises(GanevalError, match=r"made in another way.*pixels/2 there, pixels/1 in this run"):
        scored(sets[1], str(tmp_path / "older.npz"))
    with pytest.raises(GanevalError, match="made in another way"):
        scored(str(tmp_path / "ours.npz"), str(tmp_path / "older.npz"))


def test_verifying_finds_the_same_images_and_no_others(sets: tuple[str, str]) -> None:
    first, again = (make(Making(sets[0], TAP, batch_size=size, cached=False)).statistics for size in (64, 7))
    found = differences(first, again)
    assert agree(found, 1e-12)
    assert found["main"]["frechet"] < 1e-12
    part = differences(first, make(Making(sets[0], TAP, num_samples=290)).statistics)
    assert not agree(part, 1e-3)
    assert agree(part, 1.0)
    with pytest.raises(GanevalError, match="made in another way"):
        differences(first, make(Making(sets[0], "pixels:8")).statistics)


def test_the_spectrum_of_few_samples(tmp_path: Path) -> None:
    facts = spectrum(make(Making(images(tmp_path / "few.npz", 12, 0), TAP)).statistics.main)
    assert facts["rank"] == 11
    assert abs(facts["least_eigenvalue"]) < 1e-12


def test_one_sample_has_no_covariance(tmp_path: Path) -> None:
    with pytest.raises(GanevalError, match="a covariance needs at least 2 samples, got 1"):
        make(Making(images(tmp_path / "one.npz", 1, 0), TAP))


@pytest.mark.slow
def test_inception_brings_sfid_with_fid_as_the_adm_evaluator_stores_them(tmp_path: Path) -> None:
    weights = {"inception": random_inception_weights(tmp_path / "inception.pth")}
    for name, contrast in (("real", 1.0), ("fake", 0.8)):
        np.savez(tmp_path / name, np.stack(list(textures(3, 32, int(contrast), contrast=contrast))))
    real, fake = (str(tmp_path / f"{name}.npz") for name in ("real", "fake"))
    made = make(Making(real, protocol="adm", weights=weights))
    assert made.statistics.origin is not None
    assert "tf1" in made.statistics.origin.extractor
    write_statistics(tmp_path / "adm.npz", made.statistics, layout="adm", images=made.images)
    by_images = scored(fake, real, "sfid", weights=weights, features=())
    by_statistics = scored(fake, f"statistics:{tmp_path / 'adm.npz'}", "sfid", weights=weights, features=())
    assert only(by_statistics).value == pytest.approx(only(by_images).value, rel=1e-10)
    assert only(by_images).value > 0
