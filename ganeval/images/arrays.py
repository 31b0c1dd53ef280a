"""Image sets that are one uint8 array: .npz, .npy and IDX files, and the data sets that are stored so."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganeval.errors import ImageError
from ganeval.images.idx import read_idx
from ganeval.images.source import Images, ImageSource

VERSION = "arrays/1"
CHANNELS = (1, 3)
_HASHED_AT_ONCE = 1024  # images


class ArraySource(ImageSource):
    """Images in an array uint8 (N, C, H, W), in memory or mapped from a file, which must not change meanwhile."""

    def __init__(self, name: str, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64] | None = None) -> None:
        super().__init__()
        if len(images) == 0:
            raise ImageError(f"{name} holds no images: its array has shape {images.shape}")
        if labels is not None and len(labels) != len(images):
            raise ImageError(
                f"{name} has {len(images)} images but {len(labels)} labels: their files do not belong together"
            )
        self.name, self.images, self.labels = name, images, labels

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        """sha256 over shape, pixels in NCHW order whatever the layout in the file, and labels."""
        return self.fingerprint_of(np.arange(len(self)))

    def fingerprint_of(self, indices: npt.NDArray[np.int64]) -> str:
        """sha256 over the part's shape, pixels and labels, without the rest."""
        digest = hashlib.sha256(f"{VERSION} {len(indices)} {self.images.shape[1:]}".encode())
        for first in range(0, len(indices), _HASHED_AT_ONCE):
            digest.update(np.ascontiguousarray(self.images[indices[first : first + _HASHED_AT_ONCE]]).data)
        if self.labels is not None:
            digest.update(self.labels[indices].astype("<i8").tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """All images of an array have one shape, so this is always a single batch, copied from the array."""
        if len(indices):
            chosen = self.images[np.asarray(indices, dtype=np.int64)]
            yield torch.from_numpy(np.ascontiguousarray(chosen))


def channels_first(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """A uint8 view (N, C, H, W) of (N, H, W), (N, H, W, C) or (N, C, H, W), C = 1 or 3.

    Raises:
        ImageError: other dtypes and shapes, and shapes such as (N, 3, 32, 3) that can be read either way.
    """
    if array.dtype != np.uint8:
        raise ImageError(f"{name} holds {array.dtype} values of unknown range; save it as uint8, 0..255")
    if array.ndim == 3 and array.shape[2] not in CHANNELS:
        return array[:, None]
    if array.ndim == 3:
        raise ImageError(
            f"{name} has shape {array.shape}, a single image (H, W, C); expected many, such as (N, H, W, C)"
        )
    if array.ndim != 4:
        hint = f": for rows of features use features:{name}" if array.ndim == 2 else ""
        raise ImageError(f"{name} has shape {array.shape}; expected (N, H, W), (N, H, W, C) or (N, C, H, W){hint}")
    first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
    if first == last:
        what = "either its second or its last axis may be the channels" if first else "no axis has 1 or 3 channels"
        raise ImageError(
            f"{name} has shape {array.shape}: {what}; save it as (N, C, H, W) with C = 1 or 3 and H, W > 3"
        )
    return array if first else array.transpose(0, 3, 1, 2)


def open_npy(path: Path) -> ArraySource:
    """A `.npy` file, memory-mapped; never unpickled."""
    return ArraySource(str(path), channels_first(load_npy(path), str(path)))


def load_npy(path: Path) -> npt.NDArray[Any]:
    """The memory-mapped array of a `.npy` file; object arrays, which would be pickled, cannot be mapped."""
    try:
        mapped: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError, EOFError) as error:
        raise ImageError(f"{path} cannot be read as a NumPy array: {error}") from error
    return mapped


def open_npz(path: Path) -> ArraySource:
    """The array `arr_0` (labels in `arr_1` where that is one integer per image), or the only array of the file.

    An uncompressed file (`np.savez`) is memory-mapped, a compressed one is read into memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if "arr_0" not in members and len(members) != 1:
                raise ImageError(f"{path} holds {', '.join(members) or 'nothing'}; expected arr_0, or a single array")
            name = "arr_0" if "arr_0" in members else next(iter(members))
            images = channels_first(_member(archive, members[name], path), str(path))
            labels = _labels(_member(archive, members["arr_1"], path)) if "arr_1" in members else None
            return ArraySource(str(path), images, labels)
    except (ValueError, OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise ImageError(f"{path} cannot be read as .npz arrays: {error}") from error


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> npt.NDArray[Any]:
    with archive.open(member) as content:
        if member.compress_type != zipfile.ZIP_STORED:
            array: npt.NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
            return array
        version = np.lib.format.read_magic(content)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, in_columns, dtype = read_header(content)
        behind_header = content.tell()
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects, which only a pickle could restore")
    start = _content_offset(path, member) + behind_header
    return np.memmap(path, dtype, "r", start, shape, "F" if in_columns else "C")


def _content_offset(path: Path, member: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: behind its local header of 30 bytes, its name and its extra field."""
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
    return member.header_offset + 30 + int(name_length) + int(extra_length)


def _labels(array: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    return array.astype(np.int64) if array.ndim == 1 and np.issubdtype(array.dtype, np.integer) else None


def is_idx(path: Path) -> bool:
    """By name: `*-ubyte` and `*.idx`, also with `.gz` behind."""
    name = path.name.removesuffix(".gz")
    return name.endswith(("-ubyte", ".idx", ".idx3"))


def open_idx(path: Path) -> ArraySource:
    """An IDX file, with labels from `*-labels-idx1-ubyte` where that lies beside `*-images-idx3-ubyte`."""
    return ArraySource(str(path), channels_first(read_idx(path), str(path)), _idx_labels(path))


def _idx_labels(path: Path) -> npt.NDArray[np.int64] | None:
    plain = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    beside = [path.with_name(plain), path.with_name(f"{plain}.gz")]
    found = next((file for file in beside if file.name != path.name and file.is_file()), None)
    return None if found is None else read_idx(found).astype(np.int64)
