"""Reading the known data sets from their published files, each in torchvision's layout below its folder.

The readers are ours and torchvision only downloads: its classes load whole sets into memory, check every file's md5 at
each opening, need all splits present, and unpickle files (CIFAR) or an index left in the current folder (LSUN).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ganeval.data.cifar import read_batches
from ganeval.errors import GanevalError, ImageError
from ganeval.images.arrays import ArraySource, channels_first
from ganeval.images.encoded import EncodedSource, OnBadImage, open_folder
from ganeval.images.idx import read_idx
from ganeval.images.source import ImageSource

Reader: TypeAlias = Callable[[Path, str, OnBadImage], ImageSource]
"""(folder, split, what to do with a bad image) => source; the caller names it."""

CELEBA_PARTS = {"train": "0", "valid": "1", "test": "2"}
STL10_SIDE = 96


def mnist_files(split: str) -> tuple[str, ...]:
    """Patterns of the images' and the labels' file, gzipped or not."""
    prefix = {"train": "train", "test": "t10k"}[split]
    return f"{prefix}-images-idx3-ubyte*", f"{prefix}-labels-idx1-ubyte*"


def read_mnist(folder: Path, split: str, on_bad_image: OnBadImage) -> ImageSource:
    """MNIST and Fashion-MNIST: IDX files, gzipped or not."""
    images, labels = (read_idx(_plain_or_gzipped(folder / name.rstrip("*"))) for name in mnist_files(split))
    return ArraySource(str(folder), channels_first(images, str(folder)), labels.astype(np.int64))


def _plain_or_gzipped(path: Path) -> Path:
    return path if path.exists() else path.with_name(f"{path.name}.gz")


def cifar10_files(split: str) -> tuple[str, ...]:
    """The batches of a split."""
    return tuple(f"data_batch_{i}" for i in range(1, 6)) if split == "train" else ("test_batch",)


def read_cifar10(folder: Path, split: str, on_bad_image: OnBadImage) -> ImageSource:
    """CIFAR-10: the "python version", five training batches and one for testing."""
    return ArraySource(str(folder), *read_batches([folder / name for name in cifar10_files(split)], "labels"))


def read_cifar100(folder: Path, split: str, on_bad_image: OnBadImage) -> ImageSource:
    """CIFAR-100: the "python version"; labels are the 100 fine ones."""
    return ArraySource(str(folder), *read_batches([folder / split], "fine_labels"))


def read_svhn(folder: Path, split: str, on_bad_image: OnBadImage) -> ImageSource:
    """SVHN, cropped digits: a MATLAB file with X (32, 32, 3, N) and y (N, 1), in which 10 stands for the digit 0."""
    from scipy.io import loadmat

    file = folder / f"{split}_32x32.mat"
    try:
        content = loadmat(file, variable_names=["X", "y"])
        images, labels = content["X"], content["y"].astype(np.int64).ravel()
    except Exception as error:  # scipy raises many kinds for a damaged file, plain Exception among them
        raise ImageError(f"{file} cannot be read as SVHN's MATLAB file: {error}") from error
    return ArraySource(str(folder), channels_first(images.transpose(3, 2, 0, 1), str(file)), labels % 10)


def read_stl10(folder: Path, split: str, on_bad_image: OnBadImage) -> ImageSource:
    """STL-10: raw bytes, column by column, memory-mapped (the unlabelled part has 2.7 GB); labels from 1 on."""
    file, label_file = folder / f"{split}_X.bin", folder / f"{split}_y.bin"
    if file.stat().st_size == 0 or file.stat().st_size % (3 * STL10_SIDE**2):
        raise ImageError(f"{file} is damaged: {file.stat().st_size} bytes are no whole number of 96x96 colour images")
    columns = np.memmap(file, np.uint8, "r").reshape(-1, 3, STL10_SIDE, STL10_SIDE)
    labels = None if split == "unlabeled" else np.fromfile(label_file, np.uint8).astype(np.int64) - 1
    return ArraySource(str(folder), columns.swapaxes(2, 3), labels)


def read_celeba(folder: Path, split: str, on_bad_image: OnBadImage) -> ImageSource:
    """CelebA, aligned and cropped: files of `img_align_celeba` in the part that `list_eval_partition.txt` names."""
    lines = [line.split() for line in (folder / "list_eval_partition.txt").read_text(encoding="utf-8").splitlines()]
    wanted = set(CELEBA_PARTS.values()) if split == "all" else {CELEBA_PARTS[split]}
    files = sorted(name for name, part in (line for line in lines if len(line) == 2) if part in wanted)
    if not files:
        raise ImageError(f"{folder / 'list_eval_partition.txt'} names no image of the split '{split}'")

    def read_bytes(position: int) -> bytes:
        return (folder / "img_align_celeba" / files[position]).read_bytes()

    return EncodedSource(str(folder), files, read_bytes, on_bad_image=on_bad_image)


def read_imagenet(folder: Path, split: str, on_bad_image: OnBadImage) -> ImageSource:
    """ImageNet-1k: one folder of images per class, numbered names in order, as torchvision numbers them."""
    return open_folder(folder / split, on_bad_image=on_bad_image)


def read_lsun(folder: Path, split: str, on_bad_image: OnBadImage) -> ImageSource:
    """LSUN: one LMDB per category and part, encoded images under their keys, in the order of the keys."""
    try:
        import lmdb
    except ImportError:
        raise GanevalError("LSUN is stored in LMDB files: install the extra, pip install 'ganeval[lsun]'") from None
    path = folder / f"{split}_lmdb"
    try:
        database = lmdb.open(str(path), readonly=True, lock=False, readahead=False, create=False)
        with database.begin() as transaction:
            keys = [bytes(key) for key in transaction.cursor().iternext(keys=True, values=False)]
    except lmdb.Error as error:
        raise ImageError(f"{path} cannot be read as an LMDB: {error}") from error
    if not keys:
        raise ImageError(f"{path} holds no images")

    def read_bytes(position: int) -> bytes:
        with database.begin() as transaction:
            content: bytes | None = transaction.get(keys[position])
        if content is None:
            raise OSError("its key has vanished from the database")
        return content

    names = [key.decode("latin1") for key in keys]
    return EncodedSource(str(path), names, read_bytes, on_bad_image=on_bad_image)
