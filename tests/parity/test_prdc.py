"""Parity with prdc: see `ganeval.testing.parity.prdc` for what is compared."""

from __future__ import annotations

PEER = "prdc"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
