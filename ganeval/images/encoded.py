"""Image sets of encoded files: named byte strings in a stable order, decoded in threads when they are read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import chain, groupby
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from ganeval.errors import ImageError
from ganeval.images.decoding import EXTENSIONS, POLICY, decode
from ganeval.images.source import Images, ImageSource

OnBadImage = Literal["fail", "skip"]
THREADS = min(32, (os.cpu_count() or 1) + 2)  # decoding releases the interpreter's lock; two more hide the disk
_Result = TypeVar("_Result")


class EncodedSource(ImageSource):
    """Files read by number through `read_bytes(i)` (called from several threads at once) and decoded by the policy.

    With `on_bad_image="skip"` every file is decoded once beforehand, and those that cannot be are left out of the set
    and listed in `skipped`. So length, labels, subsets and fingerprint all speak of the same, readable images. Class
    numbers are given before that: a class keeps its number even when all of another's images are damaged.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[str],
        read_bytes: Callable[[int], bytes],
        *,
        classes: Classes | None = None,
        on_bad_image: OnBadImage = "fail",
    ) -> None:
        super().__init__()
        self.name, self.files, self._read_bytes = name, files, read_bytes
        self._positions = np.arange(len(files))
        if on_bad_image == "skip":
            self._leave_out_bad_files()
        if classes is not None:
            self.classes, self.labels = classes.names, classes.labels[self._positions]

    def _leave_out_bad_files(self) -> None:
        good = np.array(_in_threads(self._is_readable, range(len(self.files))), dtype=bool)
        self.skipped = [self.files[i] for i in np.flatnonzero(~good).tolist()]
        self._positions = np.flatnonzero(good)
        if len(self._positions) == 0:
            raise ImageError(f"{self.name}: none of its {len(self.files)} image files can be decoded")

    def _is_readable(self, position: int) -> bool:
        try:
            self._decode(position)
        except ImageError:
            return False
        return True

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        """sha256 over the decoding policy, every file's bytes in order, and the labels."""
        return self.fingerprint_of(np.arange(len(self)))

    def fingerprint_of(self, indices: npt.NDArray[np.int64]) -> str:
        """sha256 over the part's files alone: a sample of a large set is known without reading the rest."""
        digest = hashlib.sha256(f"{POLICY} {len(indices)}".encode())
        for one in _in_threads(self._file_digest, self._positions[indices].tolist()):
            digest.update(one)
        if self.labels is not None:
            digest.update(self.labels[indices].astype("<i8").tobytes())
        return digest.hexdigest()

    def _file_digest(self, position: int) -> bytes:
        return hashlib.sha256(self._content(position)).digest()

    def __len__(self) -> int:
        return len(self._positions)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """Decodes all of `indices` in threads, then yields them: ask for a batch at a time to bound memory."""
        chosen = self._positions[np.asarray(indices, dtype=np.int64)].tolist()
        for _, run in groupby(_in_threads(self._decode, chosen), key=lambda pixels: pixels.shape):
            yield torch.from_numpy(np.stack(list(run)))

    def _decode(self, position: int) -> npt.NDArray[np.uint8]:
        return decode(self._content(position), f"{self.name}: {self.files[position]}")

    def _content(self, position: int) -> bytes:
        try:
            return self._read_bytes(position)
        except OSError as error:
            raise ImageError(f"{self.name}: {self.files[position]} cannot be read: {error}") from error


def _in_threads(work: Callable[[int], _Result], positions: Sequence[int]) -> list[_Result]:
    """`work` for each position, results in order; the first error ends it."""
    share = max(1, len(positions) // (2 * THREADS))  # a future for each small image would cost as much as the image
    shares = [positions[first : first + share] for first in range(0, len(positions), share)]
    if len(shares) <= 1:
        return [work(position) for position in positions]
    with ThreadPoolExecutor(THREADS) as threads:
        return list(chain.from_iterable(threads.map(lambda part: [work(position) for position in part], shares)))


def is_image_name(path: str) -> bool:
    """Whether a relative POSIX path names an image: a known extension, nothing hidden, no macOS resource fork."""
    parts = path.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and os.path.splitext(parts[-1])[1].lower() in EXTENSIONS  # noqa: PTH122


class Classes(NamedTuple):
    """Names of classes by number, and the number of each file's class, (N,)."""

    names: tuple[str, ...]
    labels: npt.NDArray[np.int64]


def classes_by_folder(files: Sequence[str]) -> Classes | None:
    """Classes from the first folder level at which the files part; None without such a level.

    They are numbered by their sorted names, by value where all of them are numbers.

    >>> classes_by_folder(["all/cat/1.png", "all/cat/2.png", "all/dog/a/1.png"])
    Classes(names=('cat', 'dog'), labels=array([0, 0, 1]))
    >>> classes_by_folder(["10/a.png", "9/a.png"]).names
    ('9', '10')
    >>> classes_by_folder(["1.png", "dog/1.png"]) is None
    True
    """
    folders = [file.split("/")[:-1] for file in files]
    shared = len(os.path.commonprefix(folders))  # noqa: RUF071 (on lists it compares folder names)
    if any(len(folder) == shared for folder in folders):
        return None
    names = sorted({folder[shared] for folder in folders})
    if all(map(str.isdecimal, names)):
        names.sort(key=int)
    numbers = {name: number for number, name in enumerate(names)}
    return Classes(tuple(names), np.array([numbers[folder[shared]] for folder in folders], dtype=np.int64))


def no_images(where: object) -> ImageError:
    """The error for a folder or archive without a single image file."""
    return ImageError(f"no images in {where}: expected files ending in {', '.join(sorted(EXTENSIONS))}, at any depth")


def open_folder(root: Path, *, on_bad_image: OnBadImage = "fail") -> EncodedSource:
    """All image files below `root`, ordered by relative POSIX path; links are followed, other extensions ignored."""
    files = sorted(filter(is_image_name, _files_below(root)))
    if not files:
        raise no_images(f"the folder {root}")

    def read_bytes(position: int) -> bytes:
        return (root / files[position]).read_bytes()

    return EncodedSource(str(root), files, read_bytes, classes=classes_by_folder(files), on_bad_image=on_bad_image)


def _files_below(root: Path) -> Iterable[str]:
    entered: set[str] = set()
    for folder, children, files in os.walk(root, followlinks=True):
        true = os.path.realpath(folder)
        if true in entered:  # a link back to a folder that is being walked
            children.clear()
            continue
        entered.add(true)
        yield from ((Path(folder) / file).relative_to(root).as_posix() for file in files)
