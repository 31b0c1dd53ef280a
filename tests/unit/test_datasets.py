"""Data sets by name, each from small files made on the spot in the format its authors publish."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import sys
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from ganeval.data import datasets, downloading
from ganeval.data.datasets import DATASETS, dataset_names, describe, open_dataset
from ganeval.errors import GanevalError, ImageError
from ganeval.images import ImageSource, Opening, open_images

Pixels = npt.NDArray[np.uint8]
RNG = np.random.default_rng(3)


def pixels_of(*shape: int) -> Pixels:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def all_pixels(source: ImageSource) -> Pixels:
    array: Pixels = torch.cat(list(source.batches(3))).numpy()
    return array


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data of this machine, and no network: a download fails as it does without one."""
    monkeypatch.setattr(datasets, "DEBIAN", tmp_path / "no-debian")
    monkeypatch.setenv("GANEVAL_DATA", str(tmp_path / "default"))

    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network in tests")

    for name in downloading.DOWNLOADABLE:
        monkeypatch.setitem(downloading.DOWNLOADABLE, name, offline)


def idx(path: Path, array: Pixels, compressed: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    if compressed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", "MNIST/raw"),
        ("mnist", "mnist"),
        ("fashion-mnist", "FashionMNIST/raw"),
        ("fashion-mnist", "fashion-mnist"),
    ],
)
def test_mnist_and_fashion_mnist(tmp_path: Path, name: str, folder: str, compressed: bool) -> None:
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = pixels_of(7, 28, 28), pixels_of(7) % 10
        idx(tmp_path / folder / f"{prefix}-images-idx3-ubyte", images, compressed)
        idx(tmp_path / folder / f"{prefix}-labels-idx1-ubyte", labels, compressed)
        source = open_dataset(name, split, data_root=tmp_path)
        np.testing.assert_array_equal(all_pixels(source), images[:, None])
        np.testing.assert_array_equal(source.labels, labels)
        assert source.name == f"dataset:{name}:{split}"


class Python2Pickler(pickle._Pickler):  # type: ignore[misc, name-defined]
    """Writes bytes and text as Python 2 wrote its strings: the published CIFAR batches are such pickles."""

    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_string(self, value: bytes | str) -> None:
        raw = value if isinstance(value, bytes) else value.encode("latin1")
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)

    dispatch[bytes] = dispatch[str] = save_string


