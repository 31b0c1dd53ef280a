"""The labelled images of a probe: training images in a seeded order, some of them for validation, and a test set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganeval import cache
from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opening, open_images, packed
from ganeval.images.encoded import EncodedSource

Indices = npt.NDArray[np.int64]
_MOST_VALIDATION = 10_000


@dataclass(frozen=True)
class Split:
    """Some images of an array: `pixels` uint8 (N, C, S, S), which may be mapped, at `places`, with their labels."""

    pixels: npt.NDArray[np.uint8]
    places: Indices
    labels: Tensor

    def __len__(self) -> int:
        return len(self.places)

    def images(self, chosen: slice | Tensor) -> Tensor:
        """uint8 (n, C, S, S)."""
        places = self.places[chosen] if isinstance(chosen, slice) else self.places[chosen.numpy()]
        return torch.from_numpy(np.ascontiguousarray(self.pixels[places]))

    def taken(self, order: Indices) -> Split:
        """The images at `order`."""
        return Split(self.pixels, self.places[order], self.labels[torch.from_numpy(order)])


@dataclass(frozen=True)
class Task:
    """What a classifier has to learn.

    Attributes:
        train: shuffled by the seed; the last `validation` of them choose settings, the others train.
        classes: their names.
        fingerprint: of all images and labels, and of the order.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    validation: int
    fingerprint: str

    @property
    def pool(self) -> int:
        """How many images may be trained on while settings are chosen: the first ones."""
        return len(self.train) - self.validation

    def draw(self, per_class: int, rng: np.random.Generator) -> Tensor:
        """`per_class` training images of every class, none of them for validation; their places in `train`.

        Raises:
            GanevalError: a class has fewer.
        """
        labels = self.train.labels[: self.pool].numpy()
        chosen = []
        for number, name in enumerate(self.classes):
            places = np.flatnonzero(labels == number)
            if len(places) < per_class:
                raise GanevalError(
                    f"{per_class} labels per class asked for, and class {name} has {len(places)} besides validation"
                )
            chosen.append(rng.permutation(places)[:per_class])
        return torch.from_numpy(np.sort(np.concatenate(chosen)))


def open_task(data: str, test: str | None, opening: Opening, size: int | None, channels: int) -> Task:
    """Training and test set.

    `data` alone may be an archive or folder whose first folders are `train` and `test`, each with a folder per class;
    `dataset:NAME`, whose splits train and test are taken; or any labelled set, of which a sixth becomes the test set.

    Raises:
        GanevalError: no labels, other classes in the test set, or fewer than two of them.
    """
    seed = opening.seed
    if test is None and data.startswith("dataset:") and data.count(":") == 1:
        data, test = f"{data}:train", f"{data}:test"
    source = _labelled(data, opening)
    pixels = _pixels(source, size, channels)
    if test is None:
        train, held, classes = _parted(source, pixels, seed)
    else:
        other = _labelled(test, opening)
        classes = source.classes or _numbers(source)
        if (other.classes or _numbers(other)) != classes:
            raise GanevalError(f"{data} and {test} have other classes: give sets of the same")
        train = _whole(source, pixels)
        held = _whole(other, _pixels(other, pixels.shape[2], channels))
    if len(classes) < 2:
        raise GanevalError(f"{data} has {len(classes)} class: a probe tells two or more apart")
    order = np.random.default_rng([seed, 1]).permutation(len(train))
    fingerprint = f"{source.fingerprint}:{'' if test is None else other.fingerprint}:{seed}:{tuple(pixels.shape[1:])}"
    validation = min(_MOST_VALIDATION, max(len(train) // 5, 1))
    return Task(data, train.taken(order), held, classes, validation, fingerprint)


def _labelled(text: str, opening: Opening) -> ImageSource:
    source = open_images(text, opening)
    if not isinstance(source, ImageSource) or source.labels is None:
        raise GanevalError(f"{text} has no labels: name a folder with one folder per class, or a labelled dataset:NAME")
    return source


def _pixels(source: ImageSource, size: int | None, channels: int) -> npt.NDArray[np.uint8]:
    side = size or int(next(iter(source.read([0]))).shape[2])
    return packed(source, side, channels, cache.folder())


def _numbers(source: ImageSource) -> tuple[str, ...]:
    assert source.labels is not None
    return tuple(map(str, range(int(source.labels.max()) + 1)))


def _whole(source: ImageSource, pixels: npt.NDArray[np.uint8]) -> Split:
    assert source.labels is not None
    return Split(pixels, np.arange(len(source)), torch.from_numpy(np.asarray(source.labels, np.int64)))


def _parted(source: ImageSource, pixels: npt.NDArray[np.uint8], seed: int) -> tuple[Split, Split, tuple[str, ...]]:
    """By the first folder where it is `train` or `test`; else a random sixth of each class is the test set."""
    if isinstance(source, EncodedSource) and set(source.classes or ()) == {"train", "test"}:
        return _by_folder(source, pixels)
    whole, rng = _whole(source, pixels), np.random.default_rng([seed, 2])
    labels = whole.labels.numpy()
    by_class = [rng.permutation(np.flatnonzero(labels == number)) for number in range(int(labels.max()) + 1)]
    held = np.concatenate([places[: len(places) // 6] for places in by_class])
    kept = np.concatenate([places[len(places) // 6 :] for places in by_class])
    return whole.taken(np.sort(kept)), whole.taken(np.sort(held)), source.classes or _numbers(source)


def _by_folder(source: EncodedSource, pixels: npt.NDArray[np.uint8]) -> tuple[Split, Split, tuple[str, ...]]:
    folders = [source.files[place].split("/")[:-1] for place in source._positions.tolist()]
    depth = next(at for at, part in enumerate(folders[0]) if part in ("train", "test"))
    if any(len(folder) < depth + 2 for folder in folders):
        raise GanevalError(f"{source.name}: train and test need a folder for each class inside them")
    classes = tuple(sorted({folder[depth + 1] for folder in folders}))
    numbers = torch.tensor([classes.index(folder[depth + 1]) for folder in folders])
    trained = np.array([folder[depth] == "train" for folder in folders])
    whole = Split(pixels, np.arange(len(folders)), numbers)
    return whole.taken(np.flatnonzero(trained)), whole.taken(np.flatnonzero(~trained)), classes
