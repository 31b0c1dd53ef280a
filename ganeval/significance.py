"""Which differences are real: tests of two scores, Holm's correction, letters, and how many samples would settle it.

Pure functions of numbers: nothing here knows a metric, an image or a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit  # scipy.stats takes seconds to import

from ganeval.errors import GanevalError

if TYPE_CHECKING:
    from ganeval.scorecard import Score

POWER = 0.8
"""The chance of settling a difference with the sample size that is called needed, if the values stay where they are."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Interval:
    """A value with the reach of its interval to either side, at `level`; both reaches are 0 or more.

    `centre` is what the interval is around: the value, or the middle where the value lies outside (an interval of the
    population value around a biased one).
    """

    centre: float
    below: float
    above: float
    level: float = 0.95

    @classmethod
    def of(cls, value: float, low: float, high: float, level: float = 0.95) -> Interval:
        """From a value and its two ends.

        >>> Interval.of(3.0, 0.0, 2.0).centre
        1.0
        """
        centre = value if low <= value <= high else (low + high) / 2
        return cls(centre, centre - low, high - centre, level)

    def at(self, level: float) -> Interval:
        """The same at another level: either reach grows as the normal quantile does.

        >>> round(Interval(0.0, 1.96, 1.96).at(0.90).above, 2)
        1.64
        """
        ratio = float(ndtri((1 + level) / 2) / ndtri((1 + self.level) / 2))
        return Interval(self.centre, self.below * ratio, self.above * ratio, level)

    def errors(self) -> tuple[float, float]:
        """The standard errors that the two reaches stand for, downwards and upwards."""
        quantile = float(ndtri((1 + self.level) / 2))
        return self.below / quantile, self.above / quantile


@dataclass(frozen=True)
class Difference:
    """The first of two scores minus the second.

    Attributes:
        value, low, high: the difference and its interval.
        error: standard error of the difference.
        p: two-sided p-value of no difference. `adjusted` is Holm's over the family it was tested in (else None).
        effect: the difference in standard deviations of one sample, with its interval; None without a sample count.
        needed: samples per set with which a difference of this size is found with 80 % power; None: not known.
        method: how it was tested.
    """

    value: float
    low: float
    high: float
    error: float
    p: float
    method: str
    effect: tuple[float, float, float] | None = None
    needed: int | None = None
    adjusted: float | None = None


def stated_level(method: str) -> float:
    """The level that an estimate's method opens with, 0.95 where it says none.

    >>> stated_level("90% interval of the population value"), stated_level("point estimate")
    (0.9, 0.95)
    """
    found = re.match(r"(\d+(?:\.\d+)?) ?%", method)
    level = float(found[1]) / 100 if found else 0.95
    return level if 0 < level < 1 else 0.95


def interval_of(score: Score) -> Interval | None:
    """The interval of a score around its bias-corrected value where it has one; None where no interval is known.

    Its level is the score's own, or on cards of older versions what the method says.
    """
    if score.low is None or score.high is None or not math.isfinite(score.value):
        return None
    value = float(score.details.get("bias_corrected", score.value))
    level = stated_level(score.method) if score.level is None else score.level
    return Interval.of(value, score.low, score.high, level)


def samples_needed(count: int, distance: float, error: float, quantile: float, *, power: float = POWER) -> int | None:
    """Samples with which a test with this critical quantile finds `distance` with `power`; the error goes as 1/sqrt(n).

    None where no affordable number does: the distance is 0, or more than a million times as many are needed.

    >>> samples_needed(1000, distance=2.0, error=1.0, quantile=1.96)  # (1.96 + 0.84)^2 / 4
    1963
    """
    if not distance or not math.isfinite(distance):
        return None
    factor = ((quantile + float(ndtri(power))) * error / distance) ** 2
    return math.ceil(count * factor) if factor < 1e6 else None


# --- two samples ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pieces:
    """A score as independent means: it varies as the sum of the means of `parts` does.

    A part holds one number per unit that is drawn: the influence of every generated image, of every real image, or the
    pseudo-value of every group of them (Tukey). Two scores whose parts of one name are equally long share those units.
    """

    value: float
    parts: Mapping[str, npt.NDArray[np.float64]]


def paired(a: Pieces, b: Pieces, *, level: float = 0.95, count: int | None = None) -> Difference:
    """a - b where image i of one belongs with image i of the other, and both looked at the same reference.

    What both share cancels: each part is differenced unit by unit, and the differences get a t-test whose degrees of
    freedom are Satterthwaite's (1946). Units that in truth have nothing in common lose nothing: the differences then
    vary as two independent sets do. Parts of different lengths are treated as independent.

    Args:
        count: samples per set, for the effect and the sample size needed.
    """
    terms = [term for name in a.parts for term in _terms(a.parts[name], b.parts[name])]
    return _t_test(a.value - b.value, terms, "paired t-test", level, count)


