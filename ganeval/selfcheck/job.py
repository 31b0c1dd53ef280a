"""From what the user names to the pool of rows: opening, spoiling, one extraction of everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from ganeval import cache
from ganeval.device import choose_device
from ganeval.engine import Request
from ganeval.errors import GanevalError
from ganeval.extractors import Tap, load_extractor, parse_tap
from ganeval.extractors.extractor import Extractor
from ganeval.images import ImageSource, Opening, Selection, Subset, open_images
from ganeval.labels import require_labels
from ganeval.metrics.metric import Metric, get
from ganeval.passes import Pass, Watch, summarise
from ganeval.planning import chosen_options, requested
from ganeval.presets import get_preset
from ganeval.selfcheck.pool import Pool, modes_of
from ganeval.selfcheck.run import LEAST, MARGIN, Findings, Sizes, check, pool_size, roles
from ganeval.selfcheck.scenes import IMAGE_LADDERS, STRENGTHS
from ganeval.selfcheck.spoiling import Spoilt
from ganeval.suites import SUITES
from ganeval.summaries import Features, Summary

USUAL_COUNT = 2000
"""Images per set unless told otherwise, or as many as the reference has."""


@dataclass(frozen=True)
class Job:
    """What to check, and how. Only `reference` has no default.

    Attributes:
        reference: real images: anything that can be opened as an image set.
        metrics: names, or metrics of one's own; empty means the `standard` suite.
        features: taps on which every metric that allows it is computed; empty means the usual ones.
        num_samples: images per set, which is the n that the answers are for; None takes up to 2,000.
        spoilt: images that are spoilt at every step, at most.
        splits: draws of disjoint real sets.
        options: "metric.option" -> value.
        cached: whether rows are kept in the cache folder, from which an interrupted check goes on.
    """

    reference: str
    metrics: tuple[str | Metric, ...] = ()
    features: tuple[str, ...] = ()
    num_samples: int | None = None
    seed: int = 0
    spoilt: int = 500
    splits: int = 10
    options: Mapping[str, object] = field(default_factory=dict)
    device: str = "auto"
    batch_size: int = 64
    weights: Mapping[str, Path] = field(default_factory=dict)
    data_root: Path | None = None
    cached: bool = True


@dataclass(frozen=True)
class Selfcheck:
    """What was found, of which images on which features."""

    reference: str
    fingerprint: str
    images: int
    features: tuple[str, ...]
    findings: Findings


def selfcheck(job: Job, watch: Watch = lambda name, done, total: None) -> Selfcheck:
    """Find out which metrics can be trusted for these images, these features and this number of images.

    Raises:
        GanevalError: a reference that is no set of images or too small, an unknown name, a metric that reads pairs of
            images or labels that are not there, missing weights.

    >>> job = Job("dataset:fashion-mnist-mini:test[0:90]", ("precision",), ("pixels.flat",), splits=2, cached=False)
    >>> selfcheck(job).findings.metrics[0].name
    'precision (pixels.flat)'
    """
    if job.splits < 2 or job.spoilt < LEAST:
        raise GanevalError(f"selfcheck needs 2 splits and {LEAST} spoilt images, got {job.splits} and {job.spoilt}")
    requests = _requests(job)
    whole = _opened(job)
    sizes = _sizes(job, requests, len(whole))
    drawn = min(len(whole), pool_size(requests, sizes.count, sizes.rung_count))
    source = whole if drawn == len(whole) else Subset(whole, drawn, job.seed)
    for request in requests:
        require_labels(request.metric, dict.fromkeys(request.metric.sets, source))
    pool = _pool(job, source, requests, sizes.rung_count, watch)
    found = check(pool, requests, sizes, seed=job.seed, watch=watch)
    taps = tuple(dict.fromkeys(str(request.tap) for request in requests))
    return Selfcheck(whole.name, source.fingerprint, len(source), taps, found)


def _requests(job: Job) -> list[Request]:
    metrics = [one if isinstance(one, Metric) else get(one) for one in job.metrics or SUITES["standard"]]
    for metric in metrics:
        if metric.pairs:
            raise GanevalError(f"{metric.name} compares images in pairs, which selfcheck does not spoil: leave it out")
    preset = get_preset("ganeval")
    options = chosen_options(preset, metrics, job.options)
    return requested(preset, metrics, [parse_tap(text) for text in job.features], options)


def _opened(job: Job) -> ImageSource:
    opening = Opening(data_root=job.data_root, seed=job.seed, device=choose_device(job.device))
    source = open_images(job.reference, opening)
    if not isinstance(source, ImageSource):
        raise GanevalError(f"{source.name} holds no images, and selfcheck spoils some: give the images themselves")
    return source


def _sizes(job: Job, requests: Sequence[Request], available: int) -> Sizes:
    most = int(available / (MARGIN * roles(requests)))
    count = min(most, USUAL_COUNT) if job.num_samples is None else job.num_samples
    if count > most or count < LEAST:
        raise GanevalError(
            f"{job.reference} has {available:,} images, from which {roles(requests)} disjoint sets of "
            f"{max(count, LEAST):,} are to be drawn, with a tenth to spare: choose -n from {LEAST} to {most:,}, "
            "or give more images"
        )
    return Sizes(count, min(job.spoilt, count, available // 4), job.splits)


def _pool(job: Job, source: ImageSource, requests: Sequence[Request], rung_count: int, watch: Watch) -> Pool:
    """Rows of all images, and of the spoilt ones at every step."""
    taps = list(dict.fromkeys(request.tap for request in requests))
    device = choose_device(job.device)
    networks: dict[str, Extractor] = {
        name: load_extractor(name, weights=job.weights, device=device)
        for name in dict.fromkeys(tap.extractor for tap in taps)
    }
    run = Pass(networks, job.batch_size, cache.Cache(cache.folder()) if job.cached else None, watch)
    clean = _rows("real", source, taps, run)
    chosen = np.random.default_rng([job.seed, 1]).permutation(len(source))[:rung_count]
    subset = Selection(source, chosen)
    spoilt = {
        (name, strength): _rows(f"{name} {strength:g}", Spoilt(subset, name, strength, job.seed), taps, run)
        for name in IMAGE_LADDERS
        for strength in STRENGTHS
    }
    labels = None if source.labels is None else np.asarray(source.labels, dtype=np.int64)
    modes, grouping = modes_of(clean[taps[0]], labels, job.seed)
    return Pool(clean, chosen, spoilt, modes, grouping, labels)


def _rows(name: str, source: ImageSource, taps: Sequence[Tap], run: Pass) -> dict[Tap, Tensor]:
    wanted: set[tuple[Tap, type[Summary]]] = {(tap, Features) for tap in taps}
    found = summarise(name, source, wanted, run)
    rows: dict[Tap, Tensor] = {}
    for (tap, _), summary in found.items():
        assert isinstance(summary, Features)
        rows[tap] = summary.rows
    return rows
