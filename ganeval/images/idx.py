"""The IDX format of MNIST and its relatives: a header of big-endian sizes, then raw values; often gzipped.

Layout: two zero bytes, a type code (8 = uint8), the number of dimensions, one 32-bit size per dimension, the values.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganeval.errors import ImageError

UINT8 = 8


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """The uint8 array in an IDX file, gzipped or not, in the shape its header states.

    Raises:
        ImageError: not an IDX file of uint8 values, or shorter or longer than its header says.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ImageError(f"{path} is not an IDX file: it must begin with two zero bytes, got {content[:2]!r}")
    kind, dimensions = content[2], content[3]
    if kind != UINT8:
        raise ImageError(f"{path} holds IDX values of type {kind:#04x}; only uint8 (0x08) can be read as images")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ImageError(f"{path} is truncated: it ends within its IDX header")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise ImageError(
            f"{path} is damaged: its header promises {math.prod(shape)} bytes, {len(content) - start} follow"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise ImageError(f"{path} cannot be read: {error}") from error
