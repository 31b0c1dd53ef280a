"""Ways to spoil images by degrees: what a metric of fidelity should see, and see more of the stronger it is."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from ganeval.errors import GanevalError, unknown

Images: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (N, C, H, W)."""
Corruption: TypeAlias = Callable[[Images, float, np.random.Generator], Images]
"""Images, strength in [0, 1] and the source of every draw => images of the same shape; strength 0 changes none."""


def corrupt(name: str, images: Images, strength: float, rng: np.random.Generator) -> Images:
    """`images`, uint8 (N, C, H, W), spoilt by the corruption `name` as far as `strength` in [0, 1] says.

    Raises:
        GanevalError: an unknown name, or a strength outside [0, 1].

    >>> images = np.full((1, 1, 4, 4), 200, np.uint8)
    >>> int((corrupt("occlusion", images, 0.25, np.random.default_rng(0)) == 0).sum())
    4
    """
    if name not in CORRUPTIONS:
        raise unknown("corruption", name, CORRUPTIONS)
    if not 0 <= strength <= 1:
        raise GanevalError(f"{name}: the strength is {strength:g}, expected a number from 0 (as it is) to 1")
    return CORRUPTIONS[name](images, strength, rng)


def noise(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """Gaussian noise of standard deviation 128 `strength` on every value; what leaves 0..255 is clipped."""
    noisy = images + 128 * strength * rng.standard_normal(images.shape, dtype=np.float32)
    return noisy.round().clip(0, 255).astype(np.uint8)


def blur(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """Gaussian blur whose standard deviation is `strength` times an eighth of the shorter side. Draws nothing."""
    sigma = strength * min(images.shape[2:]) / 8
    blurred = ndimage.gaussian_filter(images.astype(np.float32), (0, 0, sigma, sigma), mode="nearest")
    return np.asarray(blurred.round().clip(0, 255), dtype=np.uint8)


def occlusion(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """A black rectangle of the image's proportions and `strength` of its area, at a place drawn for each image."""
    height, width = (round(math.sqrt(strength) * side) for side in images.shape[2:])
    tops = rng.integers(images.shape[2] - height + 1, size=len(images))
    lefts = rng.integers(images.shape[3] - width + 1, size=len(images))
    occluded = images.copy()
    for image, top, left in zip(occluded, tops, lefts):
        image[:, top : top + height, left : left + width] = 0
    return occluded


def swirl(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """Turned about the centre by 2 pi `strength` there, and less outwards down to nothing at the corners.

    The sense of rotation is drawn for each image. Values between pixels are bilinear.
    """
    height, width = images.shape[2:]
    rows, columns = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    distances = np.hypot(rows, columns)
    angles = 2 * np.pi * strength * (1 - distances / distances.max())
    senses = rng.choice([-1, 1], size=len(images))
    return np.stack([_turned(image, sense * angles, rows, columns) for image, sense in zip(images, senses)])


def _turned(
    image: Images, angles: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]
) -> Images:
    """One image (C, H, W) whose value at each place is the one found `angles` (H, W) further round the centre."""
    cosines, sines = np.cos(angles), np.sin(angles)
    centre = -rows[0, 0], -columns[0, 0]
    places = [centre[0] + cosines * rows - sines * columns, centre[1] + sines * rows + cosines * columns]
    turned = [ndimage.map_coordinates(plane.astype(np.float32), places, order=1, mode="nearest") for plane in image]
    return np.stack(turned).round().clip(0, 255).astype(np.uint8)


def salt_and_pepper(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """Each pixel with probability `strength` black or white, either as often, in all channels at once."""
    draws = rng.random((len(images), 1, *images.shape[2:]))
    peppered = np.where(draws < strength / 2, 0, images)
    return np.where((draws >= strength / 2) & (draws < strength), 255, peppered).astype(np.uint8)


def jpeg(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """Compressed by JPEG of quality 95 - 94 `strength` and decoded again; 0 compresses nothing. Draws nothing."""
    if strength == 0:
        return images.copy()
    return np.stack([_compressed(image, round(95 - 94 * strength)) for image in images])


def _compressed(image: Images, quality: int) -> Images:
    """One image (C, H, W), C = 1 or 3, as a decoder shows it."""
    buffer = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(buffer, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(buffer))
    return decoded[None] if decoded.ndim == 2 else decoded.transpose(2, 0, 1)


def colour_shift(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """Red up by 128 `strength` and blue down by as much, or grey up; what leaves 0..255 is clipped. Draws nothing."""
    direction = np.array([1.0] if images.shape[1] == 1 else [1.0, 0.0, -1.0])[:, None, None]
    return np.asarray((images + 128 * strength * direction).round().clip(0, 255), dtype=np.uint8)


CORRUPTIONS: Mapping[str, Corruption] = {
    corruption.__name__: corruption
    for corruption in (noise, blur, occlusion, swirl, salt_and_pepper, jpeg, colour_shift)
}


def mixed(images: Images, others: Images, strength: float, rng: np.random.Generator) -> Images:
    """`images` with the share `strength` of them, drawn by `rng`, replaced by the first of `others`.

    Both uint8 (N, C, H, W) of one shape per image. With one seed, what a smaller share replaces a larger one does too.

    Raises:
        GanevalError: a strength outside [0, 1], or too few others for it.

    >>> images, others = np.zeros((4, 1, 1, 1), np.uint8), np.ones((2, 1, 1, 1), np.uint8)
    >>> int(mixed(images, others, 0.5, np.random.default_rng(0)).sum())
    2
    """
    if not 0 <= strength <= 1:
        raise GanevalError(f"mixed: the strength is {strength:g}, expected a number from 0 (as it is) to 1")
    count = round(strength * len(images))
    if len(others) < count:
        raise GanevalError(f"mixed: {count} other images are needed, got {len(others)}: give more, or mix in less")
    result = images.copy()
    result[rng.permutation(len(images))[:count]] = others[:count]
    return result
