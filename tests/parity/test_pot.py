"""Parity with POT: see `ganeval.testing.parity.pot` for what is compared."""

from __future__ import annotations

PEER = "POT"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
