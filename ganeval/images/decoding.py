"""The decoding policy: what becomes of every kind of image file. The only place that turns file bytes into pixels.

| in the file                                   | becomes                                                            |
|-----------------------------------------------|--------------------------------------------------------------------|
| grey, 8 bits or 1 bit ("L", "1")              | 1 channel, 0..255                                                  |
| colour ("RGB", "RGBX"), palette ("P")         | 3 channels                                                         |
| grey with alpha ("LA")                        | composited over white, 1 channel                                   |
| colour or palette with alpha or a transparent colour | composited over white, 3 channels                           |
| 16-bit grey                                   | 1 channel, round(v / 257), so that 65535 becomes 255               |
| 16-bit colour                                 | as Pillow reads it: the upper 8 bits                               |
| 32-bit integers                               | as 16-bit grey where all values lie in 0..65535, else refused      |
| floating point                                | refused: its range is not known                                    |
| CMYK, YCbCr, LAB, HSV                         | RGB by Pillow's conversion, embedded colour profiles not applied   |
| EXIF orientation                              | applied; unreadable EXIF data is ignored                           |
| several frames (GIF, APNG, WebP, TIFF)        | the first frame                                                    |
| truncated, undecodable, more than 89 million pixels | `ImageError` naming the file                                 |

Only the formats in `FORMATS` are tried, whatever the file is called: Pillow's other plug-ins (EPS runs Ghostscript) are
never reached by a file from the network. A change of this policy must change `POLICY`, which is part of fingerprints.
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ganeval.errors import ImageError

POLICY = "decoding/1"
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_NAMES = "png apng jpg jpeg jpe webp bmp dib gif tif tiff ppm pgm pbm pnm"
EXTENSIONS = frozenset(f".{name}" for name in _NAMES.split())
MAX_PIXELS = 89_478_485
MAX_BYTES = 1 << 30  # of one encoded image: an archive member that claims more is an attack or a mistake

_DAMAGED = (OSError, EOFError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error, Warning)


def decode(content: bytes, name: str) -> npt.NDArray[np.uint8]:
    """The image in `content` as uint8 (C, H, W), C = 1 or 3, by the policy above.

    Raises:
        ImageError: the bytes are no image, damaged, too large, or hold values whose range is unknown. Names `name`.
    """
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            _check_size(image, name)
            ImageOps.exif_transpose(image, in_place=True)
            return _pixels(image, name)
    except (Image.DecompressionBombError, *_DAMAGED) as error:
        raise ImageError(
            f"{name} cannot be decoded ({error}): remove or mend it, or leave such files out with --on-bad-image skip"
        ) from error


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name} has {width}x{height} pixels; more than {MAX_PIXELS} are refused: make it smaller")


def _pixels(image: Image.Image, name: str) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I"):
        return _from_16_bits(np.asarray(image), name)[None]
    if image.mode == "F":
        raise ImageError(f"{name} holds floating-point values of unknown range: save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = _over_white(image)
    mode = "L" if image.mode in ("L", "1") else "RGB"
    array = np.asarray(image if image.mode == mode else image.convert(mode))
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _over_white(image: Image.Image) -> Image.Image:
    """Grey stays grey; Pillow's `alpha_composite` knows RGBA alone, and grey comes back from it unchanged."""
    grey = image.mode in ("L", "1", "LA", "La")
    straight = image.convert("LA") if image.mode == "La" else image
    coloured = straight.convert("RGBA")
    white = Image.new("RGBA", coloured.size, (255, 255, 255, 255))
    flat = Image.alpha_composite(white, coloured)
    return flat.getchannel("R") if grey else flat.convert("RGB")


def _from_16_bits(values: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.uint8]:
    wide = values.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise ImageError(
            f"{name} holds 32-bit integers from {wide.min()} to {wide.max()}; 0..65535 can be read: "
            "save it with 8 or 16 bits"
        )
    scaled: npt.NDArray[np.uint8] = ((wide + 128) // 257).astype(np.uint8)
    return scaled
