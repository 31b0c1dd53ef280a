"""score(): from names of image sets and metrics to a scorecard. The engine works; this opens and records."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ganeval import cache, protocol
from ganeval.device import choose_device
from ganeval.engine import GIVEN, Pass, Request, Result, Watch, evaluate
from ganeval.errors import GanevalError, unknown
from ganeval.extractors import Tap, load_extractor, parse_tap
from ganeval.extractors.extractor import Extractor, Precision
from ganeval.images import FeatureSource, ImageSource, Opened, Opening, StatisticsSource, open_images
from ganeval.images.calling import USUAL, Calling
from ganeval.images.generated import check_called
from ganeval.metrics.metric import DEFAULT_TAP, Metric, get
from ganeval.options import parse_options
from ganeval.scorecard import ImageSetRecord, Score, Scorecard, environment
from ganeval.statistics_fit import require_fit

Source: TypeAlias = Opened

SUITES: Mapping[str, tuple[str, ...]] = {
    "quick": ("fd", "kid"),
    "standard": ("fd", "kid", "precision", "recall", "density", "coverage"),
}
INCEPTION_POOL = Tap("inception", "pool")


@dataclass(frozen=True)
class Job:
    """What to score, and how. Only `fake` and `reference` have no default.

    Attributes:
        fake, reference, train, heldout: anything an image set can be made of, as text.
        metrics: names; empty means the suite's, and `authpct` as well when `train` is given.
        features: taps (`inception`, `timm:resnet18.pool`) on which every metric that allows it is computed.
        options: "metric.option" -> value.
        num_samples: this many generated images, and at most as many of the reference and the held-out set, drawn by
            `seed`. None takes all. The training set is always taken whole: a copy of an image left out would go unseen.
        reference_samples: overrides `num_samples` for the reference and the held-out set. Statistics are taken whole.
        calling: latents, classes and output range of a generator from elsewhere.
    """

    fake: str
    reference: str
    train: str | None = None
    heldout: str | None = None
    name: str | None = None
    metrics: tuple[str, ...] = ()
    suite: str = "standard"
    features: tuple[str, ...] = (DEFAULT_TAP,)
    options: Mapping[str, Any] = field(default_factory=dict)
    num_samples: int | None = None
    reference_samples: int | None = None
    seed: int = 0
    batch_size: int = 64
    device: str = "auto"
    precision: Precision = "fp32"
    weights: Mapping[str, Path] = field(default_factory=dict)
    data_root: Path | None = None
    calling: Calling = USUAL
    on_bad_image: Literal["fail", "skip"] = "fail"
    cached: bool = True


@dataclass(frozen=True)
class Scored:
    """The scorecard, and the image sets behind it for whoever wants to show them."""

    card: Scorecard
    sources: Mapping[str, Source]


Networks: TypeAlias = dict[str, Extractor]


def score(job: Job, watch: Watch = lambda name, done, total: None, *, networks: Networks | None = None) -> Scored:
    """Score `job.fake` against `job.reference`.

    Args:
        networks: networks by name, loaded for an earlier job of the same device, precision and weights. What is missing
            is loaded and put there.

    Raises:
        GanevalError: a name is unknown, an image set cannot be read, weights are missing, or there are too few samples.
    """
    started = time.perf_counter()
    metrics = [get(name) for name in _names(job)]
    options = _options(job.options, metrics)
    taps = [parse_tap(text) for text in job.features]
    sources = open_sources(job)
    given = _given(sources)
    requests = requested(metrics, [GIVEN] if given else taps, options)
    device = choose_device(job.device)
    names = sorted({request.tap.extractor for request in requests} - {GIVEN.extractor})
    networks = {} if networks is None else networks
    for name in names:
        if name not in networks:
            networks[name] = load_extractor(name, weights=job.weights, device=device, precision=job.precision)
    used = {name: networks[name] for name in names}
    require_fit(sources, requests, used)
    run = Pass(used, job.batch_size, cache.Cache(cache.folder()) if job.cached else None, watch)
    opened = time.perf_counter()
    results, seconds = evaluate(sources, requests, run, seed=job.seed)
    seconds |= {"opening": opened - started, "total": time.perf_counter() - started}
    return Scored(_card(job, sources, used, results, seconds), sources)


def open_sources(job: Job) -> dict[str, Source]:
    """The image sets of the job by role. A generator makes as many images as the reference has, unless told."""
    opening = Opening(
        on_bad_image=job.on_bad_image,
        data_root=job.data_root,
        seed=job.seed,
        calling=job.calling,
        device=choose_device(job.device),
    )
    most = job.reference_samples or job.num_samples
    places = {"real": (job.reference, most), "train": (job.train, None), "heldout": (job.heldout, most)}
    sources = {role: _at_most(place, opening, count) for role, (place, count) in places.items() if place is not None}
    fakes = replace(opening, num_samples=job.num_samples, generate=len(sources["real"]) or None)
    sources["fake"] = open_images(job.fake, fakes)
    check_called(list(sources.values()), job.calling)
    return sources


def _at_most(place: str, opening: Opening, count: int | None) -> Source:
    """A reference that has fewer images than the generated set is scored whole, and so are statistics."""
    source = open_images(place, opening)
    if count is None or len(source) <= count or isinstance(source, StatisticsSource):
        return source
    return open_images(place, replace(opening, num_samples=count))


def _names(job: Job) -> tuple[str, ...]:
    if job.metrics:
        return tuple(dict.fromkeys(job.metrics))
    if job.suite not in SUITES:
        raise unknown("suite", job.suite, SUITES)
    return SUITES[job.suite] + (("authpct",) if job.train else ())


def _options(given: Mapping[str, Any], metrics: list[Metric]) -> dict[str, dict[str, Any]]:
    """{"kid.subsets": "100"} => {"kid": {"subsets": 100}}, with all defaults filled in."""
    options = {metric.name: dict(metric.options) for metric in metrics}
    for name, value in given.items():
        owner, _, option = name.partition(".")
        if owner not in options:
            raise unknown("metric in --set (write metric.option=value)", owner, options)
        declared = {key: get(owner).annotations[key] for key in options[owner]}
        options[owner] |= parse_options(owner, declared, {option: value})
    return options


def _given(sources: Mapping[str, Source]) -> bool:
    """Whether rows were computed elsewhere: all image sets' or none's. Statistics go with images and with rows."""
    samples = {role: source for role, source in sources.items() if not isinstance(source, StatisticsSource)}
    kinds = {role: isinstance(source, FeatureSource) for role, source in samples.items()}
    if any(kinds.values()) and not all(kinds.values()):
        raise GanevalError(
            f"some image sets are features ({', '.join(r for r, k in kinds.items() if k)}) and some are images: "
            "which network made the features is not known, so give features for all of them, or images for all"
        )
    return all(kinds.values())


def requested(metrics: list[Metric], taps: list[Tap], options: Mapping[str, Mapping[str, Any]]) -> list[Request]:
    """Every metric at every tap; one tied to a network at its own only; `fd` on Inception's pool is `fid`."""
    requests: dict[tuple[str, Tap], Request] = {}
    for metric in metrics:
        for tap in _taps(metric, taps):
            proper = get("fid") if metric.name == "fd" and tap == INCEPTION_POOL else metric
            _refuse_given(proper, taps)
            requests[proper.name, tap] = Request(proper, tap, options.get(metric.name, {}))
    return list(requests.values())


