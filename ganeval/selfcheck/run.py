"""selfcheck(): from a reference to what was found of every metric. Images are extracted once; then only rows are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganeval.engine import Request
from ganeval.selfcheck.findings import Detection, Floor, Response, agreement, detection, response
from ganeval.selfcheck.measuring import Measuring, columns
from ganeval.selfcheck.pool import Pool
from ganeval.selfcheck.scenes import OTHERS, Ladder, clean_scene, ladders, small_scene
from ganeval.selfcheck.verdict import Verdict, claims, judge, small_kind, unusable

LEAST = 20
"""Images per set, at least."""
MARGIN = 1.1
"""The pool has so many times the images of all sets together: others take the place of lost ones."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Checked:
    """One metric, looked at from all sides.

    Attributes:
        name: the request's, `fd (inception.pool)`.
        floors: by number of images per set.
        held: the ladders that it claims to climb.
        failed: why it has no value; floors and the rest are then empty.
    """

    name: str
    request: Request
    floors: Mapping[int, Floor]
    responses: Sequence[Response]
    detection: Detection | None
    held: frozenset[str]
    verdict: Verdict
    failed: str = ""


@dataclass(frozen=True)
class Findings:
    """All metrics, at `count` images per set; ladders had `rung_count`; `splits` draws of the floor.

    Attributes:
        agreement: Spearman's correlation of the effects of every two metrics over all steps.
        grouping: what the modes were, `labels` or `clusters`, and how many.
    """

    count: int
    rung_count: int
    splits: int
    seed: int
    grouping: tuple[str, int]
    metrics: tuple[Checked, ...]
    agreement: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class Sizes:
    """Images per set, images per set of a ladder, and splits."""

    count: int
    rung_count: int
    splits: int

    @property
    def tried(self) -> list[int]:
        """Numbers of images at which 5 % are looked for: halves of `count`, and the ladders' own."""
        halves = {self.count >> times for times in range(4)} | {self.rung_count}
        return sorted(each for each in halves if each >= min(LEAST, self.count))


def roles(requests: Sequence[Request]) -> int:
    """How many disjoint image sets the metrics need together."""
    used = {role for request in requests for role in request.metric.sets} & set(OTHERS)
    return 1 + max((OTHERS.index(role) + 1 for role in used), default=1)


def pool_size(requests: Sequence[Request], count: int, rung_count: int) -> int:
    """Images that a check with these numbers per set draws from."""
    return max(math.ceil(MARGIN * roles(requests) * count), 4 * rung_count)


def check(
    pool: Pool,
    requests: Sequence[Request],
    sizes: Sizes,
    *,
    seed: int = 0,
    watch: Progress = lambda name, done, total: None,
) -> Findings:
    """Look at every metric on the rows of `pool`; nothing is extracted.

    The pool needs `pool_size` images, and `sizes.rung_count` of them spoilt.
    """
    rng = np.random.default_rng(seed)
    measuring = Measuring(pool, requests, seed)
    steps = ladders(pool, sizes.rung_count, rng)
    total = len(sizes.tried) * sizes.splits + sum(len(ladder.scenes) for ladder in steps)
    progress = _Progress(watch, total)
    tried = {count: _split(measuring, count, sizes.splits, rng, progress) for count in sizes.tried}
    climbed = [(ladder, _climbed(measuring, ladder, progress)) for ladder in steps]
    found = tuple(_checked(request, measuring, tried, climbed, sizes) for request in requests)
    moved = {one.name: [x for r in one.responses for x in r.effects[1:]] for one in found if not one.failed}
    modes = (pool.grouping, len(np.unique(pool.modes)))
    return Findings(sizes.count, sizes.rung_count, sizes.splits, seed, modes, found, agreement(moved))


@dataclass
class _Progress:
    watch: Progress
    total: int
    done: int = 0

    def step(self) -> None:
        self.done += 1
        self.watch("measuring", self.done, self.total)


@dataclass(frozen=True)
class _Split:
    """Values of all metrics: one mapping a split, without and with 5 % of bad images."""

    clean: Sequence[Mapping[str, float]]
    bad: Sequence[Mapping[str, float]]


def _split(measuring: Measuring, count: int, splits: int, rng: np.random.Generator, progress: _Progress) -> _Split:
    clean, bad = [], []
    kinds = {request.name: small_kind(request.metric) for request in measuring.requests}
    for _ in range(splits):
        order = rng.permutation(measuring.pool.count)
        clean.append(measuring.values(clean_scene(order, count)))
        values: dict[str, float] = {}
        for kind in sorted(set(kinds.values())):
            only = [name for name, own in kinds.items() if own == kind]
            values |= measuring.values(small_scene(measuring.pool, kind, order, count, rng), only)
        bad.append(values)
        progress.step()
    return _Split(clean, bad)


def _climbed(measuring: Measuring, ladder: Ladder, progress: _Progress) -> list[list[dict[str, float]]]:
    """By step and draw, the values of all metrics."""
    steps: list[list[dict[str, float]]] = []
    for draws in ladder.scenes:
        steps.append([measuring.values(scene) for scene in draws])
        progress.step()
    return steps


def _checked(
    request: Request,
    measuring: Measuring,
    tried: Mapping[int, _Split],
    climbed: Sequence[tuple[Ladder, Sequence[Sequence[Mapping[str, float]]]]],
    sizes: Sizes,
) -> Checked:
    name, metric = request.name, request.metric
    values = {
        count: (clean, bad)
        for count, split in tried.items()
        if (clean := columns(split.clean, name)) and (bad := columns(split.bad, name))
    }
    draws = [(ladder, [columns(step, name) for step in steps]) for ladder, steps in climbed]
    if sizes.count not in values or sizes.rung_count not in values or not all(all(steps) for _, steps in draws):
        reason = measuring.failed[name]
        return Checked(name, request, {}, (), None, claims(metric), unusable(reason), reason)
    floors = {count: Floor.of(count, clean) for count, (clean, _) in values.items()}
    spread = floors[sizes.rung_count].spread
    responses = [
        response(ladder.name, ladder.strengths, [step for step in steps if step], metric.better, spread)
        for ladder, steps in draws
    ]
    found = detection(small_kind(metric), values, metric.better)
    verdict = judge(metric, floors, responses, found, sizes.count)
    return Checked(name, request, floors, responses, found, claims(metric), verdict)
