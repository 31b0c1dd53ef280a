"""Statistics in files: the formats of other tools to the bit, nothing unpickled, nothing taken that cannot be one."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ganeval.errors import GanevalError, ImageError
from ganeval.images import FeatureSource, ImageSource, Opening, StatisticsSource, open_images
from ganeval.images.arrays import ArraySource
from ganeval.images.statistics import Origin, Statistics, checked, open_statistics
from ganeval.images.statistics_store import FORMATS, find, signed, store, stored, write_statistics

Rows = npt.NDArray[np.float64]


def rows(n: int = 60, d: int = 8, seed: int = 0) -> Rows:
    return np.random.default_rng(seed).normal(2, 3, (n, d))


def statistics(data: Rows) -> Statistics:
    return checked(data.mean(0), np.cov(data, rowvar=False), "made here")


def origin(name: str = "photos", features: str = "pixels:2.flat") -> Origin:
    return Origin(name=name, features=features, extractor="pixels/1:2", resizer="", images="abc", count=60, version="0")


def reference(name: str = "photos", seed: int = 0, features: str = "pixels:2.flat") -> StatisticsSource:
    return signed(name, statistics(rows(seed=seed)), None, origin(name, features))


def pictures(count: int = 6, channels: int = 3, side: int = 8) -> ArraySource:
    return ArraySource("pictures", np.random.default_rng(0).integers(0, 256, (count, channels, side, side), np.uint8))


def opened(place: object) -> StatisticsSource:
    source = open_images(str(place))
    assert isinstance(source, StatisticsSource)
    return source


@pytest.mark.parametrize("layout", FORMATS)
def test_every_format_comes_back_to_the_bit(layout: str, tmp_path: Path) -> None:
    main, spatial = statistics(rows()), statistics(rows(50, 5, 1))
    source, images = signed("photos", main, spatial, origin()), pictures()
    write_statistics(tmp_path / "file.npz", source, layout=layout, images=images)
    back = open_statistics(tmp_path / "file.npz")
    assert np.array_equal(back.main.mean, main.mean)
    assert np.array_equal(back.main.covariance, main.covariance)
    assert (back.spatial is not None) == (layout in ("ganeval", "adm"))
    if back.spatial is not None:
        assert np.array_equal(back.spatial.covariance, spatial.covariance)
    assert back.origin == (source.origin if layout == "ganeval" else None)
    assert back.count == (60 if layout == "ganeval" else None)
    with np.load(tmp_path / "file.npz", allow_pickle=False) as file:  # as other tools read it
        assert np.array_equal(file["mu"], main.mean)
        assert file["sigma"].dtype == np.float64


@pytest.mark.parametrize("channels", [1, 3])
def test_an_adm_file_holds_the_images_and_counts_as_images(channels: int, tmp_path: Path) -> None:
    images, place = pictures(channels=channels), tmp_path / "adm.npz"
    source = signed("photos", statistics(rows()), statistics(rows(seed=1)), origin())
    write_statistics(place, source, layout="adm", images=images)
    with np.load(place, allow_pickle=False) as file:
        expected = np.broadcast_to(images.images, (6, 3, 8, 8)).transpose(0, 2, 3, 1)
        assert file["arr_0"].dtype == np.uint8
        assert np.array_equal(file["arr_0"], expected)
        assert set(file.files) == {"arr_0", "mu", "sigma", "mu_s", "sigma_s"}
    assert isinstance(open_images(place), ImageSource)
    assert opened(f"statistics:{place}").spatial is not None


def test_what_the_adm_format_needs_is_said(tmp_path: Path) -> None:
    with pytest.raises(GanevalError, match="--features inception"):
        write_statistics(tmp_path / "a.npz", reference(), layout="adm", images=pictures())
    whole = signed("photos", statistics(rows()), statistics(rows()), origin())
    folder = tmp_path / "mixed"
    folder.mkdir()
    from PIL import Image

    for side in (4, 6):
        Image.new("RGB", (side, side)).save(folder / f"{side}.png")
    with pytest.raises(ImageError, match=r"\(4, 4\) and of \(6, 6\)"):
        write_statistics(tmp_path / "a.npz", whole, layout="adm", images=open_images(folder))
    assert not (tmp_path / "a.npz").exists()


def test_formats_and_names_are_closed(tmp_path: Path) -> None:
    with pytest.raises(GanevalError, match="did you mean 'pytorch-fid'"):
        write_statistics(tmp_path / "a.npz", reference(), layout="pytorch_fid")
    with pytest.raises(GanevalError, match=r"call it a\.npz"):
        write_statistics(tmp_path / "a.pt", reference())


def test_float32_statistics_are_taken_within_its_rounding(tmp_path: Path) -> None:
    data = rows(20, 40).astype(np.float32)  # singular: float32 makes eigenvalues below 0
    np.savez_compressed(tmp_path / "f.npz", mu=data.mean(0), sigma=np.cov(data, rowvar=False).astype(np.float32))
    source = opened(tmp_path / "f.npz")
    assert np.array_equal(source.main.covariance, source.main.covariance.T)
    np.testing.assert_allclose(source.main.covariance, np.cov(data.astype(np.float64), rowvar=False), atol=1e-4)


GOOD = np.cov(rows(), rowvar=False)


@pytest.mark.parametrize(
    ("mean", "covariance", "words"),
    [
        (np.zeros(7), GOOD, r"\(7,\) and \(8, 8\)"),
        (np.zeros((2, 4)), GOOD, "shapes"),
        (np.full(8, np.nan), GOOD, "finite"),
        (np.zeros(8), np.where(np.eye(8) > 0, np.inf, GOOD), "finite"),
        (np.zeros(8), GOOD.astype(complex), "real"),
        (np.zeros(8), np.triu(GOOD), "not symmetric"),
        (np.zeros(8), GOOD - 2 * np.eye(8) * np.linalg.eigvalsh(GOOD)[0], "not positive semidefinite"),
        (np.zeros(8), -GOOD, "not positive semidefinite"),
    ],
)
def test_what_cannot_be_a_mean_and_a_covariance_is_refused(
    mean: npt.NDArray[Any], covariance: npt.NDArray[Any], words: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "f.npz", mu=mean, sigma=covariance)
    with pytest.raises(ImageError, match=words):
        open_images(tmp_path / "f.npz")


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    fired = tmp_path / "fired"
    for name in ("ref.pkl", "ref.npz"):
        (tmp_path / name).write_bytes(pickle.dumps({"fid": Bomb(fired)}))
    np.savez(tmp_path / "objects.npz", mu=np.array([Bomb(fired)]), sigma=GOOD)
    for name, words in (("ref.pkl", "is a pickle"), ("ref.npz", "cannot be read"), ("objects.npz", "cannot be read")):
        with pytest.raises(GanevalError, match=words):
            open_images(tmp_path / name)
    with pytest.raises(GanevalError, match="is a pickle"):
        open_images(f"statistics:{tmp_path / 'ref.pkl'}")
    assert not fired.exists()


def test_clean_fids_rows_for_kid_are_features(tmp_path: Path) -> None:
    data = rows().astype(np.float32)
    np.savez_compressed(tmp_path / "name_clean_custom_na_kid.npz", feats=data)
    place = tmp_path / "name_clean_custom_na_kid.npz"
    source = open_images(f"features:{place}")
    assert isinstance(source, FeatureSource)
    assert np.array_equal(source.rows(), data)
    with pytest.raises(ImageError, match="use features:"):
        open_images(f"statistics:{place}")
    np.savez(tmp_path / "two.npz", a=data, b=data)
    with pytest.raises(ImageError, match="expected feats, or a single array"):
        open_images(f"features:{tmp_path / 'two.npz'}")


def test_a_reference_that_was_edited_is_found_out(tmp_path: Path) -> None:
    write_statistics(tmp_path / "good.npz", reference())
    with np.load(tmp_path / "good.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "numbers.npz", **arrays | {"mu": arrays["mu"] + 1e-9})
    renamed = str(arrays["origin"]).replace("pixels:2.flat", "pixels:3.flat")
    np.savez(tmp_path / "origin.npz", **arrays | {"origin": np.array(renamed)})
    np.savez(tmp_path / "schema.npz", **arrays | {"origin": np.array('{"schema": "other"}')})
    for name, words in (("numbers", "sha256"), ("origin", "sha256"), ("schema", "ganeval/reference/1")):
        with pytest.raises(GanevalError, match=words):
            open_images(tmp_path / f"{name}.npz")


def test_statistics_stand_for_their_image_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", mu=rows().mean(0), sigma=GOOD)
    foreign = opened(tmp_path / "foreign.npz")
    assert (len(foreign), foreign.count, len(foreign.fingerprint)) == (0, None, 64)
    assert foreign.at("inception.pool") is foreign.main
    ours = reference()
    assert (len(ours), ours.fingerprint) == (60, "abc")
    with pytest.raises(GanevalError, match=r"give --features pixels:2\.flat"):
        ours.at("inception.pool")
    with pytest.raises(GanevalError, match="from which 5 cannot be drawn"):
        open_images(tmp_path / "foreign.npz", Opening(num_samples=5))


def test_references_are_found_by_name_and_by_digest() -> None:
    first, second, third = reference("photos"), reference("drawings", 1), reference("photos", 2, "pixels:3.flat")
    paths = [store(source) for source in (first, second, third)]
    assert store(reference("photos")) == paths[0]
    assert set(stored()) == set(paths)
    assert find("drawings") == paths[1]
    for path in paths:
        assert find(path.stem[:12]) == path
        assert opened(f"ref:{path.stem}").origin is not None
    with pytest.raises(GanevalError, match=rf"2 references(.|\n)*{paths[0].stem[:12]}(.|\n)*pixels:2"):
        find("photos")
    with pytest.raises(GanevalError, match=r"no reference is called 'x'(.|\n)*drawings"):
        find("x")
