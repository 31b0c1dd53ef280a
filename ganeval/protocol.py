"""What makes two scores comparable, in one dictionary with one fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Mapping
from typing import Any

PRESETS: Mapping[str, str] = {
    "ganeval": "every pair of samples counts, covariances over N - 1, closed balls, each network's own resizer",
}


def describe(*, preset: str, seed: int, extractors: Mapping[str, str], sets: Mapping[str, str]) -> dict[str, Any]:
    """The protocol of one scorecard.

    Args:
        extractors: extractor name -> its fingerprint (weights, preprocessing, precision).
        sets: every image set but the generated one -> "count x fingerprint".
    """
    protocol: dict[str, Any] = {
        "preset": preset,
        "seed": seed,
        "extractors": dict(sorted(extractors.items())),
        "sets": dict(sorted(sets.items())),
    }
    return protocol | {"fingerprint": fingerprint(protocol)}


def behind(protocol: Mapping[str, Any], features: str, roles: Container[str]) -> dict[str, Any]:
    """The part of a card's protocol that one score rests on: its own network and the image sets that it used.

    So a score of memorisation beside it, or a second network, does not make a card incomparable with one that has none.
    """
    part = {name: value for name, value in protocol.items() if name != "fingerprint"}
    if "extractors" in part:
        part["extractors"] = {
            name: value for name, value in part["extractors"].items() if features.startswith(f"{name}.")
        }
    if "sets" in part:
        part["sets"] = {role: value for role, value in part["sets"].items() if role in roles}
    return part


def fingerprint(inputs: Any) -> str:
    """16 hex digits that change whenever any input does."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]
