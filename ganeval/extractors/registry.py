"""Which extractors exist, what a tap such as `inception.768` means, and how to load one by its name."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch

from ganeval.errors import GanevalError, unknown
from ganeval.extractors import weights as weight_files
from ganeval.extractors.extractor import CPU, Extractor, Precision, Setup

Load: TypeAlias = Callable[[Setup], Extractor]

PAIR_LAYERS = frozenset({"distance", "similarity"})
"""Names of layers that hold one number for a pair of images; no extractor of single images may use them."""

_CALLABLE = "module"
_ENTRIES: dict[str, Entry] = {}


@dataclass(frozen=True)
class Entry:
    """One extractor as it is listed, before any network is loaded.

    Attributes:
        name: what stands before the colon.
        layers: names of its layers; `#` stands for a number (`layer#`).
        default: the layer meant when only the extractor is named.
        summary: one line for people.
        variant: what goes behind the colon, for people: empty (nothing), `NAME` (required) or `[SIZE]` (optional).
        weights: the entry of `weights.known_weights()` it needs, `timm:NAME` where that depends on the variant, or
            empty where everything is installed with the package.
    """

    name: str
    layers: tuple[str, ...]
    default: str
    summary: str
    variant: str
    weights: str
    load: Load

    @property
    def usage(self) -> str:
        """How to write it: `timm:NAME`, `pixels[:SIZE]`, `MODULE:CALLABLE`."""
        if self.name == _CALLABLE:
            return self.variant
        if self.variant.startswith("["):
            return f"{self.name}[:{self.variant[1:]}"
        return f"{self.name}:{self.variant}" if self.variant else self.name

    @property
    def available(self) -> bool:
        """Whether it can be loaded as it is: no file left to be named or downloaded, whatever the variant."""
        return not self.weights or weight_files.present(self.weights)

    @property
    def pairs(self) -> bool:
        """Whether it takes pairs of images, and its rows are one number per pair."""
        return bool(PAIR_LAYERS & set(self.layers))

    @property
    def layer_pattern(self) -> str:
        """A regular expression for the names of its layers."""
        return "|".join(re.escape(layer).replace(r"\#", r"\d+") for layer in self.layers)


class Tap(NamedTuple):
    """Where a metric reads: a layer of an extractor.

    >>> str(Tap("inception", "pool"))
    'inception.pool'
    """

    extractor: str
    layer: str

    def __str__(self) -> str:
        return f"{self.extractor}.{self.layer}"


def extractor(
    name: str, *, layers: tuple[str, ...], default: str, summary: str, variant: str = "", weights: str = ""
) -> Callable[[Load], Load]:
    """Register `load(setup) -> Extractor` under `name`. The arguments are those of `Entry`."""
    if default not in layers:
        raise ValueError(f"extractor {name}: the default layer {default!r} is not among {layers}")

    def register(load: Load) -> Load:
        known = _ENTRIES.get(name)
        if known is not None and known.load.__module__ != load.__module__:
            raise ValueError(f"extractor {name} is defined in {known.load.__module__} and in {load.__module__}")
        _ENTRIES[name] = Entry(name, layers, default, summary, variant, weights, load)
        return load

    return register


def known_extractors() -> dict[str, Entry]:
    """Every extractor by name, in alphabetical order. Imports the files of this package; loads no network."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")
    return dict(sorted(_ENTRIES.items()))


def parse_tap(text: str) -> Tap:
    """`EXTRACTOR` or `EXTRACTOR.LAYER` => the tap. Dots inside a variant (`timm:vit.lvd142m`) belong to the variant.

    Raises:
        GanevalError: an unknown extractor or layer, a missing or superfluous variant.

    >>> str(parse_tap("inception")), str(parse_tap("pixels:16"))
    ('inception.pool', 'pixels:16.flat')
    """
    if ":" not in text:
        name, dot, layer = text.partition(".")
        entry, _ = _resolve(name)
        if dot and not re.fullmatch(entry.layer_pattern, layer):
            raise unknown(f"layer of {name}", layer, entry.layers)
        return Tap(name, layer or entry.default)
    entry, _ = _resolve(text)
    whole = re.fullmatch(rf"(?P<name>.+?:.+)\.(?P<layer>{entry.layer_pattern})", text)
    return Tap(whole["name"], whole["layer"]) if whole else Tap(text, entry.default)


def takes_pairs(tap: Tap) -> bool:
    """Whether the tap holds a number for a pair of images, rather than features of one."""
    return tap.layer in PAIR_LAYERS


def at_layer(tap: Tap, layer: str) -> Tap:
    """Another layer of the same extractor.

    Raises:
        GanevalError: the extractor has no such layer.

    >>> str(at_layer(Tap("timm:resnet18", "pool"), "logits"))
    'timm:resnet18.logits'
    """
    entry, _ = _resolve(tap.extractor)
    if not re.fullmatch(entry.layer_pattern, layer):
        raise unknown(f"layer of {tap.extractor}", layer, entry.layers)
    return Tap(tap.extractor, layer)


def load_extractor(
    name: str,
    *,
    weights: Mapping[str, Path] = {},
    device: torch.device = CPU,
    precision: Precision = "fp32",
    resize: str = "",
) -> Extractor:
    """The extractor `name`, written without a layer: `inception`, `timm:resnet18`, `pixels:16`.

    Args:
        weights: network name -> file that the user named for it.
        precision: of the network's arithmetic; rows are float32 in any case.
        resize: another resizer than the network's own, `tf1` or `pillow:224`, where it allows a choice.

    Raises:
        GanevalError: an unknown name, or a resizer for a network that has only its own.
        WeightsError: weights missing or damaged.
    """
    entry, variant = _resolve(name)
    loaded = entry.load(Setup(variant, weights, device, precision, resize))
    if resize and loaded.resizer == Extractor.resizer:
        raise GanevalError(f"{name} has a resizer of its own, got '{resize}': leave the resizer out")
    return loaded


def _resolve(name: str) -> tuple[Entry, str]:
    """The entry for a name without a layer, and the text behind its colon."""
    known = known_extractors()
    head, colon, variant = name.partition(":")
    if colon and (head not in known or head == _CALLABLE):
        return known[_CALLABLE], name
    if head not in known or head == _CALLABLE:
        raise unknown("features", head, [entry.usage for entry in known.values()])
    entry = known[head]
    if variant and not entry.variant:
        raise GanevalError(f"{head} takes nothing after a colon, got '{name}': write {head}")
    if not variant and (colon or (entry.variant and not entry.variant.startswith("["))):
        raise GanevalError(f"'{name}' is incomplete: write {entry.usage}")
    return entry, variant
