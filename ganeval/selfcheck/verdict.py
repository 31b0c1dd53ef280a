"""The traffic light of a metric, with its reasons in words. docs/selfcheck.md states the same rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ganeval.metrics.metric import Metric
from ganeval.reporting.numbers import format_value
from ganeval.selfcheck.findings import Detection, Floor, Response
from ganeval.selfcheck.scenes import IMAGE_LADDERS, Small

Light = Literal["green", "yellow", "red"]
_BAD = {
    "spoilt": "5 % spoilt images among good ones",
    "lost": "the loss of the rarest 5 % of images",
    "copied": "5 % copies of training images",
}


@dataclass(frozen=True)
class Verdict:
    """Whether to trust the metric here, and why."""

    light: Light
    reasons: tuple[str, ...]


def claims(metric: Metric) -> frozenset[str]:
    """The ladders that a metric is held to, by what it declares: its `Laws`, its image sets, its better side.

    Of images, where it sees a shift and has a better side; dropped and thinned modes, where it sees modes; invented
    modes, where it sees a shift between two sets, mixed ones included; copies, where it reads the training set.
    """
    laws, held = metric.laws, set[str]()
    sided = metric.better != "neither"
    if sided and "shift" in laws.sees:
        held |= set(IMAGE_LADDERS)
        held |= {"modes invented"} if "real" in metric.sets and "mixing" not in laws.blind else set()
    if sided and "modes" in laws.sees:
        held |= {"modes dropped", "modes thinned"}
    return frozenset(held | ({"copies"} if "train" in metric.sets else set()))


def small_kind(metric: Metric) -> Small:
    """Which 5 % the metric is to detect."""
    held = claims(metric)
    if not held & set(IMAGE_LADDERS):
        return "copied" if "copies" in held else "lost"
    return "lost" if "mixing" in metric.laws.blind else "spoilt"


def judge(
    metric: Metric, floors: Mapping[int, Floor], responses: Sequence[Response], found: Detection, count: int
) -> Verdict:
    """Red: blind to half or more of what it claims to see. Green: sees all of it, in order, and 5 % at `count`."""
    held = [response for response in responses if response.ladder in claims(metric)]
    missed = [response for response in held if response.sight in ("blind", "rewarded")]
    uneven = [response for response in held if response.sight == "uneven"]
    reasons = [*_sights(metric, held), *_detected(found, count), *_floor(metric, floors[count])]
    if not held:
        return Verdict("yellow", ("claims to see nothing that these ladders hold", *reasons))
    if 2 * len(missed) >= len(held):
        return Verdict("red", tuple(reasons))
    late = found.needed is None or found.needed > count
    return Verdict("yellow" if missed or uneven or late else "green", tuple(reasons))


def unusable(reason: str) -> Verdict:
    """Red: there is no value."""
    return Verdict("red", (f"no value: {reason}",))


def _sights(metric: Metric, held: Sequence[Response]) -> list[str]:
    words = {"blind": "blind to", "rewarded": "scores better with", "uneven": "not in order along", "seen": "sees"}
    lines = []
    for sight, verb in words.items():
        names = [_named(metric, one) for one in held if one.sight == sight]
        lines += [f"{verb} {', '.join(names)}"] if names else []
    return lines


def _named(metric: Metric, one: Response) -> str:
    documented = one.sight != "seen" and one.ladder in metric.laws.blind
    words = one.ladder.replace("_", " ")
    return f"{words} (as documented)" if documented else words


def _detected(found: Detection, count: int) -> list[str]:
    bad = _BAD[found.kind]
    if found.needed is None:
        return [f"does not notice {bad}"]
    if found.extrapolated:
        return [f"would need about {found.needed:,} images to detect {bad}"]
    return [f"detects {bad} with {found.needed:,} images" + (f", more than {count:,}" if found.needed > count else "")]


def _floor(metric: Metric, floor: Floor) -> list[str]:
    ideal = "" if metric.optimum is None else f"; the optimum is {metric.optimum:g}"
    return [f"real against real: {format_value(floor.mean)} ± {format_value(floor.spread)}{ideal}"]
