"""evaluate(): plan what each image set must yield, make one pass over each, compute every metric from the summaries."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from ganeval.errors import GanevalError
from ganeval.extractors import Tap
from ganeval.images import Opened
from ganeval.labels import labels_of, require_labels
from ganeval.metrics.metric import Metric, estimated
from ganeval.passes import Pass, Want, summarise
from ganeval.summaries import Features, Labelled, Moments, Summary
from ganeval.uncertainty import Estimate

GIVEN = Tap("given", "rows")
_METRICS_PER_WORKER, _MOST_WORKERS, _MANY_SAMPLES = 4, 4, 10_000


@dataclass(frozen=True)
class Request:
    """One metric to compute, where its features are taken, and its options by name.

    Attributes:
        random_state: seed of a `numpy.random.RandomState` to draw from, as older tools do, to which the run's seed is
            added; None for a generator of its own.
        chosen: its options are not the usual ones, so where it fails on them that is an error even in a suite.
    """

    metric: Metric
    tap: Tap
    options: Mapping[str, Any] = field(default_factory=dict)
    random_state: int | None = None
    chosen: bool = False

    @property
    def name(self) -> str:
        """`fd (inception.pool)`: different from every other request of a run."""
        return f"{self.metric.name} ({self.tap})"


@dataclass(frozen=True)
class Result:
    """One request answered: the estimate, the samples behind it per image set (None: not known), and the seconds."""

    request: Request
    estimate: Estimate
    counts: Mapping[str, int | None]
    seconds: float


def evaluate(
    sets: Mapping[str, Opened],
    requests: Sequence[Request],
    run: Pass,
    *,
    seed: int = 0,
    skipped: dict[str, str] | None = None,
) -> tuple[list[Result], dict[str, float]]:
    """Compute all requests from one pass over each image set.

    Each image is decoded once, each network runs once per batch, each summary is updated once, however many metrics
    ask. Returns the results in the order of `requests`, and the seconds each image set's pass took.

    Args:
        skipped: where given, a metric that these samples do not suffice for is left out, and the reason put there under
            its `Request.name`.

    Raises:
        GanevalError: a metric needs an image set that is not there, has too few samples, or features are not finite.
    """
    planned = plan(requests, sets)
    for request in requests if skipped is None else ():
        require_labels(request.metric, sets)
    summaries: dict[str, Mapping[Want, Summary]] = {}
    seconds: dict[str, float] = {}
    for name, wanted in planned.items():
        started = time.perf_counter()
        summaries[name] = summarise(name, sets[name], wanted, run)
        seconds[f"pass over {name}"] = time.perf_counter() - started
        _introduce(summaries[name])
    found = _Found(summaries, sets)
    attempt = partial(_attempt, found=found, run=run, seed=seed, strict=skipped is None)
    answers = _answers(requests, attempt, found)
    if skipped is not None:
        skipped |= {request.name: answer for request, answer in zip(requests, answers) if isinstance(answer, str)}
    return [answer for answer in answers if isinstance(answer, Result)], seconds


@dataclass(frozen=True)
class _Found:
    """What the passes yielded, by image set."""

    summaries: Mapping[str, Mapping[Want, Summary]]
    sources: Mapping[str, Opened]

    def inputs(self, metric: Metric, tap: Tap) -> dict[str, Summary]:
        """What the metric's function takes, by parameter."""
        require_labels(metric, self.sources)
        return {name: self._summary(name, tap, kind) for name, kind in metric.sets.items()}

    def samples(self) -> int:
        """Of the largest image set."""
        return max((summary.count for made in self.summaries.values() for summary in made.values()), default=0)

    def numbers(self, metric: Metric, tap: Tap) -> int:
        """How many the metric reads."""
        read = [self.summaries[name][tap, _stored(kind)] for name, kind in metric.sets.items()]
        return sum(summary.count * summary.width for summary in read)

    def _summary(self, name: str, tap: Tap, kind: type[Summary]) -> Summary:
        stored = self.summaries[name][tap, _stored(kind)]
        if kind is not Labelled:
            return stored
        assert isinstance(stored, Features)
        return Labelled.of(stored, labels_of(self.sources[name]))


