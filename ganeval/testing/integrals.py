"""Divergences of densities that can be evaluated: by quadrature in one and two dimensions, by Monte Carlo in more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Function = Callable[[Array], Array]
"""Points (N, D) => log densities (N,); on a line, points (N,) => values (N,)."""

DENSITY_NAMES = ("kl", "kl_reverse", "js", "tv", "chi2")
_PANELS, _NODES, _COARSE = 2000, 12, 6
_SMALLEST = -700.0  # a log density below this is 0 in float64, and stands in for -inf where both are 0


@dataclass(frozen=True)
class Known:
    """A true value, inf where the divergence is, and the absolute error that it is known to: 0 for a closed form."""

    value: float
    error: float = 0.0


def integrands(log_p: Array, log_q: Array) -> dict[str, Array]:
    """What to integrate for each of `DENSITY_NAMES`, from log densities at the same points."""
    p, q, gap = np.exp(log_p), np.exp(log_q), log_p - log_q
    middle = np.logaddexp(log_p, log_q) - math.log(2)
    return {
        "kl": p * gap,
        "kl_reverse": -q * gap,
        "js": (p * (log_p - middle) + q * (log_q - middle)) / 2,
        "tv": np.abs(p - q) / 2,
        "chi2": np.exp(2 * log_p - log_q) - p,
    }


def on_a_line(log_p: Function, log_q: Function, low: float, high: float) -> dict[str, Known]:
    """All of `DENSITY_NAMES` between `low` and `high`, by Gauss and Legendre between the points where p crosses q.

    The error is the difference from half as many nodes.

    >>> uniform = lambda x: np.zeros_like(x)
    >>> wide = lambda x: np.full_like(x, -math.log(2))
    >>> round(on_a_line(uniform, wide, 0.0, 1.0)["kl"].value, 12) == round(math.log(2), 12)
    True
    """
    cuts = _cuts(lambda x: log_p(x) - log_q(x), low, high)
    fine, coarse = (_panels(cuts, nodes) for nodes in (_NODES, _COARSE))
    values = [
        {name: float(weights @ f) for name, f in integrands(log_p(x), log_q(x)).items()}
        for x, weights in (fine, coarse)
    ]
    return {name: Known(value, abs(value - values[1][name])) for name, value in values[0].items()}


def on_a_plane(log_p: Function, log_q: Function, low: Array, high: Array, steps: int = 1600) -> dict[str, Known]:
    """All of `DENSITY_NAMES` over the box `low` to `high`, (2,) each, by the trapezoid rule.

    It converges faster than any power of the step for smooth densities that vanish at the border; total variation has
    kinks, where the error falls as the step's square. The error is the difference from half as many steps.
    """
    whole, half = (_on_grid(log_p, log_q, low, high, count) for count in (steps, steps // 2))
    return {name: Known(value, abs(value - half[name])) for name, value in whole.items()}


def monte_carlo(log_p: Function, log_q: Function, x: Array, y: Array) -> dict[str, Known]:
    """KL both ways, JS and TV from draws x (N, D) of p and y (M, D) of q; the error is one standard error."""
    p_x, q_x, p_y, q_y = log_p(x), log_q(x), log_p(y), log_q(y)

    def mean(over_p: Array, over_q: Array) -> Known:
        spread = over_p.var() / len(x) + over_q.var() / len(y)
        return Known(float(over_p.mean() + over_q.mean()), math.sqrt(spread))

    nothing = np.zeros(2)
    of_p, of_q = p_x - np.logaddexp(p_x, q_x) + math.log(2), q_y - np.logaddexp(p_y, q_y) + math.log(2)
    return {
        "kl": mean(p_x - q_x, nothing),
        "kl_reverse": mean(nothing, q_y - p_y),
        "js": mean(of_p / 2, of_q / 2),
        "tv": mean(np.sign(p_x - q_x) / 2, np.sign(q_y - p_y) / 2),
    }


def transport_on_a_line(
    below: tuple[Function, Function], above: tuple[Function, Function], log_p: Function, low: float, high: float
) -> dict[str, Known]:
    """W1 and W2 from the distribution functions of p and q (`below`) and their complements (`above`).

    W1 is the integral of |F - G|, W2^2 that of p(x) (x - G^-1(F(x)))^2, G inverted by bisection.
    """
    cuts = _cuts(lambda x: below[0](x) - below[1](x), low, high)
    found: dict[str, list[float]] = {"w1": [], "w2": []}
    for nodes in (_NODES, _COARSE):
        x, weights = _panels(cuts, nodes)
        found["w1"].append(float(weights @ np.abs(below[0](x) - below[1](x))))
        moved = x - _matched(x, below, above, low, high)
        found["w2"].append(math.sqrt(float(weights @ (np.exp(log_p(x)) * moved**2))))
    return {name: Known(fine, abs(fine - coarse)) for name, (fine, coarse) in found.items()}


def discrete(p: Sequence[float], q: Sequence[float]) -> Mapping[str, Known]:
    """All divergences of two distributions on 0, 1, 2, ..., W1 and W2 along the line; exact.

    >>> found = discrete([0.5, 0.5], [1.0, 0.0])
    >>> found["kl"].value, round(found["kl_reverse"].value, 6), found["tv"].value, found["w1"].value
    (inf, 0.693147, 0.5, 0.5)
    """
    a, b = np.asarray(p, np.float64), np.asarray(q, np.float64)
    middle = (a + b) / 2
    values = {
        "kl": _relative(a, b),
        "kl_reverse": _relative(b, a),
        "js": (_relative(a, middle) + _relative(b, middle)) / 2,
        "tv": float(np.abs(a - b).sum() / 2),
        "chi2": math.inf if np.any((b == 0) & (a > 0)) else float((a[b > 0] ** 2 / b[b > 0]).sum() - 1),
        "w1": float(np.abs(np.cumsum(a - b)).sum()),
        "w2": math.sqrt(_square_cost(a, b)),
    }
    return {name: Known(value) for name, value in values.items()}


def _relative(a: Array, b: Array) -> float:
    there = a > 0
    return math.inf if np.any(b[there] == 0) else float((a[there] * np.log(a[there] / b[there])).sum())


def _square_cost(a: Array, b: Array) -> float:
    """Mean squared move of the monotone plan between masses on 0, 1, 2, ..."""
    ends = [np.cumsum(side) for side in (a, b)]
    cuts = np.union1d(*ends)
    cuts = np.minimum(cuts, 1.0)
    middles = cuts - np.diff(cuts, prepend=0.0) / 2
    places = [np.minimum(np.searchsorted(end, middles), len(a) - 1) for end in ends]
    return float((np.diff(cuts, prepend=0.0) * (places[0] - places[1]) ** 2).sum())


def _cuts(gap: Function, low: float, high: float) -> Array:
    """Ends of panels, among them the places where `gap` changes its sign, found by bisection."""
    even = np.linspace(low, high, _PANELS + 1)
    signs = np.sign(gap(even))
    at = np.flatnonzero(signs[1:] * signs[:-1] < 0)
    left, right = even[at].copy(), even[at + 1].copy()
    for _ in range(60):
        middle = (left + right) / 2
        same = np.sign(gap(middle)) == signs[at]
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return np.unique(np.concatenate([even, left]))


def _panels(cuts: Array, nodes: int) -> tuple[Array, Array]:
    """Points and weights of the Gauss-Legendre rule on each panel."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(cuts)[:, None] / 2
    return (cuts[:-1, None] + half * (points + 1)).ravel(), (half * weights).ravel()


