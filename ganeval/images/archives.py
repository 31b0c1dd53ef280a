"""Image sets in archives, read in place: nothing is ever extracted to the disk."""

from __future__ import annotations

import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from ganeval.errors import ImageError
from ganeval.images.decoding import MAX_BYTES
from ganeval.images.encoded import EncodedSource, OnBadImage, classes_by_folder, is_image_name, no_images

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_DAMAGED = (OSError, EOFError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile, tarfile.TarError)


def open_zip(path: Path, *, on_bad_image: OnBadImage = "fail") -> EncodedSource:
    """The images of a zip file, ordered by their path in it."""
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGED as error:
        raise ImageError(f"{path} cannot be read as a zip file: {error}") from error
    members = [member for member in archive.infolist() if not member.is_dir() and is_image_name(member.filename)]
    members.sort(key=lambda member: member.filename)
    lock = threading.Lock()

    def read_bytes(position: int) -> bytes:
        _check_size(members[position].filename, members[position].file_size)
        try:
            with lock:  # one file handle for all threads; decoding, which costs more, happens outside
                return archive.read(members[position])
        except _DAMAGED as error:  # also a password, or a compression that Python does not know
            raise OSError(str(error)) from error

    return _source(path, [member.filename for member in members], read_bytes, on_bad_image)


def open_tar(path: Path, *, on_bad_image: OnBadImage = "fail") -> EncodedSource:
    """The images of a tar file, ordered by their path in it.

    A compressed tar has no random access: its encoded images are held in memory. Large sets belong into a zip or a
    plain tar.
    """
    try:
        return _source(path, *_plain_tar(path), on_bad_image)
    except tarfile.ReadError:
        pass
    try:
        return _source(path, *_compressed_tar(path), on_bad_image)
    except _DAMAGED as error:
        raise ImageError(f"{path} cannot be read as a tar file: {error}") from error


def _plain_tar(path: Path) -> tuple[list[str], Callable[[int], bytes]]:
    with tarfile.open(path, "r:") as archive:
        members = sorted((member for member in archive if _is_image(member)), key=_member_name)

    def read_bytes(position: int) -> bytes:
        member = members[position]
        _check_size(member.name, member.size)
        with path.open("rb") as file:
            file.seek(member.offset_data)
            return file.read(member.size)

    return [_member_name(member) for member in members], read_bytes


def _compressed_tar(path: Path) -> tuple[list[str], Callable[[int], bytes]]:
    held: list[tuple[str, bytes]] = []
    with tarfile.open(path) as archive:
        for member in archive:  # in the archive's order: going back would decompress from the beginning
            file = archive.extractfile(member) if _is_image(member) else None
            if file is not None:
                _check_size(member.name, member.size)
                held.append((_member_name(member), file.read()))
    held.sort(key=lambda pair: pair[0])
    return [name for name, _ in held], lambda position: held[position][1]


def _is_image(member: tarfile.TarInfo) -> bool:
    return member.isfile() and not member.issparse() and is_image_name(_member_name(member))


def _member_name(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./")  # `tar -C folder .` writes it


def _check_size(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise ImageError(f"{name} claims {size} bytes; an encoded image of more than {MAX_BYTES} is refused")


def _source(
    path: Path, names: list[str], read_bytes: Callable[[int], bytes], on_bad_image: OnBadImage
) -> EncodedSource:
    if not names:
        raise no_images(path)
    return EncodedSource(str(path), names, read_bytes, classes=classes_by_folder(names), on_bad_image=on_bad_image)
