"""The `@metric` decorator: a pure function of summaries whose signature is its declaration."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, TypeAlias, TypeVar, get_type_hints

import numpy as np
from torch import Tensor

from ganeval.errors import GanevalError, unknown
from ganeval.summaries import Summary
from ganeval.uncertainty import Estimate, at_level, within
from ganeval.uncertainty.halving import halving

SETS = ("real", "fake", "train", "heldout")
PAIR_SETS = ("pairs", "random_pairs", "class_pairs", "real_pairs", "path")
"""Derived from the sets above: (real[i], fake[i]); random pairs of `fake`, of `fake` within a class, and of `real`; and
the images at two near points on each of many paths through a generator's latent space. Rows are one number a pair."""
DEFAULT_TAP = "efficientnet_lite0.pool"
_DEFAULT_NETWORKS = {False: "efficientnet_lite0", True: "efficientnet_lite0_distance"}  # for images, for pairs

Better = Literal["lower", "higher", "neither"]
Family = Literal[
    "Frechet",
    "kernel",
    "classifier",
    "neighbours",
    "diversity",
    "perceptual",
    "memorisation",
    "transport",
    "divergence",
]
Corruption = Literal["noise", "blur", "occlusion", "swirl", "salt_and_pepper", "mixing"]
Interval: TypeAlias = Callable[[Estimate, dict[str, Summary], Callable[[Mapping[str, Summary]], Estimate]], Estimate]
"""(an estimate without an interval, its summaries, the metric of other summaries) => the estimate with one."""
_HALVING = halving()
F = TypeVar("F", bound=Callable[..., float | Estimate])


@dataclass(frozen=True)
class Laws:
    """What the contract tests may expect of a metric, where that is not the usual.

    Attributes:
        sees: what makes the score worse: a "shift" of the generated samples, "modes" left out of them, or both.
        copy: the value on an exact copy of the real set, where that is not the optimum.
        ordered: True where the order of the samples enters, as in splits.
        rows: makes rows of the one layout that the metric can read out of float32 (N, 12), where not any will do.
        blind: corruptions of images that do not make the score worse step by step, though it sees a "shift"; the
            docstring's `Blind to:` says why.
    """

    sees: frozenset[Literal["shift", "modes"]] = frozenset({"shift"})
    copy: float | None = None
    ordered: bool = False
    rows: Callable[[Tensor], Tensor] | None = None
    blind: frozenset[Corruption] = frozenset()


@dataclass(frozen=True)
class Metric:
    """What the library knows of a metric, all of it read from its function.

    Attributes:
        sets: image set -> kind of summary, from the positional parameters and their annotations.
        options: keyword-only parameters with their defaults. `rng` is not among them: the engine passes it, seeded.
        tap: where features are taken unless the user names others.
        rebase: False for a metric that is defined on one network only.
        layer: the layer read on whatever network is named, such as `logits`; empty for the layer the user names.
        family: what it is grouped with in lists.
        cost: what computing takes beyond the features, in N samples (M where the sets differ) of D features.
        interval: what gives an estimate an interval where its function does not.
    """

    name: str
    function: Callable[..., float | Estimate]
    sets: Mapping[str, type[Summary]]
    options: Mapping[str, Any]
    annotations: Mapping[str, Any]
    seeded: bool
    tap: str
    rebase: bool
    layer: str
    better: Better
    range: tuple[float, float]
    optimum: float | None
    paper: str
    summary: str
    laws: Laws
    family: Family
    cost: str
    interval: Interval

    @property
    def pairs(self) -> bool:
        """Whether it reads distances of pairs of images rather than features of images."""
        return set(self.sets) <= set(PAIR_SETS)


