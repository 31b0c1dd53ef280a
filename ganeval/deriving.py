"""Image sets made of others: pairs of images, and paths through a generator's latent space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

import numpy as np

from ganeval.engine import Request
from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opened
from ganeval.images.pairs import Indices, PairSource, among, class_pairs, paired, random_pairs
from ganeval.images.paths import PathRule, PathSource
from ganeval.images.remembering import Remembering
from ganeval.metrics.metric import PAIR_SETS


def with_derived(
    sources: Mapping[str, Opened], requests: Sequence[Request], num_pairs: int, seed: int
) -> dict[str, Opened]:
    """The image sets, and those derived from them that the requests need.

    Images that are needed again in pairs are kept by the pass that reads them first (`Remembering`).

    Args:
        num_pairs: at most this many random pairs, and exactly this many paths.

    Raises:
        GanevalError: nothing to derive a set from: features in place of images, no labels, no generator, sets that
            cannot be paired.
    """
    wanted = [name for name in PAIR_SETS if any(name in request.metric.sets for request in requests)]
    bases = {base: _images(base, sources, name) for name in wanted for base in _BASES[name]}
    chosen = {name: _chosen(name, bases, num_pairs, seed) for name in wanted if name not in ("pairs", "path")}
    kept = {base: _kept(source, _needed(base, chosen, "pairs" in wanted)) for base, source in bases.items()}
    derived: dict[str, Opened] = {}
    if "pairs" in wanted:
        derived["pairs"] = paired(kept["real"], kept["fake"])
    for name, indices in chosen.items():
        derived[name] = among(kept[_BASES[name][0]], indices, _rule(name, bases, seed))
    if "path" in wanted:
        derived["path"] = PathSource(bases["fake"], _path(requests), num_pairs, seed)
    return {**sources, **kept, **derived}


def described(sets: Mapping[str, object]) -> dict[str, str]:
    """For each derived set its number, rule and size: what two models' must have in common to be compared.

    Not its content, which is the model's. Reads the first pair of each.
    """
    return {name: _described(pairs) for name, pairs in sets.items() if isinstance(pairs, PairSource | PathSource)}


_BASES = {
    "pairs": ("real", "fake"),
    "random_pairs": ("fake",),
    "class_pairs": ("fake",),
    "real_pairs": ("real",),
    "path": ("fake",),
}


def _images(base: str, sources: Mapping[str, Opened], name: str) -> ImageSource:
    source = sources[base]
    if isinstance(source, ImageSource):
        return source
    raise GanevalError(
        f"the set '{name}' is made of images, and {source.name} ({'the reference' if base == 'real' else base}) holds "
        "none: give images, or leave out metrics of pairs"
    )


def _chosen(name: str, bases: Mapping[str, ImageSource], pairs: int, seed: int) -> tuple[Indices, Indices]:
    source = bases[_BASES[name][0]]
    if name == "class_pairs":
        return class_pairs(source.labels, pairs, seed, source.name)
    return random_pairs(len(source), pairs, seed)


def _needed(base: str, chosen: Mapping[str, tuple[Indices, Indices]], everything: bool) -> Indices | None:
    """Images of the set that pairs will ask for; None for all of them."""
    parts = [side for name, sides in chosen.items() if base in _BASES[name] for side in sides]
    return None if everything else np.unique(np.concatenate([*parts, np.empty(0, dtype=np.int64)]))


def _kept(source: ImageSource, needed: Indices | None) -> ImageSource:
    needed = np.arange(len(source)) if needed is None else needed
    return Remembering(source, needed) if len(needed) else source


def _rule(name: str, bases: Mapping[str, ImageSource], seed: int) -> str:
    if name == "real_pairs":
        return f"random pairs of {bases['real'].fingerprint}, seed {seed}"
    return f"random pairs{' within classes' if name == 'class_pairs' else ''}, seed {seed}"


def _path(requests: Iterable[Request]) -> PathRule:
    """The one kind of path that the requested metrics measure."""
    names = [field.name for field in fields(PathRule)]
    asked = {
        PathRule(**{name: request.options[name] for name in names})
        for request in requests
        if "path" in request.metric.sets
    }
    if len(asked) > 1:
        raise GanevalError(
            f"path lengths of one run go along the same paths, and {' and '.join(sorted(map(str, asked)))} were asked "
            "for: give both metrics the same options, or score twice"
        )
    return asked.pop()


def _described(pairs: PairSource | PathSource) -> str:
    _, _, height, width = next(pairs.read([0])).shape
    return f"{len(pairs)} {pairs.rule}, {height}x{width} pixels"
