"""Mean and covariance of features, read from files of ours and of other tools: `.npz` with `mu` and `sigma`."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganeval.errors import GanevalError, ImageError

SCHEMA: Literal["ganeval/reference/1"] = "ganeval/reference/1"
ORIGIN = "origin"
MAIN, SPATIAL = ("mu", "sigma"), ("mu_s", "sigma_s")
SPATIAL_TAP = "inception.spatial"
TOLERANCE = 1e-6
"""What rounding in float32 explains: asymmetry as a share of the largest entry, eigenvalues below 0 of the trace."""

_UNKNOWN = "does not say by which network and resizer its statistics were made: they are taken to be this run's"

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """Mean float64 (D,) and covariance float64 (D, D) of feature rows; `checked` makes sure that they can be one."""

    mean: Array
    covariance: Array

    @property
    def width(self) -> int:
        """D."""
        return len(self.mean)


class Origin(BaseModel):
    """Where statistics come from: enough to tell whether they belong beside others.

    Attributes:
        name: of the image set, for people; no part of the digest.
        features: the tap, such as `inception.pool`.
        extractor: its fingerprint: weights by sha256, resizer, precision. Empty for rows computed elsewhere.
        resizer: the resizer in words.
        images: fingerprint of the image set.
        count: its number of images.
        version: of ganeval.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    schema_: Literal["ganeval/reference/1"] = Field(default=SCHEMA, alias="schema")
    name: str
    features: str
    extractor: str
    resizer: str
    images: str
    count: int = Field(ge=2)
    version: str
    sha256: str = ""


class StatisticsSource:
    """Statistics that stand for an image set, in the metrics that need no more of it.

    Attributes:
        main: of the features that the file is about.
        spatial: of Inception's 7x17x17 map, for sFID, where the file has them.
        origin: None for files of other tools, which do not say.
        arrays: names of all arrays in the file.
        warnings: what a reader of its scores must know, as what follows the name.
        fingerprint: that of the image set where it is known, else of the statistics.
    """

    cacheable = False

    def __init__(self, name: str, main: Statistics, spatial: Statistics | None, origin: Origin | None) -> None:
        self.name, self.main, self.spatial, self.origin = name, main, spatial, origin
        self.arrays, self.skipped = list[str](), list[str]()
        self.warnings = [] if origin and origin.extractor else [_UNKNOWN]
        self.fingerprint = origin.images if origin else digest(main, spatial)

    @property
    def count(self) -> int | None:
        """Number of samples behind the statistics; None where the file does not say."""
        return self.origin.count if self.origin else None

    def __len__(self) -> int:
        """The count, 0 where it is not known."""
        return self.count or 0

    def at(self, tap: str) -> Statistics:
        """The statistics for a tap, such as `inception.pool`.

        Raises:
            GanevalError: they were made of other features. Files that do not say are taken for what is asked of them.
        """
        if tap == SPATIAL_TAP and self.spatial is not None:
            return self.spatial
        if self.origin and tap not in ("given.rows", self.origin.features):
            raise GanevalError(
                f"{self.name} holds statistics of {self.origin.features}, and {tap} was asked for: "
                f"give --features {self.origin.features}, or build a reference with --features {tap}"
            )
        return self.main


def digest(main: Statistics, spatial: Statistics | None = None, origin: Origin | None = None) -> str:
    """sha256 over all numbers, and over where they come from except what people call it."""
    total = hashlib.sha256(SCHEMA.encode())
    for part in (main, spatial):
        if part is not None:
            for array in (part.mean, part.covariance):
                total.update(f"{array.shape}".encode() + np.ascontiguousarray(array, dtype="<f8").tobytes())
    if origin:
        total.update(origin.model_dump_json(exclude={"name", "sha256"}).encode())
    return total.hexdigest()


