"""Reference statistics: made in one pass over the images, described, and compared with others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ganeval import __version__, cache
from ganeval.device import choose_device
from ganeval.engine import GIVEN
from ganeval.errors import GanevalError
from ganeval.extractors import Tap, load_extractor, parse_tap
from ganeval.extractors.extractor import Extractor, Precision
from ganeval.images import FeatureSource, Opened, Opening, StatisticsSource, open_images
from ganeval.images.statistics import SPATIAL_TAP, Origin, Statistics, checked
from ganeval.images.statistics_store import signed
from ganeval.metrics.fd import fd
from ganeval.passes import Pass, Watch, given_moments, summarise
from ganeval.presets import get_preset
from ganeval.statistics_fit import require_network
from ganeval.summaries import Moments, Summary

AGREEMENT = 1e-3
"""Relative difference up to which statistics count as those of the images: another processor, another batch."""


@dataclass(frozen=True)
class Making:
    """What to make statistics of, and how. Only `images` has no default.

    Attributes:
        images: anything an image set can be made of, or rows of features, as text.
        features: the tap; empty means the protocol's. Inception's pool brings the spatial features of sFID with it.
        protocol: the tool whose resizer is used (`presets.PRESETS`).
        name: what `ref:NAME` will find it by; that of the image set unless given.
    """

    images: str
    features: str = ""
    protocol: str = "ganeval"
    name: str | None = None
    num_samples: int | None = None
    seed: int = 0
    batch_size: int = 64
    device: str = "auto"
    precision: Precision = "fp32"
    weights: Mapping[str, Path] = field(default_factory=dict)
    data_root: Path | None = None
    on_bad_image: Literal["fail", "skip"] = "fail"
    cached: bool = True


@dataclass(frozen=True)
class Made:
    """The statistics, and the images that they were made of."""

    statistics: StatisticsSource
    images: Opened


def make(making: Making, watch: Watch = lambda name, done, total: None) -> Made:
    """Mean and covariance of the features, in float64, from one pass over the images. Statistics pass as they are.

    Raises:
        GanevalError: the images or the network cannot be had, or there are fewer than two samples.
    """
    opening = Opening(
        on_bad_image=making.on_bad_image,
        data_root=making.data_root,
        num_samples=making.num_samples,
        seed=making.seed,
        device=choose_device(making.device),
    )
    images = open_images(making.images, opening)
    if isinstance(images, StatisticsSource):
        return Made(_named(images, making.name), images)
    if isinstance(images, FeatureSource):
        return Made(_summarised(making, images, GIVEN, {}, watch), images)
    preset = get_preset(making.protocol)
    tap = parse_tap(making.features or preset.features)
    extractor = load_extractor(
        tap.extractor,
        weights=making.weights,
        device=choose_device(making.device),
        precision=making.precision,
        resize=preset.resizers.get(tap.extractor, ""),
    )
    return Made(_summarised(making, images, tap, {tap.extractor: extractor}, watch), images)


def _named(source: StatisticsSource, name: str | None) -> StatisticsSource:
    if name is None:
        return source
    if source.origin is None:
        raise GanevalError(
            f"{source.name} does not say where it comes from, so it is not kept: leave out the name {name}"
        )
    return StatisticsSource(name, source.main, source.spatial, source.origin.model_copy(update={"name": name}))


def _summarised(
    making: Making, images: Opened, tap: Tap, networks: Mapping[str, Extractor], watch: Watch
) -> StatisticsSource:
    spatial = parse_tap(SPATIAL_TAP) if str(tap) == "inception.pool" else None
    wanted: set[tuple[Tap, type[Summary]]] = {(each, Moments) for each in (tap, spatial) if each is not None}
    kept = cache.Cache(cache.folder()) if making.cached else None
    found = summarise("reference", images, wanted, Pass(networks, making.batch_size, kept, watch))
    moments = found[tap, Moments]
    moments.require(2, "a covariance")
    network = networks.get(tap.extractor)
    origin = Origin(
        name=making.name or images.name,
        features=str(tap),
        extractor=network.fingerprint if network else "",
        resizer=network.resizer if network else "",
        images=images.fingerprint,
        count=moments.count,
        version=__version__,
    )
    return signed(
        origin.name,
        _statistics(moments, str(tap)),
        _statistics(found[spatial, Moments], str(spatial)) if spatial else None,
        origin,
    )


def _statistics(summary: Summary, name: str) -> Statistics:
    assert isinstance(summary, Moments)
    return checked(summary.mean.numpy(), summary.covariance.numpy(), name)


def describe(source: StatisticsSource) -> dict[str, Any]:
    """What can be said of statistics without the images: JSON-able, for people and programs."""
    about: dict[str, Any] = {"name": source.name, "count": source.count} | _facts(source.main)
    if source.arrays:
        about["arrays"] = source.arrays
    if source.spatial is not None:
        about["spatial"] = _facts(source.spatial)
    about["origin"] = source.origin.model_dump(by_alias=True) if source.origin else None
    return about


def _facts(statistics: Statistics) -> dict[str, Any]:
    return {
        "width": statistics.width,
        "mean_norm": float(np.linalg.norm(statistics.mean)),
        "trace": float(np.trace(statistics.covariance)),
    }


def spectrum(statistics: Statistics) -> dict[str, Any]:
    """Rank of the covariance, and its least eigenvalue as a share of the trace (below 0 only by rounding)."""
    values = np.linalg.eigvalsh(statistics.covariance)
    trace = float(values.sum()) or 1.0
    zero = len(values) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
    return {"rank": int((values > zero).sum()), "least_eigenvalue": float(values[0]) / trace}


def differences(source: StatisticsSource, other: StatisticsSource) -> dict[str, dict[str, float]]:
    """How far the statistics of `other` are from those of `source`, part by part.

    `mean` and `covariance` are norms of differences over norms of `source`; `frechet` is the distance `fd`, in squared
    feature units.

    Raises:
        GanevalError: they are of different widths, or both say what they were made with, and differ in it.
    """
    if other.origin and other.origin.extractor:
        require_network(source, other.origin.extractor, other.name)
    parts = {"main": (source.main, other.main)}
    if source.spatial is not None and other.spatial is not None:
        parts["spatial"] = (source.spatial, other.spatial)
    return {name: _difference(*pair, f"{source.name} and {other.name}") for name, pair in parts.items()}


def _difference(ours: Statistics, theirs: Statistics, names: str) -> dict[str, float]:
    if ours.width != theirs.width:
        raise GanevalError(
            f"{names} hold statistics of {ours.width} and of {theirs.width} features: name the --features of the first"
        )
    return {
        "mean": _relative(ours.mean, theirs.mean),
        "covariance": _relative(ours.covariance, theirs.covariance),
        "frechet": float(fd(given_moments(ours), given_moments(theirs))),
    }


def agree(found: Mapping[str, Mapping[str, float]], tolerance: float) -> bool:
    """Whether no mean and no covariance differs by more than the tolerance; `found` is from `differences`."""
    return all(max(part["mean"], part["covariance"]) <= tolerance for part in found.values())


def _relative(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(ours - theirs) / (np.linalg.norm(ours) or 1.0))
