"""Scenes: which rows play which image set. Ladders of scenes get worse step by step, and have no metric in mind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ganeval.selfcheck.pool import Indices, Pool, Rung

STRENGTHS = (0.1, 0.25, 0.5)
"""Of the corruptions, the shares of modes dropped and invented, and of copies."""
THINNED = (0.25, 0.5, 0.9)
"""Shares of their images that the rarer half of the modes loses at once."""
MOVED = (0.5, 1.0, 2.0)
"""By how many of its ranges one dimension is moved; from 1 on it is disjoint."""
REPEATS = 3
"""Draws of the real images at every step."""
IMAGE_LADDERS = ("noise", "blur", "jpeg", "occlusion", "colour_shift")
FEATURE_LADDERS = ("modes dropped", "modes thinned", "modes invented", "copies", "one dimension")
LADDERS = IMAGE_LADDERS + FEATURE_LADDERS
OTHERS = ("real", "train", "heldout")
SMALL = 0.05
"""The share of generated images that is spoilt, lost or copied where the least number of images is asked for."""

Small = Literal["spoilt", "lost", "copied"]


@dataclass(frozen=True)
class Scene:
    """Four image sets, as places in the pool's rows.

    Attributes:
        others: by role, places of clean rows.
        fake: pieces of the generated set, one after the other: (None or a rung, places in its rows).
        copies: this share of the generated set is replaced by training images (real ones where no such set is read).
        moved: by how many of its ranges one dimension of the generated rows is moved.
    """

    others: Mapping[str, Indices]
    fake: Sequence[tuple[Rung | None, Indices]]
    copies: float = 0.0
    moved: float = 0.0


@dataclass(frozen=True)
class Ladder:
    """Steps from clean (strength 0) to worst, each drawn `REPEATS` times; draw r of all steps shares what it can."""

    name: str
    strengths: tuple[float, ...]
    scenes: tuple[tuple[Scene, ...], ...]


def ladders(pool: Pool, count: int, rng: np.random.Generator) -> list[Ladder]:
    """All ladders with `count` images per set, which is at most a quarter of the pool.

    Those of images are left out where the pool has none that are spoilt.
    """
    made = [_of_images(pool, name, count, rng) for name in IMAGE_LADDERS if name in {rung[0] for rung in pool.spoilt}]
    return [
        *made,
        _of_fewer(pool, "modes dropped", count, rng, _kept_of_fake),
        _thinned(pool, count, rng),
        _of_fewer(pool, "modes invented", count, rng, _kept_of_real),
        _copied(pool, count, rng),
        _moved(pool, count, rng),
    ]


def clean_scene(order: Indices, count: int) -> Scene:
    """Disjoint sets, one after the other from `order`: the generated one first."""
    parts = {role: order[place * count : (place + 1) * count] for place, role in enumerate(OTHERS, 1)}
    return Scene(parts, [(None, order[:count])])


def small_scene(pool: Pool, kind: Small, order: Indices, count: int, rng: np.random.Generator) -> Scene:
    """`clean_scene` with 5 % of the generated images spoilt, of lost modes, or copied.

    Spoilt ones are of all corruptions at their strongest. What is lost are the rarest modes, up to 5 % of the pool;
    other images take their place, from the end of `order`.
    """
    scene, bad = clean_scene(order, count), max(1, round(SMALL * count))
    if kind == "copied":
        return replace(scene, copies=SMALL)
    if kind == "lost":
        kept = np.concatenate([order[:count], order[::-1][: len(order) // 10]])
        return replace(scene, fake=[(None, kept[~np.isin(kept, _rarest(pool))][:count])])
    rungs = pool.strongest
    which = rng.permutation(np.arange(bad) % len(rungs))
    pieces = [(rungs[n], rng.integers(len(pool.chosen), size=int((which == n).sum()))) for n in range(len(rungs))]
    return replace(scene, fake=[(None, order[bad:count]), *pieces])


def _rarest(pool: Pool) -> Indices:
    """Places of 5 % of the images: those of the rarest modes."""
    rank = np.argsort(pool.by_size())
    sizes = np.unique(pool.modes, return_inverse=True)[1]
    return np.argsort(rank[sizes], kind="stable")[: round(SMALL * pool.count)]


def _of_images(pool: Pool, name: str, count: int, rng: np.random.Generator) -> Ladder:
    places = np.arange(count)
    rungs: list[Rung | None] = [None, *sorted(rung for rung in pool.spoilt if rung[0] == name)]
    rest = np.setdiff1d(np.arange(pool.count), pool.chosen[:count])
    draws = [rng.permutation(rest) for _ in range(REPEATS)]
    steps = [
        tuple(Scene(_others(draw, count), [(rung, places if rung else pool.chosen[:count])]) for draw in draws)
        for rung in rungs
    ]
    return Ladder(name, tuple(rung[1] if rung else 0.0 for rung in rungs), tuple(steps))


def _others(order: Indices, count: int) -> dict[str, Indices]:
    return {role: order[place * count : (place + 1) * count] for place, role in enumerate(OTHERS)}


def _copied(pool: Pool, count: int, rng: np.random.Generator) -> Ladder:
    draws, every = _clean_draws(pool, count, rng), (0.0, *STRENGTHS)
    return Ladder("copies", every, tuple(tuple(replace(one, copies=share) for one in draws) for share in every))


def _moved(pool: Pool, count: int, rng: np.random.Generator) -> Ladder:
    draws, every = _clean_draws(pool, count, rng), (0.0, *MOVED)
    return Ladder("one dimension", every, tuple(tuple(replace(one, moved=ranges) for one in draws) for ranges in every))


def _clean_draws(pool: Pool, count: int, rng: np.random.Generator) -> list[Scene]:
    return [clean_scene(rng.permutation(pool.count), count) for _ in range(REPEATS)]


def _fewer(pool: Pool) -> Iterator[tuple[float, Indices]]:
    """(share of the images in the dropped modes, numbers of the modes that are kept), rarest dropped first."""
    modes = pool.by_size()
    for dropped in sorted({0, *(max(1, round(share * len(modes))) for share in STRENGTHS)}):
        kept = modes[dropped:]
        if len(kept):
            yield round(1 - float(np.isin(pool.modes, kept).mean()), 4), kept


def _of_fewer(
    pool: Pool, name: str, count: int, rng: np.random.Generator, scene: Callable[[Pool, Indices, Indices, int], Scene]
) -> Ladder:
    """Steps by the modes that are left: `scene` says whom."""
    draws = [rng.permutation(pool.count) for _ in range(REPEATS)]
    steps = {share: tuple(scene(pool, draw, kept, count) for draw in draws) for share, kept in _fewer(pool)}
    return Ladder(name, tuple(steps), tuple(steps.values()))


def _kept_of_fake(pool: Pool, order: Indices, kept: Indices, count: int) -> Scene:
    """Modes disappear from the generated set, one after the other."""
    real, rest = order[:count], order[count:]
    return _with_fake(real, rest, rest[np.isin(pool.modes[rest], kept)][:count], count)


def _with_fake(real: Indices, rest: Indices, fake: Indices, count: int) -> Scene:
    left = rest[~np.isin(rest, fake)]
    return Scene(_others(np.concatenate([real, left]), count), [(None, fake)])


def _thinned(pool: Pool, count: int, rng: np.random.Generator) -> Ladder:
    """The rarer half of the modes loses images at one pace, and the other half has them instead."""
    modes = pool.by_size()
    rare = np.isin(pool.modes, modes[: len(modes) // 2])
    draws, every = [rng.permutation(pool.count) for _ in range(REPEATS)], (0.0, *THINNED)

    def scene(order: Indices, lost: float) -> Scene:
        real, rest = order[:count], order[count:]
        left = round((1 - lost) * float(rare.mean()) * count)
        few, many = rest[rare[rest]][:left], rest[~rare[rest]]
        return _with_fake(real, rest, np.concatenate([few, many[: count - len(few)]]), count)

    return Ladder("modes thinned", every, tuple(tuple(scene(draw, lost) for draw in draws) for lost in every))


def _kept_of_real(pool: Pool, order: Indices, kept: Indices, count: int) -> Scene:
    """The mirror image: the real set lacks modes that the generated one has."""
    fake, rest = order[:count], order[count:]
    real = rest[np.isin(pool.modes[rest], kept)][:count]
    left = rest[~np.isin(rest, real)]
    return Scene(_others(np.concatenate([real, left]), count), [(None, fake)])
