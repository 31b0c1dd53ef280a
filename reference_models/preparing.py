"""From an image set to training images: which size the networks see, and how the images reach it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ganeval import cache
from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opened, packed
from reference_models.feed import TrainingImages
from reference_models.recipe import Pairing

LOOKED_AT = 64
NEAR = 0.85
"""Squares at least this share of the next power of two are padded to it instead of being shrunk to the one below."""


def training_images(
    images: Opened, size: int | None = None, *, source: Opened | None = None, pairing: Pairing = "unpaired"
) -> TrainingImages:
    """The images of a set as a memory-mapped array, with the margin that brings them to a power of two.

    Squares just below a power of two are padded (28 -> 32); a power of two stays; anything else is cut to its central
    square and resized to the largest power of two that fits, or to `size`. Some images, evenly spread, stand for all.

    Args:
        source: images to be translated into these. Both get the same shape: grey beside colour is repeated.
        pairing: whether image i of the one set belongs to image i of the other.
    """
    sets = [_checked(each) for each in (images, source) if each is not None]
    shapes = {shape for each in sets for shape in _shapes(each)}
    pack, margin = packing_size({side for _, *sides in shapes for side in sides}, size)
    channels = max(channels for channels, *_ in shapes)
    made = [
        TrainingImages(packed(each, pack, channels, cache.folder()), each.labels, each.name, each.fingerprint, margin)
        for each in sets
    ]
    return made[0] if source is None else replace(made[0], source=made[1], pairing=pairing)


def _checked(source: Opened) -> ImageSource:
    if not isinstance(source, ImageSource):
        raise GanevalError(f"{source.name} holds features or statistics: training needs images")
    return source


def packing_size(sides: set[int], size: int | None = None) -> tuple[int, int]:
    """(side of the packed images, margin around them) for images with these heights and widths.

    >>> packing_size({28}), packing_size({64}), packing_size({178, 218}), packing_size({28}, size=16)
    ((28, 2), (64, 0), (128, 0), (16, 0))
    """
    smallest = min(sides)
    above = max(16, 1 << (smallest - 1).bit_length())
    fits = len(sides) == 1 and smallest >= NEAR * above and (above - smallest) % 2 == 0
    if fits and size in (None, above):
        return smallest, (above - smallest) // 2
    below = 1 << (smallest.bit_length() - 1)
    if size is None and below < 16:
        raise GanevalError(f"images of {smallest} pixels are too small to train on: give --size 16 to enlarge them")
    return size or below, 0


def _shapes(source: ImageSource) -> set[tuple[int, int, int]]:
    indices = np.unique(np.linspace(0, len(source) - 1, LOOKED_AT).astype(np.int64)).tolist()
    shapes = (tuple(images.shape[1:]) for images in source.read(indices))
    return {(channels, height, width) for channels, height, width in shapes}
