"""Pairs of distributions whose divergences are known, to measure estimators against. Every draw is seeded.

`pair("shift", 16)` is one by name; the functions make others. All divergences are in nats, distances in the units of
the samples. A pair may be widened: dimensions that both distributions share, independent of the rest, and a rotation
change none of its divergences, so what holds on a line holds in any number of dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError, unknown
from ganeval.testing import integrals, known_gaussians
from ganeval.testing.gaussian_mixtures import GaussianMixture, gaussian
from ganeval.testing.integrals import Array, Known

__all__ = ["NAMES", "PAIRS", "GaussianMixture", "Known", "Pair", "gaussian", "pair"]

NAMES = (*integrals.DENSITY_NAMES, "w1", "w2", "sliced_w2", "max_sliced_w2")
"""KL(real || fake), KL(fake || real), JS, TV, chi-square of real against fake, W1, W2 (not squared), and the roots
of the mean and of the maximum of W2^2 over directions."""
_NEVER = Known(math.inf)


@dataclass(frozen=True)
class Pair:
    """Two distributions on R^width.

    Attributes:
        what: in words.
        known: true values by name, of `NAMES`; those that nobody knows are left out.
        draw: count, generator => the real and the generated samples, float64 (N, D) each.
    """

    name: str
    what: str
    width: int
    known: Mapping[str, Known]
    draw: Callable[[int, np.random.Generator], tuple[Array, Array]]

    def samples(self, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """`count` real and as many generated samples, float32 (N, D), the same for the same seed."""
        real, fake = self.draw(count, np.random.default_rng(seed))
        return torch.from_numpy(real.astype(np.float32)), torch.from_numpy(fake.astype(np.float32))


def mixtures(name: str, p: GaussianMixture, q: GaussianMixture) -> Pair:
    """Mixtures of Gaussians: quadrature in one and two dimensions; in more, Monte Carlo with its standard error.

    W1 and W2 are known in one dimension.
    """
    known = known_gaussians.by_integration(p, q)
    if p.width == 1:
        known |= known_gaussians.on_a_line(p, q)
    what = f"mixtures of {len(p.weights)} and {len(q.weights)} Gaussians"
    return Pair(name, what, p.width, known, lambda n, rng: (p.draw(n, rng), q.draw(n, rng)))


def gaussians(name: str, mean_p: Array, covariance_p: Array, mean_q: Array, covariance_q: Array) -> Pair:
    """Two Gaussians: KL, chi-square and W2 in closed form, the others by an integral over as few dimensions as matter.

    W1 is known on a line, for equal covariances, and for multiples of one another about one mean.
    """
    p, q = gaussian(mean_p, covariance_p), gaussian(mean_q, covariance_q)
    known = {name: value for name, value in known_gaussians.of_densities(p, q).items() if name not in ("w1", "w2")}
    known |= {
        "kl": Known(known_gaussians.kl(p, q)),
        "kl_reverse": Known(known_gaussians.kl(q, p)),
        "chi2": Known(known_gaussians.chi2(p, q)),
        "w2": Known(known_gaussians.w2(p, q)),
    }
    known |= known_gaussians.w1(p, q) | known_gaussians.sliced(p, q)
    return Pair(name, "Gaussians", p.width, known, lambda n, rng: (p.draw(n, rng), q.draw(n, rng)))


def shifted_uniforms(shift: float) -> Pair:
    """Uniform on [0, 1] and on [shift, 1 + shift]: where one has mass the other may have none, and KL is infinite."""
    apart = min(abs(shift), 1.0)
    infinite = _NEVER if shift else Known(0.0)
    known = {
        "kl": infinite,
        "kl_reverse": infinite,
        "js": Known(apart * math.log(2)),
        "tv": Known(apart),
        "chi2": infinite,
        "w1": Known(abs(shift)),
        "w2": Known(abs(shift)),
    }
    return Pair(
        "uniforms", f"uniform on [0, 1] and on [{shift:g}, {1 + shift:g}]", 1, known,
        lambda n, rng: (rng.random((n, 1)), rng.random((n, 1)) + shift),
    )  # fmt: skip


def parallel_lines(distance: float) -> Pair:
    """(0, z) and (distance, z), z uniform on [0, 1]: the example of Arjovsky, Chintala, Bottou 2017, section 2."""
    line = shifted_uniforms(2.0)  # as disjoint: all but the distance is the same
    known = {**line.known, "w1": Known(abs(distance)), "w2": Known(abs(distance))} if distance else _nothing()

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        real, fake = (np.stack([np.zeros(n), rng.random(n)], 1) for _ in range(2))
        return real, fake + [distance, 0.0]

    return Pair("lines", f"two parallel lines at distance {distance:g}", 2, known, draw)


def discrete(name: str, p: Sequence[float], q: Sequence[float]) -> Pair:
    """Probabilities of 0, 1, 2, ...: samples repeat."""
    if len(p) != len(q) or min(*p, *q) < 0 or abs(sum(p) - 1) > 1e-9 or abs(sum(q) - 1) > 1e-9:
        raise GanevalError(f"probabilities {p} and {q}: expected as many of either, none negative, adding to 1")

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        real, fake = (rng.choice(len(p), size=(n, 1), p=side).astype(np.float64) for side in (p, q))
        return real, fake

    return Pair(name, f"probabilities on {len(p)} points", 1, integrals.discrete(p, q), draw)


def modes_dropped(modes: int, *, of: int, spacing: float = 4.0) -> Pair:
    """`of` equal Gaussians of spread 1 along a line, of which the generated set has the first `modes`."""
    centres = spacing * np.arange(of, dtype=np.float64)[:, None]
    p, q = (GaussianMixture(np.full(k, 1 / k), centres[:k], np.ones((k, 1, 1))) for k in (of, modes))
    return replace(mixtures("mode dropped", p, q), what=f"{of} modes, of which {modes} are generated")


def widened(base: Pair, width: int, *, spread: float = 1.0, rotate: bool = True, seed: int = 0) -> Pair:
    """`base` beside dimensions of Gaussian noise of this spread that both distributions share, all of it rotated.

    A spread of 0 puts the pair on a flat manifold of `base.width` dimensions in R^width.

    Raises:
        GanevalError: the width is less than the pair has.
    """
    more = width - base.width
    if more < 0:
        raise GanevalError(f"{base.name} has {base.width} dimensions, more than {width}")
    if more == 0:
        return base
    rotation = np.eye(width)
    if rotate:
        rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, width)))[0]

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        real, fake = (np.hstack([side, spread * rng.standard_normal((n, more))]) for side in base.draw(n, rng))
        return real @ rotation, fake @ rotation

    beside = f"{more} dimensions of noise" if spread else f"{more} empty dimensions"
    known = dict(_with_slices(base).known)
    if spread:  # noise that both share can be left out of the best direction, and is in all others
        known.pop("sliced_w2", None)
    elif "sliced_w2" in known:
        known["sliced_w2"] = Known(known["sliced_w2"].value * math.sqrt(base.width / width))
    return replace(base, what=f"{base.what}, and {beside}", width=width, known=known, draw=draw)


def _with_slices(made: Pair) -> Pair:
    """On a line there is one direction."""
    if made.width > 1 or "w2" not in made.known:
        return made
    known = made.known
    return replace(made, known={**known, "sliced_w2": known["w2"], "max_sliced_w2": known["w2"]})


def pair(name: str, width: int = 1) -> Pair:
    """The pair of this name in `width` dimensions.

    Raises:
        GanevalError: there is none of the name, or none so narrow.

    >>> round(pair("shift", 16).known["kl"].value, 3)
    1.125
    """
    if name not in PAIRS:
        raise unknown("pair", name, PAIRS)
    return _named(name, width)


@cache
def _named(name: str, width: int) -> Pair:
    return replace(_with_slices(PAIRS[name](width)), name=name)


def _nothing() -> dict[str, Known]:
    return dict.fromkeys(NAMES, Known(0.0))


def _equal(width: int) -> Pair:
    return Pair("equal", "one Gaussian twice", width, _nothing(), lambda n, rng: _twice(n, width, rng))


def _twice(n: int, width: int, rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.standard_normal((n, width)), rng.standard_normal((n, width))


def _shift(width: int) -> Pair:
    mean = np.full(width, 1.5 / math.sqrt(width))
    return gaussians("shift", np.zeros(width), np.eye(width), mean, np.eye(width))


def _scale(width: int) -> Pair:
    factor = math.exp(1.0 / math.sqrt(width))
    return gaussians("scale", np.zeros(width), np.eye(width), np.zeros(width), factor**2 * np.eye(width))


def _covariance(width: int) -> Pair:
    """Unlike in a mean and in the spread along one direction."""
    direction = np.ones(width) / math.sqrt(width)
    other = np.eye(width) - 0.75 * np.outer(direction, direction)
    sign = np.where(np.arange(width) % 2, -1.0, 1.0)
    return gaussians("covariance", np.zeros(width), np.eye(width), sign / math.sqrt(width), other)


def _mixture(width: int) -> Pair:
    if width == 1:
        return widened(_line_mixture(), 1)
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    covariances = np.array([np.eye(2), [[1.0, 0.5], [0.5, 1.0]], np.diag([0.5, 1.5])])
    p = GaussianMixture(np.array([0.4, 0.3, 0.3]), centres, covariances)
    q = GaussianMixture(np.array([0.2, 0.3, 0.5]), centres + [0.9, -0.9], covariances)
    return widened(mixtures("mixture", p, q), width)


def _line_mixture() -> Pair:
    centres, spreads = np.array([[-2.0], [2.0]]), np.array([[[1.0]], [[0.5]]])
    p = GaussianMixture(np.array([0.5, 0.5]), centres, spreads)
    return mixtures("mixture", p, GaussianMixture(np.array([0.25, 0.75]), centres + 0.8, spreads))


def _manifold(width: int) -> Pair:
    return widened(_shift(1 if width < 4 else 2), width, spread=0.0)


def _lines(width: int) -> Pair:
    return widened(parallel_lines(1.5), max(width, 2), spread=0.0)


PAIRS: Mapping[str, Callable[[int], Pair]] = {
    "equal": _equal,
    "shift": _shift,
    "scale": _scale,
    "covariance": _covariance,
    "mixture": _mixture,
    "uniforms": lambda width: widened(shifted_uniforms(0.5), width),
    "one dimension disjoint": lambda width: widened(shifted_uniforms(2.0), width, rotate=False),
    "lines": _lines,
    "manifold": _manifold,
    "discrete": lambda width: widened(discrete("discrete", (0.4, 0.3, 0.2, 0.1), (0.1, 0.2, 0.2, 0.5)), width),
    "mode dropped": lambda width: widened(modes_dropped(2, of=3), width),
}