def _taps(metric: Metric, named: list[Tap]) -> list[Tap]:
    """Where a metric reads when these taps are named."""
    if not metric.rebase:
        return [parse_tap(metric.tap)]
    if not metric.layer:
        return named
    return [tap if tap == GIVEN else parse_tap(f"{tap.extractor}.{metric.layer}") for tap in named]


def _refuse_given(metric: Metric, taps: list[Tap]) -> None:
    if GIVEN in taps and not metric.rebase:
        raise GanevalError(
            f"{metric.name} is defined on {metric.tap}, and features of an unknown network were given: ask for fd"
        )


def _card(
    job: Job,
    sources: Mapping[str, Source],
    networks: Mapping[str, Extractor],
    results: list[Result],
    seconds: dict[str, float],
) -> Scorecard:
    counts = {role: count for result in results for role, count in result.counts.items()}
    records = {role: _record(source, counts.get(role, len(source) or None)) for role, source in sources.items()}
    rest = {role: record for role, record in records.items() if role != "fake"}
    return Scorecard(
        name=job.name or records["fake"].name,
        fake=records["fake"],
        reference=records["real"],
        others={role: record for role, record in rest.items() if role != "real"},
        protocol=protocol.describe(
            preset="ganeval",
            seed=job.seed,
            extractors={name: network.fingerprint for name, network in networks.items()},
            sets={role: f"{record.count or 'unknown'} x {record.fingerprint}" for role, record in rest.items()},
        ),
        scores=[_score(result) for result in results],
        environment=environment(str(choose_device(job.device))),
        seconds=seconds | {result.request.metric.name: result.seconds for result in results},
    )


def _record(source: Source, count: int | None) -> ImageSetRecord:
    record = ImageSetRecord(name=source.name, fingerprint=source.fingerprint, count=count)
    if not isinstance(source, ImageSource):
        return record
    return record.model_copy(update={"skipped": list(source.skipped), "warnings": list(source.warnings)})


def _score(result: Result) -> Score:
    request, estimate = result.request, result.estimate
    return Score(
        metric=request.metric.name,
        features=str(request.tap),
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        method=estimate.method,
        better=request.metric.better,
        counts=dict(result.counts),
        options=dict(request.options),
        details=dict(estimate.details),
    )