def metric(
    *,
    better: Better,
    range: tuple[float, float],
    optimum: float | None,
    paper: str,
    family: Family,
    cost: str,
    tap: str | None = None,
    layer: str = "",
    laws: Laws = Laws(),
    interval: Interval = _HALVING,
) -> Callable[[F], F]:
    """Declare a pure function of summaries as a metric; the function itself stays as it is.

    Positional parameters are image sets, all of `SETS` or all of `PAIR_SETS`, annotated with the summary they need.
    Keyword-only parameters are options, except `rng: numpy.random.Generator`. Naming a `tap` ties the metric to that
    network, naming a `layer` to that layer of any network. Where a good value lies inside the range (an accuracy of
    0.5), `better` says on which side of it bad generators fall.

    The docstring has a first line for lists, what is computed, and three paragraphs that the reference prints:
    `Formula:`, `Trust:` (where the number can be believed) and `Blind to:`; then `Toy:` with the name of one of
    `ganeval.testing.toys` that shows the blindness.
    """

    def declare(function: F) -> F:
        hints = get_type_hints(function)
        parameters = inspect.signature(function).parameters.values()
        keywords = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "rng"}
        sets = {p.name: hints[p.name] for p in parameters if p.kind is not p.KEYWORD_ONLY}
        pairs = set(sets) <= set(PAIR_SETS)
        assert pairs or set(sets) <= set(SETS), f"{function.__name__}: sets are {SETS} or {PAIR_SETS}, got {[*sets]}"
        function.__metric__ = Metric(  # type: ignore[attr-defined]
            name=function.__name__,
            function=function,
            sets=sets,
            options=keywords,
            annotations=hints,
            seeded="rng" in hints,
            tap=tap or (f"{_DEFAULT_NETWORKS[pairs]}.{layer}" if layer else DEFAULT_TAP),
            rebase=tap is None,
            layer=layer,
            better=better,
            range=range,
            optimum=optimum,
            paper=paper,
            summary=(inspect.getdoc(function) or "").split("\n")[0],
            laws=laws,
            family=family,
            cost=cost,
            interval=interval,
        )
        return function

    return declare


def registered() -> dict[str, Metric]:
    """All metrics by name: every function declared in a file of this package, found by looking, not by an index."""
    from ganeval import metrics

    files = tuple(sorted(info.name for info in pkgutil.iter_modules(metrics.__path__)))
    return dict(_registered(files))


@cache
def _registered(files: tuple[str, ...]) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for file in files:
        for value in vars(importlib.import_module(f"ganeval.metrics.{file}")).values():
            declared = getattr(value, "__metric__", None)
            if declared is not None and value.__module__ == f"ganeval.metrics.{file}":
                assert declared.name not in found, f"two metrics are called {declared.name}"
                found[declared.name] = declared
    return found


def get(name: str) -> Metric:
    """The metric of that name, or GanevalError with the nearest match."""
    known = registered()
    if name not in known:
        raise unknown("metric", name, known)
    return known[name]


def checked(declared: Metric, value: float | Estimate) -> Estimate:
    """The metric's result as an Estimate, refused if it is not a finite number."""
    estimate = value if isinstance(value, Estimate) else Estimate(float(value))
    if not math.isfinite(estimate.value):
        raise GanevalError(
            f"{declared.name} came out as {estimate.value}: the features are degenerate (constant or not finite). "
            "Look at the images, or choose other --features"
        )
    return estimate


def estimated(
    declared: Metric,
    inputs: Mapping[str, Summary],
    options: Mapping[str, Any],
    *,
    draws: Callable[[], np.random.Generator | np.random.RandomState],
    level: float = 0.95,
) -> Estimate:
    """The metric of these summaries with its interval at `level`, within its range; with none where `level` is 0.

    Args:
        draws: a new stream of random numbers, the same every time.
    """

    def compute(summaries: Mapping[str, Summary]) -> Estimate:
        given = {**options, "rng": draws()} if declared.seeded else options
        return checked(declared, declared.function(**summaries, **given))

    if not level:
        return replace(compute(inputs), low=None, high=None, level=None)
    with at_level(level):
        found = compute(inputs)
        if found.low is None:
            found = declared.interval(found, dict(inputs), compute)
    return found if found.low is None else replace(within(found, *declared.range), level=level)
