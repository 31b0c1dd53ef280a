"""Downloads, left to torchvision, which knows the mirrors and compares the md5 of every archive."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path


def download(name: str, split: str, root: Path) -> str | None:
    """Fetch `name` into `root`, in torchvision's layout; None on success, else what went wrong."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        with redirect_stdout(sys.stderr):  # torchvision prints its progress; stdout belongs to our results
            DOWNLOADABLE[name](root, split)
    except (OSError, RuntimeError, ImportError) as error:  # no network, wrong md5, gdown missing
        return f"{type(error).__name__}: {error}"
    return None


def _mnist(root: Path, split: str) -> None:
    from torchvision.datasets import MNIST

    MNIST(root, download=True)


def _fashion_mnist(root: Path, split: str) -> None:
    from torchvision.datasets import FashionMNIST

    FashionMNIST(root, download=True)


def _cifar10(root: Path, split: str) -> None:
    from torchvision.datasets import CIFAR10

    _archive(root, CIFAR10.url, CIFAR10.filename, CIFAR10.tgz_md5)


def _cifar100(root: Path, split: str) -> None:
    from torchvision.datasets import CIFAR100

    _archive(root, CIFAR100.url, CIFAR100.filename, CIFAR100.tgz_md5)


def _stl10(root: Path, split: str) -> None:
    from torchvision.datasets import STL10

    _archive(root, STL10.url, STL10.filename, STL10.tgz_md5)


def _archive(root: Path, url: str, filename: str, md5: str) -> None:
    """Not through the data set's class: that would unpickle, or read gigabytes, once the files are there."""
    from torchvision.datasets.utils import download_and_extract_archive

    download_and_extract_archive(url, str(root), filename=filename, md5=md5)


def _svhn(root: Path, split: str) -> None:
    from torchvision.datasets import SVHN
    from torchvision.datasets.utils import download_url

    url, filename, md5 = SVHN.split_list[split]
    download_url(url, str(root / "svhn"), filename, md5)


def _celeba(root: Path, split: str) -> None:
    from torchvision.datasets import CelebA

    CelebA(root, split="all", download=True)


DOWNLOADABLE: dict[str, Callable[[Path, str], None]] = {
    "celeba": _celeba,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "fashion-mnist": _fashion_mnist,
    "mnist": _mnist,
    "stl10": _stl10,
    "svhn": _svhn,
}
