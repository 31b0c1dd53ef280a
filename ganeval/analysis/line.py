"""A Gaussian and what a function makes of a uniform z, on a line: densities, D and divergences, by integrals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, ndtr

from ganeval.analysis.value import Array
from ganeval.testing.integrals import integrands

BINS = 6000
_REACH = 8.0  # standard deviations
_NARROW = 1e-6  # of the whole range: what a bit of z is spread over at least, so that no density is infinite
_NOTHING = -700.0


@dataclass(frozen=True)
class Normal:
    """N(mean, deviation^2)."""

    mean: float
    deviation: float

    def below(self, x: Array) -> Array:
        """The distribution function."""
        found: Array = ndtr((x - self.mean) / self.deviation)
        return found

    def log_density(self, x: Array) -> Array:
        """At x."""
        found: Array = -(((x - self.mean) / self.deviation) ** 2) / 2 - math.log(
            self.deviation * math.sqrt(2 * math.pi)
        )
        return found


@dataclass(frozen=True)
class Densities:
    """On bins of equal width: p of the data, p_g of the generator, and the logits of D.

    Attributes:
        edges: (B + 1,); middles: (B,).
        log_data: log p at the middles.
        generated: mean of p_g over each bin.
        below: distribution functions of data and generator at the edges, (2, B + 1).
        logits: of D at the middles.
    """

    edges: Array
    middles: Array
    log_data: Array
    generated: Array
    below: Array
    logits: Array

    @property
    def width(self) -> float:
        """Of a bin."""
        return float(self.edges[1] - self.edges[0])

    @property
    def log_generated(self) -> Array:
        """log p_g, -700 where nothing is generated."""
        found: Array = np.log(np.maximum(self.generated, math.exp(_NOTHING)))
        return found

    def divergences(self) -> dict[str, float]:
        """`kl_reverse`, which is KL(p_g || p), `js` and `tv`. KL(p || p_g) is infinite, and left out."""
        parts = integrands(self.log_data, self.log_generated)
        return {name: self.width * float(parts[name].sum()) for name in ("kl_reverse", "js", "tv")}

    def w1(self) -> float:
        """The integral of the difference of the distribution functions."""
        apart = np.abs(self.below[0] - self.below[1])
        return self.width * float((apart[1:] + apart[:-1]).sum()) / 2

    def judge(self) -> Array:
        """D(x)."""
        found: Array = expit(self.logits)
        return found

    def best(self) -> Array:
        """D*(x) = p / (p + p_g)."""
        found: Array = expit(self.log_data - self.log_generated)
        return found

    def accuracy(self) -> float:
        """Of D, as many real as generated samples."""
        real = np.sign(self.logits) / 2 + 0.5
        return self._mean(real, 1 - real) / 2

    def told(self) -> float:
        """log 2 + V(G, D) / 2: JS if D is D*, less for any other."""
        return math.log(2) + self._mean(log_expit(self.logits), log_expit(-self.logits)) / 2

    def _mean(self, over_data: Array, over_generated: Array) -> float:
        """Sum of two expectations."""
        return self.width * float(np.exp(self.log_data) @ over_data + self.generated @ over_generated)


def between(data: Normal, made: Array, judge: Callable[[Array], Array]) -> Densities:
    """Both densities on a grid that leaves nothing out.

    Args:
        made: G at evenly spaced z, (K,); straight lines between them.
        judge: x (B,) => logits of D.
    """
    low = min(data.mean - _REACH * data.deviation, float(made.min()))
    high = max(data.mean + _REACH * data.deviation, float(made.max()))
    margin = 0.01 * (high - low)
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.stack([data.below(edges), pushed_below(made, edges)])
    generated = np.diff(below[1]) / (edges[1] - edges[0])
    return Densities(edges, middles, data.log_density(middles), generated.clip(0), below, judge(middles))


def pushed_below(made: Array, at: Array) -> Array:
    """Distribution function at `at` (B,) of G(z), z uniform, G piecewise linear through `made` (K,) at even z.

    Each piece spreads its share 1 / (K - 1) evenly between its ends.

    >>> pushed_below(np.array([0.0, 2.0, 0.0]), np.array([-1.0, 1.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    ends = np.sort(np.stack([made[:-1], made[1:]]), 0)
    least = _NARROW * max(float(at[-1] - at[0]), 1e-12)
    middle, reach = ends.mean(0), np.maximum(ends[1] - ends[0], least) / 2
    slope = 1 / (2 * reach * (len(made) - 1))
    places = np.concatenate([middle - reach, middle + reach])
    order = np.argsort(places, kind="stable")
    slopes = np.cumsum(np.concatenate([slope, -slope])[order])
    heights = np.concatenate([[0.0], np.cumsum(slopes[:-1] * np.diff(places[order]))])
    found: Array = np.interp(at, places[order], heights / heights[-1], left=0.0, right=1.0)
    return found
