"""Parity with piq: see `ganeval.testing.parity.piq` for what is compared."""

from __future__ import annotations

PEER = "piq"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
