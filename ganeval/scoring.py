"""score(): from names of image sets and metrics to a scorecard. The engine works; this opens and records."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ganeval import cache, protocol
from ganeval.deriving import described, with_derived
from ganeval.device import choose_device
from ganeval.engine import GIVEN, Result, evaluate
from ganeval.errors import GanevalError
from ganeval.extractors import load_extractor, parse_tap
from ganeval.extractors.extractor import Extractor, Precision
from ganeval.images import FeatureSource, Opened, Opening, StatisticsSource, open_images
from ganeval.images.calling import USUAL, Calling
from ganeval.images.generated import check_called
from ganeval.images.redrawn import SAMPLES, Redraw, check_redrawn
from ganeval.metrics.metric import get
from ganeval.passes import Pass, Watch
from ganeval.planning import chosen_options, overrides, requested
from ganeval.presets import Preset, get_preset
from ganeval.scorecard import ImageSetRecord, Score, Scorecard, environment
from ganeval.statistics_fit import require_fit
from ganeval.suites import FULL, SUITES, members, possible, shorter, told

Source: TypeAlias = Opened


@dataclass(frozen=True)
class Job:
    """What to score, and how. Only `fake` and `reference` have no default.

    Attributes:
        fake, reference, train, heldout: anything an image set can be made of, as text.
        protocol: the tool whose numbers are wanted (`presets.PRESETS`). Features and options said here win over it.
        metrics: names; empty means the suite's, and `authpct` as well when `train` is given.
        suite: empty means what the protocol's tool reports, or `standard`. `full` is every metric that can run with the
            image sets, labels and weights that are here; the scorecard says what it skipped, and why.
        features: taps (`inception`, `timm:resnet18.pool`) on which every metric that allows it is computed; empty means
            the protocol's.
        options: "metric.option" -> value.
        num_samples: this many generated images, and at most as many of the reference and the held-out set, drawn by
            `seed`. None takes all. The training set is always taken whole: a copy of an image left out would go unseen.
        reference_samples: overrides `num_samples` for the reference and the held-out set. Statistics are taken whole.
        calling: latents, classes and output range of a generator from elsewhere.
        redraw: the images that a run of `ganeval train` translates or reconstructs, where it does not draw samples.
        num_pairs: random pairs, at most, and latent paths that metrics of pairs are means over.
        level: probability with which intervals hold what they are for; 0 computes none.
    """

    fake: str
    reference: str
    train: str | None = None
    heldout: str | None = None
    name: str | None = None
    protocol: str = "ganeval"
    metrics: tuple[str, ...] = ()
    suite: str = ""
    features: tuple[str, ...] = ()
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
    redraw: Redraw = SAMPLES
    num_pairs: int = 1000
    level: float = 0.95
    on_bad_image: Literal["fail", "skip"] = "fail"
    cached: bool = True


@dataclass(frozen=True)
class Scored:
    """The scorecard, and the image sets behind it for whoever wants to show them."""

    card: Scorecard
    sources: Mapping[str, Source]


Networks: TypeAlias = dict[str, Extractor]


def score(
    job: Job,
    watch: Watch = lambda name, done, total: None,
    *,
    networks: Networks | None = None,
    store: cache.Cache | None = None,
) -> Scored:
    """Score `job.fake` against `job.reference`.

    Args:
        store: where summaries are kept, if not in the user's cache folder.
        networks: networks by name and resizer, loaded for an earlier job of the same device, precision and weights.
            What is missing is loaded and put there, and so is what took all images to be as large as that job's.

    Raises:
        GanevalError: a name is unknown, an image set cannot be read, weights are missing, or there are too few samples.
    """
    started = time.perf_counter()
    preset = get_preset(job.protocol)
    metrics = [get(name) for name in _names(job, preset)]
    options = chosen_options(preset, metrics, job.options)
    taps = [parse_tap(text) for text in job.features]
    sources = open_sources(job)
    read = [GIVEN] if _given(sources) else taps
    ask = partial(requested, preset, taps=read, options=options)
    load = partial(_network, job, preset, _of_any_size({} if networks is None else networks))
    everything = job.suite == FULL and not job.metrics
    derive = partial(with_derived, sources, num_pairs=job.num_pairs, seed=job.seed)
    requests, skipped = possible(ask, metrics, derive, load) if everything else (ask(metrics), None)
    used = {name: load(name) for name in sorted({each.tap.extractor for each in requests} - {GIVEN.extractor})}
    require_fit(sources, requests, used)
    sets = derive(requests)
    run = Pass(used, job.batch_size, (store or cache.Cache(cache.folder())) if job.cached else None, watch, job.level)
    opened = time.perf_counter()
    results, seconds = evaluate(sets, requests, run, seed=job.seed, skipped=skipped)
    pairs = described(sets)
    seconds |= {"opening": opened - started, "total": time.perf_counter() - started}
    describe = partial(
        protocol.describe,
        preset,
        seed=job.seed,
        extractors={name: network.fingerprint for name, network in used.items()},
        resizers={name: network.resizer for name, network in used.items()},
        overrides=overrides(preset, taps, job.options, options),
    )
    named = partial(_card, job, sources, lambda sets: describe(sets={**sets, **pairs}))
    return Scored(named(results, seconds, skipped or {}), sources)


def _of_any_size(networks: Networks) -> Networks:
    """The same mapping, without those that an earlier job's images gave their size."""
    for name in [name for name, network in networks.items() if network.one_size]:
        del networks[name]
    return networks


