"""How any metric varies, and what two models share of it: the metric without one group of samples after another."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganeval.distances import keep_distances
from ganeval.errors import GanevalError
from ganeval.metrics.metric import Metric, checked
from ganeval.significance import Pieces
from ganeval.summaries import Features, Moments, Summary

GROUPS = 20
"""A t-test of 20 pseudo-values needs 1.14 times as many samples as one with a known error would."""

Watch: TypeAlias = Callable[[int, int], None]
Found: TypeAlias = dict[str, Pieces]
S = TypeVar("S", bound=Summary)


@dataclass(frozen=True)
class Asked:
    """A metric of a real and a generated set under the name that its answer is to have, with its options."""

    name: str
    metric: Metric
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def possible(self) -> bool:
        """Whether features of the two sets are all that the metric looks at."""
        return set(self.metric.sets) == {"real", "fake"} and set(self.metric.sets.values()) <= {Features, Moments}


def jackknife(
    real: Tensor,
    fakes: Sequence[Tensor],
    asked: Sequence[Asked],
    *,
    seed: int = 0,
    groups: int = GROUPS,
    watch: Watch = lambda done, total: None,
) -> list[Found]:
    """For each generated set: metric name -> its value t and `groups` pseudo-values G t - (G - 1) t_g (Tukey 1958).

    t_g is the metric without group g of the real *and* of the generated samples. The groups are drawn by `seed` and by
    the number of samples alone, so models that are scored against one reference lose the same real images at a time,
    and image i of one goes when image i of the other does: the difference of two models' pseudo-values varies as the
    difference of their scores, with all that they share taken off. By Efron and Stein (1981) the variance errs upwards.

    Args:
        real: (M, D), and `fakes` each (N, D); at least `groups` rows.
        watch: called with (groups done, groups in all).

    A metric that cannot be computed without a group is left out.
    """
    rows = [real, *fakes]
    for each in rows:
        if len(each) < 2 * groups:
            raise GanevalError(f"{len(each)} samples are too few for {groups} groups: expected {2 * groups} or more")
    parts = [_groups(len(each), groups, seed) for each in rows]
    wholes = [_of_rows(Features, each) for each in rows]
    values: list[dict[str, list[float]]] = [{} for _ in rows]
    for group in range(-1, groups):  # -1: all samples
        kept = [torch.from_numpy(np.flatnonzero(part != group)) for part in parts]
        for index, name, value in _without(wholes, kept, asked):
            values[index].setdefault(name, []).append(value)
        watch(group + 1, groups)
    return [{name: _pieces(found) for name, found in each.items() if len(found) > groups} for each in values[1:]]


def _pieces(found: Sequence[float]) -> Pieces:
    """From the value of all samples, and those without each group."""
    groups = len(found) - 1
    return Pieces(found[0], {"groups": groups * found[0] - (groups - 1) * np.array(found[1:])})


def _groups(count: int, groups: int, seed: int) -> npt.NDArray[np.int64]:
    """The group of each sample, int64 (N,): equally many in each, up to one."""
    order: npt.NDArray[np.int64] = np.random.default_rng([seed, count]).permutation(count)
    return order % groups


def _without(
    wholes: Sequence[Features], kept: Sequence[Tensor], asked: Sequence[Asked]
) -> Iterator[tuple[int, str, float]]:
    """(place in `wholes`, metric's name, value) of every model, from the samples that are kept."""
    real = _summaries(wholes[0].part(kept[0]), asked)
    for index in range(1, len(wholes)):
        fake = _summaries(wholes[index].part(kept[index]), asked)
        if Features in fake:
            _keep_distances(wholes[0].rows, wholes[index].rows)
        for ask in asked:
            inputs = {role: (real if role == "real" else fake)[kind] for role, kind in ask.metric.sets.items()}
            try:
                yield index, ask.name, _value(ask, inputs)
            except GanevalError:
                continue


def _summaries(part: Features, asked: Sequence[Asked]) -> dict[type[Summary], Summary]:
    kinds = {kind for ask in asked for kind in ask.metric.sets.values()}
    return {kind: part if kind is Features else _of_rows(kind, part.rows) for kind in kinds}


def _of_rows(kind: type[S], rows: Tensor) -> S:
    made = kind()
    made.update(rows)
    return made


def _keep_distances(real: Tensor, fake: Tensor) -> None:
    """What all metrics without any group look up, however large: of either set to itself and to the other."""
    for x in (real, fake):
        for y in (real, fake):
            keep_distances(x, y)


def _value(ask: Asked, inputs: Mapping[str, Summary]) -> float:
    options = dict(ask.options)
    if ask.metric.seeded:
        options["rng"] = np.random.default_rng(zlib.crc32(ask.metric.name.encode()))
    return checked(ask.metric, ask.metric.function(**inputs, **options)).value