def python2_pickle(value: object) -> bytes:
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump(value)
    return file.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def write_cifar(path: Path, label_key: str, labels: list[int], images: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    batch = {"data": images.reshape(len(images), -1), label_key: labels, "batch_label": "x", "filenames": ["a.png"]}
    path.write_bytes(python2_pickle(batch))


def test_the_pickles_made_here_are_those_of_python_2() -> None:
    content = python2_pickle({"data": pixels_of(2, 3072), "labels": [1, 2]})
    assert b"cnumpy.core.multiarray\n_reconstruct" in content
    assert b"_codecs" not in content  # Python 3 would write bytes so
    assert set(pickle.loads(content, encoding="bytes")) == {b"data", b"labels"}


def test_cifar10(tmp_path: Path) -> None:
    images, labels = pixels_of(15, 3, 32, 32), (np.arange(15) % 10).tolist()
    for i in range(5):
        part = slice(3 * i, 3 * i + 3)
        write_cifar(tmp_path / "cifar-10-batches-py" / f"data_batch_{i + 1}", "labels", labels[part], images[part])
    write_cifar(tmp_path / "cifar-10-batches-py" / "test_batch", "labels", labels[:4], images[:4])
    source = open_dataset("cifar10", "train", data_root=tmp_path)
    np.testing.assert_array_equal(all_pixels(source), images)
    assert source.labels is not None
    assert source.labels.tolist() == labels
    np.testing.assert_array_equal(all_pixels(open_dataset("cifar10", "test", data_root=tmp_path)), images[:4])


def test_cifar10_with_a_batch_missing_is_not_there(tmp_path: Path) -> None:
    for i in (1, 2, 3, 5):
        write_cifar(tmp_path / "cifar-10-batches-py" / f"data_batch_{i}", "labels", [0], pixels_of(1, 3, 32, 32))
    with pytest.raises(GanevalError, match="data_batch_4"):
        open_dataset("cifar10", "train", data_root=tmp_path)


def test_cifar100(tmp_path: Path) -> None:
    images = pixels_of(5, 3, 32, 32)
    for split in ("train", "test"):
        write_cifar(tmp_path / "cifar-100-python" / split, "fine_labels", [99, 0, 5, 6, 7], images)
        source = open_dataset("cifar100", split, data_root=tmp_path)
        np.testing.assert_array_equal(all_pixels(source), images)
        assert source.labels is not None
        assert source.labels.tolist() == [99, 0, 5, 6, 7]


class Malicious:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return print, ("this must never be printed",)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"data": Malicious(), "labels": []}, protocol=2),
        b"cos\nsystem\n(S'echo this must never be printed'\ntR.",
        pickle.dumps({"data": np.zeros((2, 3072), np.float32), "labels": [0, 1]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 10), np.uint8), "labels": [0, 1]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, protocol=2),
        pickle.dumps([1, 2, 3]),
        b"",
        b"garbage",
    ],
)
def test_cifar_pickles_cannot_run_code_nor_hold_other_things(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cifar-100-python").mkdir()
    (tmp_path / "cifar-100-python" / "train").write_bytes(content)
    with pytest.raises(ImageError, match="CIFAR batch"):
        open_dataset("cifar100", "train", data_root=tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("folder", ["svhn", "."])
@pytest.mark.parametrize("compressed", [True, False])
def test_svhn(tmp_path: Path, folder: str, compressed: bool) -> None:
    images, digits = pixels_of(6, 3, 32, 32), [1, 9, 10, 2, 10, 5]
    (tmp_path / folder).mkdir(exist_ok=True)
    content = {"X": images.transpose(2, 3, 1, 0), "y": np.array(digits, dtype=np.uint8)[:, None]}
    for split in ("train", "test", "extra"):
        savemat(tmp_path / folder / f"{split}_32x32.mat", content, do_compression=compressed)
        source = open_dataset("svhn", split, data_root=tmp_path)
        np.testing.assert_array_equal(all_pixels(source), images)
        assert source.labels is not None
        assert source.labels.tolist() == [1, 9, 0, 2, 0, 5]


def test_svhn_damaged(tmp_path: Path) -> None:
    (tmp_path / "train_32x32.mat").write_bytes(b"MATLAB 5.0 cut off")
    with pytest.raises(ImageError, match=r"train_32x32\.mat cannot be read"):
        open_dataset("svhn", "train", data_root=tmp_path)


def test_stl10(tmp_path: Path) -> None:
    images, labels = pixels_of(4, 3, 96, 96), np.array([1, 10, 3, 7], dtype=np.uint8)
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for split in ("train", "test", "unlabeled"):
        images.swapaxes(2, 3).tofile(folder / f"{split}_X.bin")  # the file goes down the columns
        if split != "unlabeled":
            labels.tofile(folder / f"{split}_y.bin")
        source = open_dataset("stl10", split, data_root=tmp_path)
        np.testing.assert_array_equal(all_pixels(source), images)
        found = None if source.labels is None else source.labels.tolist()
        assert found == (None if split == "unlabeled" else [0, 9, 2, 6])


@pytest.mark.parametrize("size", [0, 3 * 96 * 96 + 1])
def test_stl10_damaged(tmp_path: Path, size: int) -> None:
    (tmp_path / "stl10_binary").mkdir()
    (tmp_path / "stl10_binary" / "unlabeled_X.bin").write_bytes(bytes(size))
    with pytest.raises(ImageError, match="no whole number of 96x96"):
        open_dataset("stl10", "unlabeled", data_root=tmp_path)


def save_png(path: Path, image: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.transpose(1, 2, 0)).save(path, "PNG")


def test_celeba(tmp_path: Path) -> None:
    images = pixels_of(5, 3, 218, 178)
    parts = [0, 1, 2, 0, 2]
    for i, image in enumerate(images):
        save_png(tmp_path / "celeba" / "img_align_celeba" / f"{i + 1:06}.jpg", image)
    lines = "".join(f"{i + 1:06}.jpg {part}\n" for i, part in enumerate(parts))
    (tmp_path / "celeba" / "list_eval_partition.txt").write_text(lines)
    for split, kept in (("train", [0, 3]), ("valid", [1]), ("test", [2, 4]), ("all", [0, 1, 2, 3, 4])):
        source = open_dataset("celeba", split, data_root=tmp_path)
        np.testing.assert_array_equal(all_pixels(source), images[kept])
        assert source.labels is None


def test_celeba_with_a_part_that_is_empty(tmp_path: Path) -> None:
    (tmp_path / "celeba" / "img_align_celeba").mkdir(parents=True)
    (tmp_path / "celeba" / "list_eval_partition.txt").write_text("000001.jpg 0\n\n")
    with pytest.raises(ImageError, match="names no image of the split 'test'"):
        open_dataset("celeba", "test", data_root=tmp_path)


@pytest.mark.parametrize("folder", ["imagenet", "."])
def test_imagenet(tmp_path: Path, folder: str) -> None:
    root = tmp_path / folder
    images = pixels_of(4, 3, 9, 8)
    names = ["n01440764/n01440764_18.JPEG", "n01440764/n01440764_36.JPEG", "n01443537/a.JPEG", "n02102040/a.JPEG"]
    for split in ("train", "val"):
        for name, image in zip(names, images):
            save_png(root / split / name, image)  # ImageNet itself holds a PNG that is called JPEG
    torch.save(({"n01440764": ("tench", "Tinca tinca")}, ["n01440764"]), root / "meta.bin")
    for split in ("train", "val"):
        source = open_dataset("imagenet", split, data_root=tmp_path)
        np.testing.assert_array_equal(all_pixels(source), images)
        assert source.labels is not None
        assert source.labels.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("folder", ["lsun", "."])
def test_lsun(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lmdb = pytest.importorskip("lmdb")
    images = pixels_of(30, 3, 8, 6)
    path = tmp_path / folder / "church_outdoor_val_lmdb"
    path.mkdir(parents=True)
    with lmdb.open(str(path), map_size=1 << 22) as database, database.begin(write=True) as transaction:
        for i in reversed(range(30)):
            file = io.BytesIO()
            Image.fromarray(images[i].transpose(1, 2, 0)).save(file, "WEBP", lossless=True, exact=True)
            transaction.put(f"{i:040x}".encode(), file.getvalue())
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    source = open_dataset("lsun", "church_outdoor_val", data_root=tmp_path)
    np.testing.assert_array_equal(all_pixels(source), images)
    assert set(tmp_path.iterdir()) == before  # no index is left behind


def test_lsun_without_lmdb_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tower_train_lmdb").mkdir()
    (tmp_path / "tower_train_lmdb" / "data.mdb").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(GanevalError, match=r"ganeval\[lsun\]"):
        open_dataset("lsun", "tower_train", data_root=tmp_path)


def test_lsun_damaged(tmp_path: Path) -> None:
    pytest.importorskip("lmdb")
    (tmp_path / "tower_train_lmdb").mkdir()
    (tmp_path / "tower_train_lmdb" / "data.mdb").write_bytes(b"x" * 9000)
    with pytest.raises(ImageError, match="cannot be read as an LMDB"):
        open_dataset("lsun", "tower_train", data_root=tmp_path)


def write_mnist(folder: Path, images: Pixels) -> None:
    idx(folder / "train-images-idx3-ubyte", images, True)
    idx(folder / "train-labels-idx1-ubyte", np.zeros(len(images), np.uint8), True)


def test_the_named_root_wins_then_debian_then_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [tmp_path / "named", tmp_path / "debian", tmp_path / "default"]
    for i, place in enumerate(places):
        write_mnist(place / "fashion-mnist", np.full((2, 28, 28), i, np.uint8))
    monkeypatch.setattr(datasets, "DEBIAN", places[1])
    assert all_pixels(open_dataset("fashion-mnist", data_root=places[0])).max() == 0
    assert all_pixels(open_dataset("fashion-mnist")).max() == 1
    monkeypatch.setattr(datasets, "DEBIAN", tmp_path / "no-debian")
    assert all_pixels(open_dataset("fashion-mnist")).max() == 2


def test_a_set_is_downloaded_only_where_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(root: Path, split: str) -> None:
        print("Downloading ...")
        fetched.append((root, split))
        write_mnist(root / "MNIST" / "raw", pixels_of(2, 28, 28))

    monkeypatch.setitem(downloading.DOWNLOADABLE, "mnist", fetch)
    assert len(open_dataset("mnist", data_root=tmp_path / "new")) == 2
    assert len(open_dataset("mnist", data_root=tmp_path / "new")) == 2
    assert len(open_dataset("mnist")) == 2
    assert fetched == [(tmp_path / "new", "train"), (tmp_path / "default", "train")]


def test_a_download_never_prints_to_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(downloading.DOWNLOADABLE, "mnist", lambda root, split: print("Downloading"))
    assert downloading.download("mnist", "train", tmp_path) is None
    assert capsys.readouterr() == ("", "Downloading\n")


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_an_absent_set_says_what_is_expected_where(tmp_path: Path, name: str) -> None:
    split = DATASETS[name].splits[0]
    with pytest.raises(GanevalError) as caught:
        open_dataset(name, data_root=tmp_path / "mine")
    message = str(caught.value)
    assert f"dataset:{name}:{split} is not on this machine" in message
    assert ("no network in tests" in message) == (name in downloading.DOWNLOADABLE)
    for pattern in DATASETS[name].files(split):
        assert pattern in message
    for root in ("mine", "default"):
        assert str(tmp_path / root / DATASETS[name].folders[0]) in message
    assert "--data-root" in message


@pytest.mark.parametrize("name", sorted(downloading.DOWNLOADABLE))
def test_torchvision_still_offers_what_the_downloads_use(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The true download functions, with the network replaced by a refusal."""
    import torchvision.datasets.utils as tv_utils

    monkeypatch.undo()
    asked: list[str] = []

    def refuse(*arguments: object, **_: object) -> None:
        asked.append(str(arguments[0]))
        raise urllib.error.URLError("refused")

    for target in ("_urlretrieve", "_get_redirect_url", "download_file_from_google_drive"):
        monkeypatch.setattr(tv_utils, target, refuse)
    monkeypatch.setattr("torchvision.datasets.celeba.download_file_from_google_drive", refuse)
    split = DATASETS[name].splits[0]
    problem = downloading.download(name, split, tmp_path)
    assert problem is not None
    assert "refused" in problem
    assert asked


def test_closed_lists() -> None:
    with pytest.raises(GanevalError, match="unknown data set 'cifar-10': did you mean 'cifar10'"):
        open_dataset("cifar-10")
    with pytest.raises(GanevalError, match=r"unknown split of stl10 'unlabelled': did you mean 'unlabeled'"):
        open_dataset("stl10", "unlabelled")
    with pytest.raises(GanevalError, match="unknown split of fashion-mnist-mini 'val'"):
        open_dataset("fashion-mnist-mini", "val")


def test_ten_names_are_known() -> None:
    issue = "fashion-mnist mnist cifar10 cifar100 svhn stl10 celeba lsun imagenet fashion-mnist-mini"
    assert dataset_names() == tuple(sorted(issue.split()))
    assert [row["name"] for row in describe()] == list(dataset_names())


def test_describe_says_where_a_set_is(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist", pixels_of(2, 28, 28))
    where = {row["name"]: row["where"] for row in describe(tmp_path)}
    assert where["mnist"] == str(tmp_path / "mnist")
    assert where["fashion-mnist-mini"] == "embedded"
    assert where["cifar10"] == "downloaded when asked for"
    assert where["imagenet"] == "not here, must be fetched by hand"


def test_locations_with_splits_and_slices(tmp_path: Path) -> None:
    images = pixels_of(10, 28, 28)
    write_mnist(tmp_path / "mnist", images)
    opening = Opening(data_root=tmp_path)
    for text, part in (
        ("dataset:mnist", slice(None)),
        ("dataset:mnist:train", slice(None)),
        ("dataset:mnist:train[0:4]", slice(0, 4)),
        ("dataset:mnist[3:]", slice(3, None)),
        ("dataset:mnist:train[:7]", slice(0, 7)),
    ):
        source = open_images(text, opening)
        assert isinstance(source, ImageSource)
        np.testing.assert_array_equal(all_pixels(source), images[part, None])
    assert len(open_images("dataset:mnist[2:8]", Opening(data_root=tmp_path, num_samples=3))) == 3


@pytest.mark.parametrize("part", ["[4:4]", "[5:2]", "[0:11]", "[10:]"])
def test_slices_outside_the_set_are_refused(tmp_path: Path, part: str) -> None:
    write_mnist(tmp_path / "mnist", pixels_of(10, 28, 28))
    with pytest.raises(GanevalError, match="there are 10"):
        open_images(f"dataset:mnist:train{part}", Opening(data_root=tmp_path))


@pytest.mark.parametrize("text", ["dataset:", "dataset:mnist:", "dataset:mnist:train[1]", "dataset:mnist:train[-3:]"])
def test_malformed_locations_are_refused(text: str) -> None:
    with pytest.raises(GanevalError, match="expected dataset:NAME"):
        open_images(text)


def test_bad_images_of_a_data_set_can_be_skipped(tmp_path: Path) -> None:
    save_png(tmp_path / "val" / "n1" / "1.JPEG", pixels_of(3, 4, 4))
    (tmp_path / "val" / "n1" / "2.JPEG").write_bytes(b"bad")
    source = open_images("dataset:imagenet:val", Opening(data_root=tmp_path, on_bad_image="skip"))
    assert (len(source), source.skipped) == (1, ["n1/2.JPEG"])