def plan(requests: Iterable[Request], available: Iterable[str]) -> dict[str, set[Want]]:
    """What each image set must yield: the union over all requests."""
    wanted: dict[str, set[Want]] = {}
    for request in requests:
        for name, kind in request.metric.sets.items():
            if name not in available:
                raise GanevalError(f"{request.metric.name} needs the image set '{name}': give it with --{name}")
            wanted.setdefault(name, set()).add((request.tap, _stored(kind)))
    return wanted


def _stored(kind: type[Summary]) -> type[Summary]:
    """What a pass makes for a kind: labels are known without one."""
    return Features if kind is Labelled else kind


def _introduce(made: Mapping[Want, Summary]) -> None:
    """Features need not compute the moments that the same pass made of the same rows."""
    for (tap, _), summary in made.items():
        moments = made.get((tap, Moments))
        if isinstance(summary, Features) and isinstance(moments, Moments):
            summary.moments = moments


def _answers(
    requests: Sequence[Request], attempt: Callable[[Request], Result | str], found: _Found
) -> list[Result | str]:
    """Some metrics at a time where there are many, which share the threads: most have parts where only one works.

    Sets of many samples keep all threads busy in every metric, one by one.
    """
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    workers = max(1, min(threads, _MOST_WORKERS, len(requests) // _METRICS_PER_WORKER))
    if workers == 1 or found.samples() > _MANY_SAMPLES:
        return [attempt(request) for request in requests]
    share, stride = threads // workers, -(-len(requests) // workers)
    # what takes long goes first, or one worker would end with it alone: what reads moments, which others wait for, and
    # much. Neighbours in a suite share much: asked for at once, one would wait for the other
    later = [Moments not in request.metric.sets.values() for request in requests]
    most = [-found.numbers(request.metric, request.tap) for request in requests]
    apart = sorted(range(len(requests)), key=lambda i: (later[i], most[i], i % stride, i))
    try:
        with (
            threadpool_limits(share, user_api="blas"),
            ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(share,)) as pool,
        ):
            answers = dict(zip(apart, pool.map(attempt, [requests[i] for i in apart]), strict=True))
            return [answers[i] for i in range(len(requests))]
    finally:
        torch.set_num_threads(threads)


def _attempt(request: Request, found: _Found, run: Pass, seed: int, strict: bool) -> Result | str:
    """The result, or unless `strict` or asked for with options of its own the reason why there is none."""
    try:
        return _compute(request, found, seed, run.level)
    except GanevalError as error:
        if strict or request.chosen:
            raise
        return str(error)


def _compute(request: Request, found: _Found, seed: int, level: float) -> Result:
    metric = request.metric
    inputs = found.inputs(metric, request.tap)
    started = time.perf_counter()
    widths = {name: _width(summary) for name, summary in inputs.items()}
    if len(set(widths.values())) > 1:
        raise GanevalError(
            f"{metric.name}: image sets have features of different widths {widths}: use one network for all"
        )
    estimate = estimated(metric, inputs, request.options, draws=partial(_draws, request, seed), level=level)
    counts = {name: summary.count or None for name, summary in inputs.items()}
    return Result(request, estimate, counts, time.perf_counter() - started)


def _draws(request: Request, seed: int) -> np.random.Generator | np.random.RandomState:
    """A stream of the metric's own: what else is computed changes nothing."""
    if request.random_state is not None:
        return np.random.RandomState(request.random_state + seed)
    return np.random.default_rng([seed, zlib.crc32(request.metric.name.encode())])


def _width(summary: Summary) -> int:
    summary.require(1, "a metric")
    return summary.width
