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


def split_archive(path: Path) -> tuple[Path, str] | None:
    """`photos.zip/train/cats` => (`photos.zip`, `train/cats/`), or None where no part of the path is an archive."""
    for parent in path.parents:
        if parent.name.lower().endswith((".zip", *TAR_SUFFIXES)) and parent.is_file():
            return parent, f"{path.relative_to(parent).as_posix()}/"
    return None


def open_archive(path: Path, *, folder: str = "", on_bad_image: OnBadImage = "fail") -> EncodedSource:
    """The images of a zip or tar file, or of one folder in it (`train/`), ordered by their path there."""
    opener = open_zip if path.name.lower().endswith(".zip") else open_tar
    return opener(path, folder=folder, on_bad_image=on_bad_image)


def open_zip(path: Path, *, folder: str = "", on_bad_image: OnBadImage = "fail") -> EncodedSource:
    """The images of a zip file, or of one folder in it, ordered by their path there."""
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

    return _source(path, folder, [member.filename for member in members], read_bytes, on_bad_image)


def open_tar(path: Path, *, folder: str = "", on_bad_image: OnBadImage = "fail") -> EncodedSource:
    """The images of a tar file, or of one folder in it, ordered by their path there.

    A compressed tar has no random access: its encoded images are held in memory. Large sets belong into a zip or a
    plain tar.
    """
    try:
        return _source(path, folder, *_plain_tar(path), on_bad_image)
    except tarfile.ReadError:
        pass
    try:
        return _source(path, folder, *_compressed_tar(path), on_bad_image)
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
    path: Path, folder: str, names: list[str], read_bytes: Callable[[int], bytes], on_bad_image: OnBadImage
) -> EncodedSource:
    inside = [position for position, name in enumerate(names) if name.startswith(folder)]
    files = [names[position].removeprefix(folder) for position in inside]
    where = str(path / folder)
    if not files:
        raise no_images(where)

    def read_inside(position: int) -> bytes:
        return read_bytes(inside[position])

    return EncodedSource(where, files, read_inside, classes=classes_by_folder(files), on_bad_image=on_bad_image)
