"""Data sets by name: found locally first, downloaded by torchvision only where absent and freely downloadable."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ganeval.data.downloading import DOWNLOADABLE, download
from ganeval.data.embedded import fashion_mnist_mini
from ganeval.data.readers import (
    CELEBA_PARTS,
    Reader,
    cifar10_files,
    mnist_files,
    read_celeba,
    read_cifar10,
    read_cifar100,
    read_imagenet,
    read_lsun,
    read_mnist,
    read_stl10,
    read_svhn,
)
from ganeval.errors import GanevalError, unknown
from ganeval.images.arrays import ArraySource
from ganeval.images.encoded import OnBadImage
from ganeval.images.source import ImageSource

EMBEDDED = "fashion-mnist-mini"
DEBIAN = Path("/usr/share/datasets")  # the Debian package dataset-fashion-mnist lives here


@dataclass(frozen=True)
class DataSet:
    """One known data set.

    Attributes:
        splits: the closed list; the first is meant when none is named.
        folders: where it may lie below a data root, torchvision's place first.
        files: split -> patterns below that folder that must all match something.
    """

    what: str
    splits: tuple[str, ...]
    folders: tuple[str, ...]
    files: Callable[[str], tuple[str, ...]]
    read: Reader

    def find(self, roots: list[Path], split: str) -> Path | None:
        """The first folder that holds all files of `split`."""
        places = (root / folder for root in roots for folder in self.folders)
        return next((place for place in places if _complete(place, self.files(split))), None)


def _complete(folder: Path, patterns: tuple[str, ...]) -> bool:
    return folder.is_dir() and all(any(folder.glob(pattern)) for pattern in patterns)


_LSUN_CATEGORIES = (
    "bedroom bridge church_outdoor classroom conference_room dining_room kitchen living_room restaurant tower"
)
_LSUN_SPLITS = (*(f"{category}_{part}" for category in _LSUN_CATEGORIES.split() for part in ("train", "val")), "test")

DATASETS = {
    "celeba": DataSet(
        "202,599 faces, 178x218, aligned and cropped",
        (*CELEBA_PARTS, "all"),
        ("celeba",),
        lambda split: ("list_eval_partition.txt", "img_align_celeba"),
        read_celeba,
    ),
    "cifar10": DataSet(
        "60,000 colour images, 32x32, 10 classes",
        ("train", "test"),
        ("cifar-10-batches-py",),
        cifar10_files,
        read_cifar10,
    ),
    "cifar100": DataSet(
        "60,000 colour images, 32x32, 100 classes",
        ("train", "test"),
        ("cifar-100-python",),
        lambda split: (split,),
        read_cifar100,
    ),
    "fashion-mnist": DataSet(
        "70,000 grey images of clothes, 28x28, 10 classes",
        ("train", "test"),
        ("FashionMNIST/raw", "fashion-mnist"),
        mnist_files,
        read_mnist,
    ),
    "imagenet": DataSet(
        "1.28 million colour images of any size, 1000 classes",
        ("train", "val"),
        ("imagenet", "."),
        lambda split: (f"{split}/n*",),
        read_imagenet,
    ),
    "lsun": DataSet(
        "scenes and rooms, shorter side 256, up to 3 million per category",
        _LSUN_SPLITS,
        ("lsun", "."),
        lambda split: (f"{split}_lmdb/data.mdb",),
        read_lsun,
    ),
    "mnist": DataSet(
        "70,000 grey handwritten digits, 28x28, 10 classes",
        ("train", "test"),
        ("MNIST/raw", "mnist"),
        mnist_files,
        read_mnist,
    ),
    "stl10": DataSet(
        "13,000 labelled colour images, 96x96, 10 classes, and 100,000 unlabelled",
        ("train", "test", "unlabeled"),
        ("stl10_binary",),
        lambda split: (f"{split}_X.bin",),
        read_stl10,
    ),
    "svhn": DataSet(
        "99,289 house numbers in colour, 32x32, 10 classes, and 531,131 easier ones",
        ("train", "test", "extra"),
        ("svhn", "."),
        lambda split: (f"{split}_32x32.mat",),
        read_svhn,
    ),
}


def dataset_names() -> tuple[str, ...]:
    """All names that `dataset:NAME` knows."""
    return tuple(sorted((EMBEDDED, *DATASETS)))


def describe(data_root: Path | None = None) -> list[dict[str, str]]:
    """One row per data set: name, splits (the first is the default), what it holds, and where its default split is."""
    rows = [_row(name, dataset, data_root) for name, dataset in DATASETS.items()]
    what = "8,000 images of fashion-mnist, balanced, embedded in this package"
    rows.append({"name": EMBEDDED, "splits": "train, test", "what": what, "where": "embedded"})
    return sorted(rows, key=lambda row: row["name"])


def _row(name: str, dataset: DataSet, data_root: Path | None) -> dict[str, str]:
    count = len(dataset.splits)
    splits = ", ".join(dataset.splits[:4]) + (f", ... ({count} in all)" if count > 4 else "")
    found = dataset.find(_roots(data_root), dataset.splits[0])
    absent = "downloaded when asked for" if name in DOWNLOADABLE else "not here, must be fetched by hand"
    return {"name": name, "splits": splits, "what": dataset.what, "where": str(found or absent)}


def open_dataset(
    name: str, split: str | None = None, *, data_root: Path | None = None, on_bad_image: OnBadImage = "fail"
) -> ImageSource:
    """`split` (by default the first) of the data set `name`.

    Looked for in `data_root`, then Debian's folder, then the folder in GANEVAL_DATA (default ~/.cache/ganeval/data).

    Raises:
        GanevalError: unknown name or split; or neither found nor downloaded, with the files and places expected.
        ImageError: found, but damaged.
    """
    if name not in dataset_names():
        raise unknown("data set", name, dataset_names())
    splits = ("train", "test") if name == EMBEDDED else DATASETS[name].splits
    split = splits[0] if split is None else split
    if split not in splits:
        raise unknown(f"split of {name}", split, splits)
    if name == EMBEDDED:
        return ArraySource(f"dataset:{name}:{split}", *fashion_mnist_mini(split))
    folder = DATASETS[name].find(_roots(data_root), split) or _fetched(name, split, data_root)
    source = DATASETS[name].read(folder, split, on_bad_image)
    source.name = f"dataset:{name}:{split}"
    return source


def default_root() -> Path:
    """Where data sets are kept and downloaded to when no root is named."""
    return Path(os.environ.get("GANEVAL_DATA") or Path.home() / ".cache" / "ganeval" / "data")


def _roots(data_root: Path | None) -> list[Path]:
    roots = (data_root, DEBIAN if DEBIAN.is_dir() else None, default_root())
    return [root for root in roots if root is not None]


def _fetched(name: str, split: str, data_root: Path | None) -> Path:
    dataset, root = DATASETS[name], data_root or default_root()
    reason = "it has to be fetched by hand"
    if name in DOWNLOADABLE:
        problem = download(name, split, root)
        reason = f"downloading it failed: {problem}"
    found = dataset.find([root], split)
    if found is not None:
        return found
    places = "\n".join(f"  {place / folder}" for place in _roots(data_root) for folder in dataset.folders)
    raise GanevalError(
        f"dataset:{name}:{split} is not on this machine, and {reason}.\n"
        f"Expected {', '.join(dataset.files(split))} in one of\n{places}\n"
        "Put the files there, or name their root with --data-root or GANEVAL_DATA"
    )
