"""Writing statistics for ours and for other tools, and the references in the user's cache, by name or digest."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ganeval import cache
from ganeval.errors import GanevalError, ImageError, unknown
from ganeval.files import replacing
from ganeval.images.packing import with_channels
from ganeval.images.source import ImageSource
from ganeval.images.statistics import (
    MAIN,
    ORIGIN,
    SPATIAL,
    Origin,
    Statistics,
    StatisticsSource,
    digest,
    open_statistics,
    read_origin,
)

if TYPE_CHECKING:
    from ganeval.images.opening import Opened

FORMATS: Mapping[str, str] = {
    "ganeval": "mu, sigma, where they come from, and for Inception the spatial mu_s, sigma_s; pytorch-fid reads it too",
    "pytorch-fid": "mu, sigma; clean-fid keeps the same",
    "adm": "the images as arr_0 (N, H, W, 3), mu, sigma, mu_s, sigma_s, as its evaluator reads them",
    "edm": "mu, sigma",
}
_AT_ONCE = 256  # images


def write_statistics(
    path: Path, source: StatisticsSource, *, layout: str = "ganeval", images: Opened | None = None
) -> None:
    """Write an `.npz` in one of `FORMATS`. `adm` holds the images themselves, too.

    Raises:
        GanevalError: see `require_writable`; or what the format needs is not there.
        ImageError: images of different sizes, which one array cannot hold.
    """
    require_writable(path, layout)
    if layout == "adm" and (not isinstance(images, ImageSource) or source.spatial is None):
        raise GanevalError(
            "the adm format holds images, and statistics of Inception's pool and spatial features: "
            "build it from images with --features inception"
        )
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        if layout == "adm" and isinstance(images, ImageSource):
            _write_images(archive, images)
        for key, array in _arrays(source, layout).items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def require_writable(path: Path, layout: str) -> None:
    """Raise GanevalError for an unknown format, or a file name that does not end in .npz."""
    if layout not in FORMATS:
        raise unknown("format", layout, FORMATS)
    if path.suffix != ".npz":
        raise GanevalError(f"statistics are written as .npz, got {path.name}: call it {path.with_suffix('.npz').name}")


def _arrays(source: StatisticsSource, layout: str) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = dict(zip(MAIN, (source.main.mean, source.main.covariance)))
    if layout in ("ganeval", "adm") and source.spatial is not None:
        arrays |= dict(zip(SPATIAL, (source.spatial.mean, source.spatial.covariance)))
    if layout == "ganeval" and source.origin is not None:
        arrays[ORIGIN] = np.array(source.origin.model_dump_json(by_alias=True))
    return arrays


def _write_images(archive: zipfile.ZipFile, images: ImageSource) -> None:
    """`arr_0`, uint8 (N, H, W, 3), batch by batch."""
    shape: tuple[int, ...] | None = None
    with archive.open("arr_0.npy", "w", force_zip64=True) as member:
        for batch in images.batches(_AT_ONCE):
            pixels = np.ascontiguousarray(with_channels(batch, 3).permute(0, 2, 3, 1).numpy())
            if shape is None:
                shape = pixels.shape[1:]
                header = {"descr": "|u1", "fortran_order": False, "shape": (len(images), *shape)}
                np.lib.format.write_array_header_1_0(member, header)
            if pixels.shape[1:] != shape:
                raise ImageError(
                    f"{images.name} has images of {shape[:2]} and of {pixels.shape[1:3]} pixels, which the adm format "
                    "cannot hold in one array: resize them first, or write another --format"
                )
            member.write(pixels.tobytes())


def folder() -> Path:
    """Where references of the user's own are kept."""
    return cache.folder() / "references"


def signed(name: str, main: Statistics, spatial: Statistics | None, origin: Origin) -> StatisticsSource:
    """The statistics with their digest in the origin."""
    origin = origin.model_copy(update={"sha256": digest(main, spatial, origin)})
    return StatisticsSource(name, main, spatial, origin)


def store(source: StatisticsSource) -> Path:
    """Keep a reference under its digest. Equal content is one file; the name last given to it stays."""
    assert source.origin is not None, "only statistics of known origin are kept"
    path = folder() / f"{source.origin.sha256}.npz"
    write_statistics(path, source)
    return path


def stored() -> dict[Path, Origin]:
    """Every kept reference, by name."""
    found = {path: read_origin(path) for path in sorted(folder().glob("*.npz"))}
    known = {path: origin for path, origin in found.items() if origin is not None}
    return dict(sorted(known.items(), key=lambda item: (item[1].name, item[1].features, item[0])))


def find(name: str) -> Path:
    """The kept reference of that name, or whose digest begins so (4 characters at least).

    Raises:
        GanevalError: none, with the list of all; or several, with what tells them apart.
    """
    known = stored()
    found = [path for path, origin in known.items() if origin.name == name]
    found = found or [path for path in known if len(name) >= 4 and path.stem.startswith(name)]
    if len(found) == 1:
        return found[0]
    lines = "\n".join(
        f"  {path.stem[:12]}  {known[path].name}  {known[path].features}, {known[path].count} images"
        for path in found or known
    )
    if found:
        raise GanevalError(f"{len(found)} references are meant by '{name}': write ref: and a digest of\n{lines}")
    raise GanevalError(
        f"no reference is called '{name}', make one with `ganeval refs build`. There are\n{lines or '  none'}"
    )


def open_reference(name: str) -> StatisticsSource:
    """The reference behind `ref:NAME`."""
    return open_statistics(find(name), f"ref:{name}")
