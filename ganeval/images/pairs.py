"""Pairs of images as an image set: what distances of two images, such as LPIPS, are taken of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch

from ganeval.errors import GanevalError, ImageError
from ganeval.images.source import Images, ImageSource, Selection

Indices = npt.NDArray[np.int64]


class PairSource(ImageSource):
    """Image i of `left` beside image i of `right`, stacked along the channels: uint8 (N, 2 or 6, H, W).

    A grey image beside a coloured one is repeated to three channels.

    Attributes:
        rule: how the pairs were chosen, in words, without what cannot be the same for two models.
    """

    def __init__(self, left: ImageSource, right: ImageSource, rule: str) -> None:
        super().__init__()
        assert len(left) == len(right), f"{len(left)} left and {len(right)} right images"
        self.left, self.right, self.rule = left, right, rule
        self.name = left.name if left.name == right.name else f"{left.name} beside {right.name}"
        self.cacheable = left.cacheable and right.cacheable
        self.read_ahead = left.read_ahead and right.read_ahead

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        """Of the images on either side, in their order."""
        return f"pairs/1:{self.left.fingerprint}|{self.right.fingerprint}"

    def __len__(self) -> int:
        return len(self.left)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """The pairs at `indices`, as runs of equal shape.

        Raises:
            ImageError: the two images of a pair differ in size.
        """
        sides = zip(indices, _each(self.left, indices), _each(self.right, indices), strict=True)
        pairs = [self._joined(*each) for each in sides]
        for _, run in groupby(pairs, key=lambda pair: pair.shape):
            yield torch.stack(list(run))

    def _joined(self, index: int, left: Images, right: Images) -> Images:
        if left.shape[1:] != right.shape[1:]:
            sizes = ["x".join(map(str, image.shape[1:])) for image in (left, right)]
            raise ImageError(
                f"pair {index} has images of two sizes, {sizes[0]} in {self.left.name} and {sizes[1]} in "
                f"{self.right.name}: resize them to one size first"
            )
        channels = max(len(left), len(right))
        return torch.cat([left.expand(channels, -1, -1), right.expand(channels, -1, -1)])


def _each(source: ImageSource, indices: Sequence[int]) -> Iterator[Images]:
    """Image by image, (C, H, W)."""
    for run in source.read(indices):
        yield from run


def paired(real: ImageSource, fake: ImageSource) -> PairSource:
    """(real[i], fake[i]), in the order of either set.

    Raises:
        GanevalError: the sets differ in number.
    """
    if len(real) != len(fake):
        raise GanevalError(
            f"pairs need image i of the one set to belong to image i of the other, but {real.name} has {len(real)} "
            f"images and {fake.name} has {len(fake)}: give as many of both, in the same order"
        )
    return PairSource(real, fake, f"pairs (i, i) with {real.fingerprint}")


def among(source: ImageSource, chosen: tuple[Indices, Indices], rule: str) -> PairSource:
    """The images of one set at the first indices beside those at the second."""
    left, right = (Selection(source, indices) for indices in chosen)
    return PairSource(left, right, rule)


def random_pairs(count: int, pairs: int, seed: int) -> tuple[Indices, Indices]:
    """Left and right indices into `count` images, each image in one pair at most, so that pairs are independent.

    As many as there are, at most `pairs`.

    Raises:
        GanevalError: fewer than two images.
    """
    if count < 2:
        raise GanevalError(f"pairs of different images need at least 2 images, got {count}")
    return _split(np.random.default_rng([seed, count]).permutation(count), pairs)


def class_pairs(labels: Indices | None, pairs: int, seed: int, name: str) -> tuple[Indices, Indices]:
    """The same within classes: pairs of all classes in proportion to their size, each image in one pair at most.

    Raises:
        GanevalError: no labels, or no class with two images.
    """
    if labels is None:
        raise GanevalError(
            f"pairs within a class need the class of each image, and {name} has none: use a folder or an archive with "
            "one folder per class, arrays with labels (arr_1), a labelled dataset:NAME, or a conditional generator"
        )
    rng = np.random.default_rng([seed, len(labels)])
    couples = [_couples(rng.permutation(np.flatnonzero(labels == label))) for label in np.unique(labels)]
    everything = np.concatenate(couples)
    if len(everything) == 0:
        raise GanevalError(f"pairs within a class need two images of one class, and every class of {name} has one")
    drawn = rng.permutation(everything)[:pairs]
    return drawn[:, 0], drawn[:, 1]


def _couples(indices: Indices) -> Indices:
    """(n,) => (n // 2, 2)."""
    half = len(indices) // 2
    return np.stack([indices[:half], indices[half : 2 * half]], axis=1)


def _split(indices: Indices, pairs: int) -> tuple[Indices, Indices]:
    couples = _couples(indices)[:pairs]
    return couples[:, 0], couples[:, 1]