def _matched(
    x: Array, below: tuple[Function, Function], above: tuple[Function, Function], low: float, high: float
) -> Array:
    """Where G reaches F(x), by bisection on the smaller of the two tails."""
    left, right = np.full_like(x, low), np.full_like(x, high)
    lower, upper = below[0](x), above[0](x)
    for _ in range(60):
        middle = (left + right) / 2
        short = np.where(lower < upper, below[1](middle) < lower, above[1](middle) > upper)
        left, right = np.where(short, middle, left), np.where(short, right, middle)
    return (left + right) / 2


def _on_grid(log_p: Function, log_q: Function, low: Array, high: Array, steps: int) -> dict[str, float]:
    axes = [np.linspace(low[i], high[i], steps + 1) for i in (0, 1)]
    area = float(np.prod((high - low) / steps))
    sums = dict.fromkeys(DENSITY_NAMES, 0.0)
    for points in _lines(axes):
        found = integrands(np.maximum(log_p(points), _SMALLEST), np.maximum(log_q(points), _SMALLEST))
        for name, values in found.items():
            sums[name] += area * float(values.sum())
    return sums


def _lines(axes: Sequence[Array], at_once: int = 64) -> Iterator[Array]:
    """The grid's points, some lines at a time."""
    for first in range(0, len(axes[0]), at_once):
        grid = np.meshgrid(axes[0][first : first + at_once], axes[1], indexing="ij")
        yield np.stack([part.ravel() for part in grid], 1)
