"""The data set that comes with the package: a class-balanced subset of Fashion-MNIST (MIT licence, see NOTICE).

6,000 training and 2,000 test images, grey, 28x28, ten classes that repeat 0..9: any slice of whole tens is balanced.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

CLASSES = 10
SIDE = 28
COLUMNS = 100  # images in one row of a sheet
PER_CLASS = {"train": 600, "test": 200}


def sheet_path(split: str) -> Path:
    """The PNG that holds all images of `split`, class after class, 100 in a row."""
    return Path(__file__).with_name(f"fashion_mnist_mini_{split}.png")


def fashion_mnist_mini(split: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (N, 1, 28, 28) uint8 and labels (N,) of `train` (N = 6000) or `test` (N = 2000).

    >>> images, labels = fashion_mnist_mini("test")
    >>> images.shape, labels[:12].tolist()
    ((2000, 1, 28, 28), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    """
    with Image.open(sheet_path(split)) as sheet:
        rows = np.asarray(sheet).reshape(-1, SIDE, COLUMNS, SIDE)
    by_class = rows.transpose(0, 2, 1, 3).reshape(CLASSES, PER_CLASS[split], SIDE, SIDE)
    images = np.ascontiguousarray(by_class.swapaxes(0, 1)).reshape(-1, 1, SIDE, SIDE)
    return images, np.tile(np.arange(CLASSES), PER_CLASS[split])
