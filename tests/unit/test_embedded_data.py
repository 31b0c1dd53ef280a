"""The embedded data set: balanced, interleaved, small, and truly Fashion-MNIST."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from ganeval.data import embedded
from ganeval.data.embedded import fashion_mnist_mini, sheet_path
from ganeval.data.make_fashion_mnist_mini import make
from ganeval.images import ImageSource, open_images
from ganeval.images.idx import read_idx

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
# of the pixels in order: whoever makes the sheets anew must get the same images
PIXELS = {
    "train": "ecff6f3f8a00e00743b2896130eee5ed77338fe7f58fc769132708b77d5c92b9",
    "test": "a9a3fef60943d6c23d218c668ff2a8e2537003dbf7a653b962a95bcf38a209bb",
}


@pytest.mark.parametrize(("split", "count"), [("train", 6000), ("test", 2000)])
def test_shape_balance_and_order(split: str, count: int) -> None:
    images, labels = fashion_mnist_mini(split)
    assert (images.shape, images.dtype, labels.dtype) == ((count, 1, 28, 28), np.uint8, np.int64)
    assert labels.tolist() == list(range(10)) * (count // 10)
    assert len(np.unique(images.reshape(count, -1), axis=0)) >= count - 5  # Fashion-MNIST has a few exact twins
    assert hashlib.sha256(images.tobytes()).hexdigest() == PIXELS[split]


def test_no_test_image_is_a_training_image() -> None:
    train, test = (fashion_mnist_mini(split)[0].reshape(-1, 784) for split in ("train", "test"))
    shared = {row.tobytes() for row in train} & {row.tobytes() for row in test}
    assert shared == set()


def test_it_opens_by_name() -> None:
    for location, count in (("dataset:fashion-mnist-mini", 6000), ("dataset:fashion-mnist-mini:test", 2000)):
        source = open_images(location)
        assert isinstance(source, ImageSource)
        assert (len(source), source.skipped) == (count, [])


def test_any_slice_of_whole_tens_is_balanced() -> None:
    source = open_images("dataset:fashion-mnist-mini:train[40:440]")
    assert isinstance(source, ImageSource)
    assert source.labels is not None
    assert np.bincount(source.labels).tolist() == [40] * 10
    np.testing.assert_array_equal(next(source.batches(400)).numpy(), fashion_mnist_mini("train")[0][40:440])


def test_it_is_at_most_four_megabytes() -> None:
    folder = Path(embedded.__file__).parent
    assert sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) < 4e6


def test_the_licence_comes_with_it() -> None:
    notice = sheet_path("train").with_name("NOTICE").read_text(encoding="utf-8")
    assert "Copyright (c) 2017 Zalando SE" in notice
    assert "Permission is hereby granted, free of charge" in notice


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def test_the_script_makes_what_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for prefix in ("train", "t10k"):
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte.gz", rng.integers(0, 256, (300, 28, 28), dtype=np.uint8))
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte.gz", rng.permutation(np.arange(300) % 10).astype(np.uint8))
    monkeypatch.setitem(embedded.PER_CLASS, "train", 20)
    monkeypatch.setitem(embedded.PER_CLASS, "test", 10)
    monkeypatch.setattr(embedded, "sheet_path", lambda split: tmp_path / f"fashion_mnist_mini_{split}.png")
    make(tmp_path, tmp_path)
    for split, prefix in (("train", "train"), ("test", "t10k")):
        assert_firsts_of_each_class(split, tmp_path, prefix)
    before = {file.name: file.read_bytes() for file in tmp_path.glob("*.png")}
    make(tmp_path, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*.png")} == before
    assert len(before) == 2


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed")
@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_it_is_the_beginning_of_fashion_mnist(split: str, prefix: str) -> None:
    assert_firsts_of_each_class(split, DEBIAN, prefix)


def assert_firsts_of_each_class(split: str, folder: Path, prefix: str) -> None:
    images, labels = fashion_mnist_mini(split)
    all_images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")
    all_labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")
    for c in range(10):
        firsts = np.flatnonzero(all_labels == c)[: embedded.PER_CLASS[split]]
        np.testing.assert_array_equal(images[labels == c][:, 0], all_images[firsts])


def test_a_part_keeps_its_bounds_in_its_name() -> None:
    from ganeval.images import open_images

    assert open_images("dataset:fashion-mnist-mini:test[0:9]").name == "dataset:fashion-mnist-mini:test[0:9]"
