"""What was found of each metric, and the arithmetic behind it: numbers only, no image and no metric is known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from ganeval.selfcheck.scenes import Small
from ganeval.significance import POWER, samples_needed

SEEN = 3.0
"""A step is seen where it makes the score worse by so many standard deviations of the floor."""
ALLOWANCE = 0.1
"""By this share of a ladder's span a step may go the wrong way; beyond it the ladder is uneven."""
FALSE_ALARMS = 0.05
"""One-sided level of the test whose power is asked for."""
MOST = 9999.0
"""The largest effect: beyond it, and where the floor does not vary at all, more says no more."""

Sight = Literal["seen", "uneven", "blind", "rewarded"]


@dataclass(frozen=True)
class Floor:
    """A metric of disjoint sets of real images, over several splits.

    Attributes:
        count: images per set.
        spread: standard deviation over splits.
    """

    count: int
    mean: float
    spread: float

    @classmethod
    def of(cls, count: int, values: Sequence[float]) -> Floor:
        """From the values of two or more splits.

        >>> Floor.of(100, [1.0, 3.0])
        Floor(count=100, mean=2.0, spread=1.4142135623730951)
        """
        return cls(count, float(np.mean(values)), float(np.std(values, ddof=1)))


@dataclass(frozen=True)
class Response:
    """How a metric moved along one ladder.

    Attributes:
        strengths: of the steps, the clean one first.
        values: means over the draws of every step.
        effects: by how many standard deviations of the floor each step is worse than the clean one.
    """

    ladder: str
    strengths: tuple[float, ...]
    values: tuple[float, ...]
    effects: tuple[float, ...]

    @property
    def sight(self) -> Sight:
        """`seen`: worse at the top, and in order; `uneven`: worse somewhere; `rewarded`: better at the top.

        >>> Response("noise", (0, 0.1, 0.5), (1, 1.1, 9), (0, 0.5, 20)).sight
        'seen'
        """
        if self.effects[-1] <= -SEEN:
            return "rewarded"
        if max(self.effects) < SEEN:
            return "blind"
        back = -float(np.diff(self.effects).min()) / float(np.ptp(self.effects))
        return "seen" if back <= ALLOWANCE and self.effects[-1] >= SEEN else "uneven"

    @property
    def first(self) -> float | None:
        """The lowest strength that is seen."""
        return next((s for s, effect in zip(self.strengths, self.effects, strict=True) if effect >= SEEN), None)


@dataclass(frozen=True)
class Detection:
    """How well 5 % of bad images are told from none, by the number of images.

    Attributes:
        kind: what the 5 % are: spoilt, lost, or copied.
        counts: images per set that were tried, rising.
        powers: with how much power each told them.
        needed: images with which the power is 80 % or more; None: none that can be foreseen.
        extrapolated: `needed` is more than was tried: the effect of the most images, and a spread that falls as
            1/sqrt(n), were assumed.
    """

    kind: Small
    counts: tuple[int, ...]
    powers: tuple[float, ...]
    needed: int | None
    extrapolated: bool


def worse_by(value: float, clean: float, better: str) -> float:
    """How much worse `value` is than `clean`; without a better side, how far it is."""
    if better == "neither":
        return abs(value - clean)
    return clean - value if better == "higher" else value - clean


def response(
    ladder: str, strengths: Sequence[float], draws: Sequence[Sequence[float]], better: str, spread: float
) -> Response:
    """From the values of every draw of every step, the clean step first, and the spread of the floor."""
    means = [float(np.mean(values)) for values in draws]
    effects = tuple(_in_spreads(worse_by(mean, means[0], better), spread) for mean in means)
    return Response(ladder, tuple(strengths), tuple(means), effects)


def _in_spreads(worse: float, spread: float) -> float:
    if abs(worse) < 1e-12:
        return 0.0
    return float(np.clip(worse / spread if spread else np.sign(worse) * MOST, -MOST, MOST))


def detection(kind: Small, tried: Mapping[int, tuple[Sequence[float], Sequence[float]]], better: str) -> Detection:
    """Power of a one-sided 5 % test at each count, from (values of clean splits, of the same with 5 % bad images).

    The threshold is the mean of the clean values and 1.64 of their standard deviations; both sides are taken as normal.
    """
    counts = tuple(sorted(tried))
    powers = tuple(round(_power(*tried[count], better), 4) for count in counts)
    enough = [count for place, count in enumerate(counts) if min(powers[place:]) >= POWER]
    if enough:
        return Detection(kind, counts, powers, enough[0], extrapolated=False)
    return Detection(kind, counts, powers, _foreseen(counts[-1], *tried[counts[-1]], better), extrapolated=True)


def _quantile(better: str) -> float:
    return float(ndtri(1 - FALSE_ALARMS / (2 if better == "neither" else 1)))


def _power(clean: Sequence[float], bad: Sequence[float], better: str) -> float:
    effect = worse_by(float(np.mean(bad)), float(np.mean(clean)), better)
    threshold, spread = _quantile(better) * float(np.std(clean, ddof=1)), float(np.std(bad, ddof=1))
    return float(ndtr((effect - threshold) / spread)) if spread else float(effect > max(threshold, 1e-12))


def _foreseen(count: int, clean: Sequence[float], bad: Sequence[float], better: str) -> int | None:
    """None where the effect may as well be none: it is below two of its own standard errors."""
    effect = worse_by(float(np.mean(bad)), float(np.mean(clean)), better)
    differences = np.asarray(bad) - np.asarray(clean)
    error = float(differences.std(ddof=1)) / np.sqrt(len(differences))
    if effect <= 2 * error:
        return None
    spread = max(float(np.std(clean, ddof=1)), float(np.std(bad, ddof=1)))
    needed = samples_needed(count, effect, spread, _quantile(better))
    return None if needed is None else max(needed, count + 1)


def agreement(effects: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float | None]]:
    """Spearman's rank correlation of every two metrics over the same steps; None where one of them never moves.

    >>> agreement({"a": [0.0, 1.0, 2.0], "b": [0.0, 5.0, 9.0]})["a"]["b"]
    1.0
    """
    from scipy.stats import rankdata  # takes long to import

    ranks = {name: rankdata(values) for name, values in effects.items()}
    return {a: {b: _correlation(ranks[a], ranks[b]) for b in ranks} for a in ranks}


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    x, y = a - a.mean(), b - b.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return round(float(x @ y) / size, 4) if size else None
