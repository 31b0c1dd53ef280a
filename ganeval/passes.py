"""One pass over one image set: read ahead, extract in full batches, summarise, and keep what is done in the cache."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from ganeval.cache import Cache, Entry
from ganeval.errors import GanevalError
from ganeval.extractors import Tap
from ganeval.extractors.extractor import Extractor
from ganeval.images import FeatureSource, ImageSource, Opened, StatisticsSource
from ganeval.images.statistics import Statistics
from ganeval.summaries import Features, GivenMoments, Moments, Summary

T = TypeVar("T")
Want: TypeAlias = tuple[Tap, type[Summary]]
Watch: TypeAlias = Callable[[str, int, int], None]
"""Called with (image set, images done, images in all) as the pass goes on."""

_SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Pass:
    """How the passes run: the networks by extractor name, what must not change any value, and the intervals' level."""

    extractors: Mapping[str, Extractor]
    batch_size: int = 64
    cache: Cache | None = None
    watch: Watch = lambda name, done, total: None
    level: float = 0.95


def summarise(name: str, source: Opened, wanted: set[Want], run: Pass) -> dict[Want, Summary]:
    """One pass over one image set. What the cache holds is not computed again; what was begun is continued."""
    if isinstance(source, FeatureSource):
        return {want: _whole(want[1], source) for want in wanted}
    if isinstance(source, StatisticsSource):
        assert all(kind is Moments for _, kind in wanted), "see statistics_fit.require_fit"
        return {(tap, kind): given_moments(source.at(str(tap)), len(source)) for tap, kind in wanted}
    cache = run.cache if source.cacheable else None
    entries = {want: _entry(cache, source, want, run.extractors) for want in wanted}
    missing = {want: entry for want, entry in entries.items() if entry.position < len(source)}
    positions = {entry.position for entry in missing.values()}
    if len(positions) > 1:  # begun at different times: they can only go on together from the start
        missing = {want: Entry(entry.key, want[1]()) for want, entry in missing.items()}
        entries |= missing
        positions = {0}
    if missing:
        _extract(name, source, missing, positions.pop(), run)
    for entry in entries.values():
        if cache is not None and entry.key and isinstance(entry.summary, Features):
            entry.summary.recall = partial(cache.derived, entry.key)
    source.skipped[:] = next((e.skipped for e in entries.values() if e.skipped), source.skipped)
    return {want: entry.summary for want, entry in entries.items()}


def given_moments(statistics: Statistics, count: int = 0) -> GivenMoments:
    """Statistics as a summary; count 0 where it is not known."""
    return GivenMoments(torch.from_numpy(statistics.mean), torch.from_numpy(statistics.covariance), count)


def _whole(kind: type[Summary], source: FeatureSource) -> Summary:
    summary = kind()
    summary.update(torch.from_numpy(np.array(source.rows(), dtype=np.float32)))
    return summary


def _entry(cache: Cache | None, source: ImageSource, want: Want, extractors: Mapping[str, Extractor]) -> Entry:
    tap, kind = want
    extractor = extractors[tap.extractor]
    if cache is None or not extractor.cacheable:
        return Entry(None, kind())
    key = cache.key(source.fingerprint, extractor.fingerprint, tap.layer, kind.kind)
    return cache.load(key) or Entry(key, kind())


def _extract(name: str, source: ImageSource, entries: Mapping[Want, Entry], start: int, run: Pass) -> None:
    """Decode and embed images from index `start` on, saving what is done once a minute."""
    layers: dict[str, set[str]] = {}
    for tap, _ in entries:
        layers.setdefault(tap.extractor, set()).add(tap.layer)
    joiners = {extractor: _Joiner(run.batch_size) for extractor in layers}

    def embed(extractor: str, batches: Iterable[Tensor]) -> None:
        for prepared in batches:
            rows = run.extractors[extractor].forward(prepared, layers[extractor])
            for (tap, _), entry in entries.items():
                if tap.extractor == extractor:
                    entry.summary.update(_finite(rows[tap.layer], tap, source.name))

    saved = time.monotonic()
    run.watch(name, start, len(source))
    batches = _read(source, start, run.batch_size)
    for position, runs in _ahead(batches) if source.read_ahead else batches:
        for extractor, joiner in joiners.items():
            for images in runs:
                embed(extractor, joiner.push(run.extractors[extractor].prepare(images)))
        run.watch(name, position, len(source))
        done = position == len(source)
        if done:
            for extractor, joiner in joiners.items():
                embed(extractor, joiner.rest())
        # rows that wait in a joiner are in no summary yet: what is saved must hold every image up to its position
        if done or (time.monotonic() - saved > _SAVE_SECONDS and not any(j.waiting for j in joiners.values())):
            for entry in entries.values():
                entry.position, entry.skipped = position, list(source.skipped)
                if run.cache:
                    run.cache.save(entry)
            saved = time.monotonic()


def _finite(rows: Tensor, tap: Tap, name: str) -> Tensor:
    if not bool(torch.isfinite(rows).all()):
        raise GanevalError(f"{tap} gave features that are not finite for {name}: look at its images, or use fp32")
    return rows


def _read(source: ImageSource, start: int, size: int) -> Iterator[tuple[int, list[Tensor]]]:
    for first in range(start, len(source), size):
        last = min(first + size, len(source))
        yield last, list(source.read(range(first, last)))


class _Joiner:
    """Joins prepared rows into full batches, since images of mixed sizes come in short runs."""

    def __init__(self, size: int) -> None:
        self.size, self.waiting = size, list[Tensor]()

    def push(self, rows: Tensor) -> Iterator[Tensor]:
        self.waiting.append(rows)
        if sum(map(len, self.waiting)) >= self.size:
            yield from self.rest()

    def rest(self) -> Iterator[Tensor]:
        if self.waiting:
            joined = self.waiting[0] if len(self.waiting) == 1 else torch.cat(self.waiting)
            self.waiting = []
            yield from torch.split(joined, self.size)


def _ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The same items, made by a thread that stays up to `depth` ahead: decoding goes on while the network runs."""
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: T | None, error: BaseException | None = None) -> None:
        while not stop.is_set():
            try:
                return ready.put((item, error), timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    return
            put(None, StopIteration())
        except BaseException as error:  # handed to the reader, who raises it
            put(None, error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