def _terms(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> list[tuple[float, int]]:
    """(variance of a mean, degrees of freedom) of the difference of two parts."""
    samples = [a - b] if len(a) == len(b) else [a, b]
    return [(float(x.var(ddof=1)) / len(x), len(x) - 1) for x in samples]


def between_seeds(a: Sequence[float], b: Sequence[float], *, level: float = 0.95) -> Difference:
    """Mean of a minus mean of b, one value per training run, by Welch's test (1947): the noise of training is in it.

    Raises:
        GanevalError: fewer than two runs on either side.

    >>> round(between_seeds([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).p, 4)
    0.0213
    """
    for values in (a, b):
        _require_runs(values)
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    terms = [(float(z.var(ddof=1)) / len(z), len(z) - 1) for z in (x, y)]
    method = f"Welch's t-test between {len(x)} and {len(y)} training runs"
    return _t_test(float(x.mean() - y.mean()), terms, method, level, None)


def _t_test(
    value: float, terms: Sequence[tuple[float, int]], method: str, level: float, count: int | None
) -> Difference:
    error = math.sqrt(sum(variance for variance, _ in terms))
    if error == 0:
        return Difference(value, value, value, 0.0, float(value == 0), method)
    freedom = error**4 / sum(variance**2 / degrees for variance, degrees in terms)
    quantile = float(stdtrit(freedom, (1 + level) / 2))
    found = Difference(
        value,
        value - quantile * error,
        value + quantile * error,
        error,
        float(2 * stdtr(freedom, -abs(value) / error)),
        method,
    )
    return _with_effect(found, level, count)


def unpaired(a: Interval, b: Interval, *, level: float = 0.95, count: int | None = None) -> Difference:
    """a - b from their intervals alone, as if the two had nothing in common, by recovered variances.

    The ends are those of Zou and Donner (2008): each side takes the reaches that matter to it, so that skewed intervals
    stay skewed. Scores against one reference share its noise, so this errs on the side of no difference.

    >>> round(unpaired(Interval(3.0, 1.96, 1.96), Interval(0.0, 1.96, 1.96)).p, 3)  # 3 / sqrt(2)
    0.034
    """
    (a_down, a_up), (b_down, b_up) = a.errors(), b.errors()
    down, up = math.hypot(a_down, b_up), math.hypot(a_up, b_down)
    value, quantile = a.centre - b.centre, float(ndtri((1 + level) / 2))
    error = down if value > 0 else up  # on the side of no difference
    p = 2 * float(ndtr(-abs(value) / error)) if error else float(value == 0)
    method = "unpaired test from the intervals, as if nothing were shared"
    found = Difference(value, value - quantile * down, value + quantile * up, error, min(1.0, p), method)
    return _with_effect(found, level, count)


def _with_effect(found: Difference, level: float, count: int | None) -> Difference:
    if count is None or not found.error:
        return found
    deviation = found.error * math.sqrt(count)
    effect = (found.value / deviation, found.low / deviation, found.high / deviation)
    needed = samples_needed(count, found.value, found.error, float(ndtri((1 + level) / 2)))
    return Difference(
        found.value, found.low, found.high, found.error, found.p, found.method, effect=effect, needed=needed
    )


def _require_runs(values: Sequence[float]) -> None:
    if len(values) < 2:
        raise GanevalError(f"got {len(values)} training run, expected two or more: one says nothing about the next")


# --- many differences at once -----------------------------------------------------------------------------------------


def holm(p: Sequence[float]) -> list[float]:
    """P-values adjusted over their family (Holm 1979): those up to 0.05 hold no false alarm in 95 of 100 families.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, running = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        running = max(running, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = running
    return adjusted


def letters(count: int, different: Iterable[Pair]) -> list[str]:
    """A compact letter display of `count` items, best first: two items share a letter unless they are `different`.

    By insertion and absorption (Piepho 2004). Where nothing is told apart, all have the letter a.

    >>> letters(3, [(0, 2)])  # the middle one is told from neither
    ['a', 'ab', 'b']
    """
    groups = {frozenset(range(count))}
    for i, j in different:
        split = {part for g in groups for part in ([g - {i}, g - {j}] if {i, j} <= g else [g])}
        groups = {g for g in split if not any(g < other for other in split)}
    ordered = sorted(groups, key=sorted)
    return ["".join(_letter(n) for n, group in enumerate(ordered) if item in group) for item in range(count)]


def _letter(number: int) -> str:
    """a to z, then a2, b2, ..."""
    turn, place = divmod(number, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(turn + 1) if turn else "")