def member_names(path: Path) -> list[str]:
    """Names of the arrays in an `.npz` file.

    Raises:
        ImageError: it is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise ImageError(f"{path} cannot be read as .npz arrays: {error}") from error


def only_statistics(path: Path) -> bool:
    """Whether an `.npz` file holds statistics and no images."""
    names = member_names(path)
    return set(MAIN) <= set(names) and "arr_0" not in names


def refuse_pickle(path: Path) -> None:
    """Raise GanevalError for the pickled statistics of StyleGAN and EDM2: a pickle can run any code when it is read."""
    if path.suffix.lower() in (".pkl", ".pickle"):
        raise GanevalError(
            f"{path} is a pickle, which can run any code when it is read, and is never opened here. If you trust it, "
            "write its arrays to a file that cannot: numpy.savez('reference.npz', mu=..., sigma=...), or export its "
            "network as TorchScript, .pt2 or ONNX"
        )


def open_statistics(path: Path, name: str | None = None) -> StatisticsSource:
    """The statistics in an `.npz` file: `mu` and `sigma`, where they are `mu_s` and `sigma_s`, and the origin.

    Reads what pytorch-fid, clean-fid, EDM and the ADM evaluator write. Nothing is unpickled.

    Raises:
        GanevalError: a pickle; or statistics that do not match the digest written beside them.
        ImageError: no such file, other arrays, or numbers that cannot be a mean and a covariance.
    """
    refuse_pickle(path)
    names = member_names(path)
    if not set(MAIN) <= set(names):
        hint = f": for rows of features use features:{path}" if "feats" in names else ""
        raise ImageError(f"{path} holds {', '.join(names) or 'nothing'}; statistics are the arrays mu and sigma{hint}")
    arrays = _arrays(path, [key for key in (*MAIN, *SPATIAL, ORIGIN) if key in names])
    main = _part(arrays, MAIN, path)
    spatial = _part(arrays, SPATIAL, path) if set(SPATIAL) <= set(names) else None
    origin = _origin(arrays[ORIGIN], path) if ORIGIN in arrays else None
    if origin and origin.sha256 != digest(main, spatial, origin):
        raise GanevalError(
            f"{path} does not match the sha256 written in it, so it is damaged or was edited: build it again"
        )
    source = StatisticsSource(name or str(path), main, spatial, origin)
    source.arrays = names
    return source


def read_origin(path: Path) -> Origin | None:
    """The origin that a file of ours carries, without reading the statistics; None in files of other tools."""
    if ORIGIN not in member_names(path):
        return None
    return _origin(_arrays(path, [ORIGIN])[ORIGIN], path)


def _arrays(path: Path, keys: list[str]) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in keys}
    except (ValueError, OSError, EOFError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise ImageError(f"{path} cannot be read as .npz arrays: {error}") from error


def _origin(array: npt.NDArray[Any], path: Path) -> Origin:
    try:
        return Origin.model_validate_json(str(array))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its text"
        raise GanevalError(f"{path} has an origin that is not of schema {SCHEMA}: {where}: {first['msg']}") from None


def _part(arrays: Mapping[str, npt.NDArray[Any]], keys: tuple[str, str], path: Path) -> Statistics:
    return checked(arrays[keys[0]], arrays[keys[1]], f"{path} ({', '.join(keys)})")


def checked(mean: npt.NDArray[Any], covariance: npt.NDArray[Any], name: str) -> Statistics:
    """The statistics in float64, the covariance made symmetric to the last bit.

    Raises:
        ImageError: shapes that do not fit, numbers that are not real and finite, a covariance that is not symmetric or
            not positive semidefinite within `TOLERANCE`.
    """
    mean, covariance = np.atleast_1d(mean), np.atleast_2d(covariance)
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or not len(mean):
        raise ImageError(f"{name}: shapes {mean.shape} and {covariance.shape}; expected (D,) and (D, D)")
    for what, array in (("mean", mean), ("covariance", covariance)):
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ImageError(f"{name}: the {what} ({array.dtype}) must be real, finite numbers")
    mean, covariance = mean.astype(np.float64), covariance.astype(np.float64)
    if np.abs(covariance - covariance.T).max() > TOLERANCE * np.abs(covariance).max():
        raise ImageError(f"{name}: the covariance is not symmetric, so it is none")
    symmetric = (covariance + covariance.T) / 2
    if not _positive(symmetric):
        raise ImageError(f"{name}: the covariance is not positive semidefinite, so it is none")
    return Statistics(mean, symmetric)


def _positive(covariance: Array) -> bool:
    """Whether no eigenvalue lies below -TOLERANCE times the trace: by Cholesky, for a tenth of what they would cost."""
    trace = float(np.trace(covariance))
    if trace <= 0:
        return not covariance.any()
    try:
        np.linalg.cholesky(covariance + TOLERANCE * trace * np.eye(len(covariance)))
    except np.linalg.LinAlgError:
        return False
    return True
