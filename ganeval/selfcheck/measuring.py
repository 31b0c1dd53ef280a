"""Metrics of scenes: rows are put together once per scene, and every metric looks at them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ganeval.engine import Request
from ganeval.errors import GanevalError
from ganeval.extractors import Tap
from ganeval.metrics.metric import estimated
from ganeval.selfcheck.pool import Indices, Pool, Rung, rows_at
from ganeval.selfcheck.scenes import Scene
from ganeval.summaries import Features, Labelled, Summary


@dataclass
class Measuring:
    """Values of `requests` on scenes of `pool`.

    Attributes:
        failed: request name -> why it has no value on some scene.
    """

    pool: Pool
    requests: Sequence[Request]
    seed: int
    failed: dict[str, str] = field(default_factory=dict)

    def values(self, scene: Scene, only: Iterable[str] | None = None) -> dict[str, float]:
        """By request name; a metric that these samples do not suffice for is left out, with the reason in `failed`."""
        names = None if only is None else set(only)
        made: dict[tuple[str, Tap, type[Summary], bool], Summary] = {}
        found: dict[str, float] = {}
        for request in self.requests:
            if names is None or request.name in names:
                try:
                    found[request.name] = self._value(request, scene, made)
                except GanevalError as error:
                    self.failed[request.name] = str(error)
        return found

    def _value(
        self, request: Request, scene: Scene, made: dict[tuple[str, Tap, type[Summary], bool], Summary]
    ) -> float:
        metric, inputs = request.metric, {}
        for role, kind in metric.sets.items():
            key = (role, request.tap, kind, role == "fake" and "train" in metric.sets)
            if key not in made:
                made[key] = self._summary(scene, role, request.tap, kind, copy_of="train" if key[3] else "real")
            inputs[role] = made[key]
        seeds = [self.seed, zlib.crc32(metric.name.encode())]
        options = {**metric.options, **request.options}
        return estimated(metric, inputs, options, draws=lambda: np.random.default_rng(seeds), level=0).value

    def _summary(self, scene: Scene, role: str, tap: Tap, kind: type[Summary], *, copy_of: str) -> Summary:
        rows, places = self._fake(scene, tap, copy_of) if role == "fake" else self._clean(scene.others[role], tap)
        if kind is Labelled:
            assert self.pool.labels is not None, "see require_labels"
            features = Features()
            features.update(rows)
            return Labelled.of(features, torch.from_numpy(self.pool.labels[places]))
        summary = kind()
        summary.update(rows)
        return summary

    def _clean(self, places: Indices, tap: Tap) -> tuple[Tensor, Indices]:
        return rows_at(self.pool.clean[tap], places), places

    def _fake(self, scene: Scene, tap: Tap, copy_of: str) -> tuple[Tensor, Indices]:
        """The rows, and the place of the image that each of them shows."""
        pieces = [self._piece(rung, places, tap) for rung, places in scene.fake]
        rows, shown = torch.cat([rows for rows, _ in pieces]), np.concatenate([places for _, places in pieces])
        copied = round(scene.copies * len(rows))
        if copied:
            originals = scene.others[copy_of][:copied]
            rows[: len(originals)], shown[: len(originals)] = rows_at(self.pool.clean[tap], originals), originals
        return (_moved(rows, self.pool.clean[tap], scene.moved) if scene.moved else rows), shown

    def _piece(self, rung: Rung | None, places: Indices, tap: Tap) -> tuple[Tensor, Indices]:
        if rung is None:
            return self._clean(places, tap)
        return rows_at(self.pool.spoilt[rung][tap], places), self.pool.chosen[places]


def _moved(rows: Tensor, clean: Tensor, ranges: float) -> Tensor:
    """The rows with the dimension of median spread moved up by so many of its ranges among the clean rows."""
    spread = clean.std(0)
    alive = torch.nonzero(spread > 0).flatten()
    if not len(alive):
        return rows
    dimension = int(alive[spread[alive].argsort()[len(alive) // 2]])
    column = clean[:, dimension]
    moved = rows.clone()
    moved[:, dimension] += ranges * float(column.max() - column.min())
    return moved


def columns(measured: Sequence[Mapping[str, float]], name: str) -> list[float] | None:
    """One metric's values over scenes; None where one is missing."""
    return [each[name] for each in measured] if measured and all(name in each for each in measured) else None
