"""Whether reference statistics can answer what is asked of them, found out before any image is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ganeval.engine import GIVEN, Request
from ganeval.errors import GanevalError
from ganeval.extractors import Tap
from ganeval.extractors.extractor import Extractor
from ganeval.images import FeatureSource, Opened, StatisticsSource
from ganeval.images.statistics import Statistics
from ganeval.summaries import Moments


def require_fit(sources: Mapping[str, Opened], requests: Sequence[Request], networks: Mapping[str, Extractor]) -> None:
    """Raise GanevalError where statistics cannot stand for the samples that a request is about.

    The metric compares single samples; or the statistics are of another width, of other features, or of another
    network, weights, resizer or precision than this run's. Statistics of unknown origin are taken at their word.
    """
    given = {role: source for role, source in sources.items() if isinstance(source, StatisticsSource)}
    for role, source in given.items():
        _require_moments(role, source, requests)
        for tap in dict.fromkeys(request.tap for request in requests if role in request.metric.sets):
            _require_tap(source, tap, sources, networks)
    for first, second in pairwise(given.values()):
        if second.origin and second.origin.extractor:
            require_network(first, second.origin.extractor, second.name)


def _require_moments(role: str, source: StatisticsSource, requests: Sequence[Request]) -> None:
    kinds = {each.metric.name: each.metric.sets[role] for each in requests if role in each.metric.sets}
    refused = [name for name, kind in kinds.items() if kind is not Moments]
    if refused:
        able = [name for name, kind in kinds.items() if kind is Moments]
        what = "the reference" if role == "real" else f"the image set '{role}'"
        verb = "compares" if len(refused) == 1 else "compare"
        raise GanevalError(
            f"{', '.join(refused)} {verb} single samples; {what} {source.name} holds only mean and covariance: "
            f"give images, or ask for --metrics {','.join(able) or 'fd'}"
        )


def _require_tap(
    source: StatisticsSource, tap: Tap, sources: Mapping[str, Opened], networks: Mapping[str, Extractor]
) -> None:
    statistics = source.at(str(tap))
    for width in _widths(sources, tap, networks):
        _require_width(source, statistics, tap, width)
    if tap.extractor in networks:
        require_network(source, networks[tap.extractor].fingerprint, "this run")


def _widths(sources: Mapping[str, Opened], tap: Tap, networks: Mapping[str, Extractor]) -> list[int]:
    """Columns of the features at this tap: the network's, where known before the first image, or those of the rows."""
    if tap == GIVEN:
        rows = [source.rows().shape[1] for source in sources.values() if isinstance(source, FeatureSource)]
        return rows + [source.main.width for source in sources.values() if isinstance(source, StatisticsSource)]
    width = networks[tap.extractor].widths.get(tap.layer, 0)
    return [width] if width else []


def _require_width(source: StatisticsSource, statistics: Statistics, tap: Tap, width: int) -> None:
    if statistics.width != width:
        what = "the features given" if tap == GIVEN else str(tap)
        hint = " (2048 are those of inception)" if statistics.width == 2048 else ""
        raise GanevalError(
            f"{source.name} holds statistics of {statistics.width} features{hint}, and {what} has {width}: name the "
            "--features that they were made with"
        )


def require_network(source: StatisticsSource, fingerprint: str, other: str) -> None:
    """Files of other tools do not say what they were made with, and are taken at their word."""
    if source.origin is None or source.origin.extractor in ("", fingerprint):
        return
    ours, theirs = source.origin.extractor.split(":"), fingerprint.split(":")
    pairs = zip(ours, theirs) if len(ours) == len(theirs) else [(source.origin.extractor, fingerprint)]
    differing = "; ".join(f"{a} there, {b} in {other}" for a, b in pairs if a != b)
    raise GanevalError(
        f"{source.name} was made in another way, so its features cannot be compared: {differing}. "
        "Use the --weights, --precision and --protocol that it was made with, or make it again by `ganeval refs build`"
    )