def _network(job: Job, preset: Preset, loaded: Networks, name: str) -> Extractor:
    """The network of this name with the preset's resizer; `loaded` keeps it for later jobs."""
    resize = preset.resizers.get(name, "")
    key = f"{name} {resize}".rstrip()
    if key not in loaded:
        device = choose_device(job.device)
        loaded[key] = load_extractor(name, weights=job.weights, device=device, precision=job.precision, resize=resize)
    return loaded[key]


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
    fakes = replace(opening, num_samples=job.num_samples, generate=len(sources["real"]) or None, redraw=job.redraw)
    sources["fake"] = open_images(job.fake, fakes)
    check_called(list(sources.values()), job.calling)
    check_redrawn(sources["fake"], job.redraw)
    return sources


def _at_most(place: str, opening: Opening, count: int | None) -> Source:
    """A reference that has fewer images than the generated set is scored whole, and so are statistics."""
    source = open_images(place, opening)
    if count is None or len(source) <= count or isinstance(source, StatisticsSource):
        return source
    return open_images(place, replace(opening, num_samples=count))


def _names(job: Job, preset: Preset) -> tuple[str, ...]:
    if job.metrics:
        return tuple(dict.fromkeys(job.metrics))
    suite = members(job.suite) if job.suite else preset.metrics or SUITES["standard"]
    return tuple(dict.fromkeys(suite + (("authpct",) if job.train else ())))


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


def _card(
    job: Job,
    sources: Mapping[str, Source],
    describe: Callable[[dict[str, str]], dict[str, Any]],
    results: list[Result],
    seconds: dict[str, float],
    skipped: Mapping[str, str],
) -> Scorecard:
    names = shorter(result.request.name for result in results)
    counts = {role: count for result in results for role, count in result.counts.items()}
    records = {role: _record(source, counts.get(role, len(source) or None)) for role, source in sources.items()}
    rest = {role: record for role, record in records.items() if role != "fake"}
    return Scorecard(
        name=job.name or records["fake"].name,
        fake=records["fake"],
        reference=records["real"],
        others={role: record for role, record in rest.items() if role != "real"},
        protocol=describe(
            {role: f"{record.count or 'unknown'} x {record.fingerprint}" for role, record in rest.items()}
        ),
        scores=[_score(result) for result in results],
        environment=environment(str(choose_device(job.device))),
        skipped=told(skipped),
        seconds=seconds | {names[result.request.name]: result.seconds for result in results},
    )


def _record(source: Source, count: int | None) -> ImageSetRecord:
    record = ImageSetRecord(name=source.name, fingerprint=source.fingerprint, count=count)
    if isinstance(source, FeatureSource):
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
        level=estimate.level,
    )
