"""Parity with vendi-score: see `ganeval.testing.parity.vendi` for what is compared."""

from __future__ import annotations

PEER = "vendi-score"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
