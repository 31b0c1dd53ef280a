"""Data sets by name: found locally, else downloaded where their makers allow it."""

from __future__ import annotations

from pathlib import Path

from ganeval.data.embedded import fashion_mnist_mini
from ganeval.errors import unknown
from ganeval.images.arrays import ArraySource
from ganeval.images.encoded import OnBadImage
from ganeval.images.source import ImageSource


def open_dataset(
    name: str, split: str | None, *, data_root: Path | None, on_bad_image: OnBadImage = "fail"
) -> ImageSource:
    """`split` of the data set `name`; its first split where None is given."""
    if name != "fashion-mnist-mini":
        raise unknown("data set", name, ["fashion-mnist-mini"])
    split = split or "train"
    if split not in ("train", "test"):
        raise unknown(f"split of {name}", split, ("train", "test"))
    return ArraySource(f"dataset:{name}:{split}", *fashion_mnist_mini(split))
