"""Suites of metrics by name. `full` is every metric but the divergences that can run; it says why others cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ganeval.engine import GIVEN, Request, plan
from ganeval.errors import GanevalError, WeightsError, unknown
from ganeval.extractors import Extractor
from ganeval.extractors.weights import local_only
from ganeval.images import Opened
from ganeval.labels import require_labels
from ganeval.metrics.metric import Metric, registered
from ganeval.statistics_fit import require_fit

FULL = "full"
SUITES: Mapping[str, tuple[str, ...]] = {
    "quick": ("fd", "kid"),
    "standard": ("fd", "kid", "precision", "recall", "density", "coverage"),
    "divergences": ("js_classifier", "js_nearest", "kl_classifier", "kl_nearest", "sinkhorn", "support_overlap"),
    FULL: (),  # all that are registered but the divergences, which have classifiers and critics to train
}


def members(suite: str) -> tuple[str, ...]:
    """The names of a suite's metrics.

    Raises:
        GanevalError: no such suite.
    """
    if suite not in SUITES:
        raise unknown("suite", suite, SUITES)
    return SUITES[suite] or tuple(sorted(name for name, one in registered().items() if one.family != "divergence"))


def possible(
    ask: Callable[[Sequence[Metric]], Sequence[Request]],
    metrics: Iterable[Metric],
    derive: Callable[[Sequence[Request]], Mapping[str, Opened]],
    load: Callable[[str], Extractor],
) -> tuple[list[Request], dict[str, str]]:
    """The requests that image sets, labels and weights suffice for, and why the others cannot be answered, by name.

    Args:
        ask: metrics => their requests.
        derive: requests => the image sets that are there for them.
        load: name of an extractor => the extractor. It is kept from downloading: a suite asks for no network by name.
    """
    skipped: dict[str, str] = {}
    asked: dict[str, Request] = {}
    for metric in metrics:
        with _noting(skipped, metric.name):
            asked |= {request.name: request for request in ask([metric])}
    kept: list[Request] = []
    for request in asked.values():
        with _noting(skipped, request.name), local_only():
            _require_no_choice(request.metric)
            sources = derive([request])
            plan([request], sources)
            require_labels(request.metric, sources)
            own = {name: load(name) for name in {request.tap.extractor} - {GIVEN.extractor}}
            require_fit(sources, [request], own)
            kept.append(request)
    return kept, skipped


def _require_no_choice(metric: Metric) -> None:
    if "pairs" in metric.sets:
        raise GanevalError(
            "compares image i of one set with image i of the other: where they belong together, ask for it by --metrics"
        )


@contextmanager
def _noting(skipped: dict[str, str], name: str) -> Iterator[None]:
    try:
        yield
    except WeightsError:
        network = name.partition(" (")[2].rpartition(".")[0]
        skipped[name] = f"the weights of {network} are not here: name them with --weights, or ask for it by --metrics"
    except GanevalError as error:
        skipped[name] = str(error)


def shorter(names: Iterable[str]) -> dict[str, str]:
    """Names of requests => `fd` where the metric is asked for on one network only, else `fd (inception.pool)`.

    >>> shorter(["fd (pixels.flat)", "fd (inception.pool)", "kid (pixels.flat)"])["kid (pixels.flat)"]
    'kid'
    """
    metrics = [(name, name.partition(" (")[0]) for name in dict.fromkeys(names)]
    once = [metric for _, metric in metrics]
    return {name: metric if once.count(metric) == 1 else name for name, metric in metrics}


def told(skipped: Mapping[str, str]) -> dict[str, str]:
    """Reasons by request => by metric, where a metric was left out for one reason wherever it would have read.

    >>> told({"ct (a.b)": "ct needs rows", "ct (c.d)": "ct needs rows", "kid (a.b)": "one", "kid (c.d)": "two"})
    {'ct': 'needs rows', 'kid (a.b)': 'one', 'kid (c.d)': 'two'}
    """
    found: dict[str, str] = {}
    for name, reason in skipped.items():
        metric = name.partition(" (")[0]
        reasons = {why for other, why in skipped.items() if other.partition(" (")[0] == metric}
        found[metric if len(reasons) == 1 else name] = reason.removeprefix(f"{metric} ")
    return found
