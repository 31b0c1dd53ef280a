"""What makes two scores comparable, in one dictionary with one fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Mapping
from typing import Any

from ganeval.presets import Preset

_OF_A_NETWORK = ("extractors", "resizers")
_NOT_OF_A_SCORE = ("fingerprint", "overrides", "draws")


def describe(
    preset: Preset,
    *,
    seed: int,
    extractors: Mapping[str, str],
    resizers: Mapping[str, str],
    sets: Mapping[str, str],
    overrides: Mapping[str, Any],
) -> dict[str, Any]:
    """The protocol of one scorecard.

    Args:
        extractors: extractor name -> its fingerprint (weights, preprocessing, precision).
        resizers: extractor name -> how images are brought to its size, in words.
        sets: every image set but the generated one -> "count x fingerprint".
        overrides: what was said against the preset, "metric.option" -> value.
    """
    protocol: dict[str, Any] = {
        "preset": preset.name,
        "seed": seed,
        "extractors": dict(sorted(extractors.items())),
        "resizers": dict(sorted(resizers.items())),
        "sets": dict(sorted(sets.items())),
    }
    protocol |= {"draws": preset.draws} if preset.draws else {}
    protocol |= {"overrides": dict(sorted(overrides.items()))} if overrides else {}
    return protocol | {"fingerprint": fingerprint(protocol)}


def behind(protocol: Mapping[str, Any], features: str, roles: Container[str]) -> dict[str, Any]:
    """The part of a card's protocol that one score rests on: its own network and the image sets that it used.

    So a score of memorisation beside it, or a second network, does not make a card incomparable with one that has none.
    What was said against the preset stands in the score's own options and features; its draws belong to its name.
    """
    part = {name: value for name, value in protocol.items() if name not in _NOT_OF_A_SCORE}
    for kind in part.keys() & _OF_A_NETWORK:
        part[kind] = {name: value for name, value in part[kind].items() if features.startswith(f"{name}.")}
    if "sets" in part:
        part["sets"] = {role: value for role, value in part["sets"].items() if role in roles}
    return part


def fingerprint(inputs: Any) -> str:
    """16 hex digits that change whenever any input does."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]
