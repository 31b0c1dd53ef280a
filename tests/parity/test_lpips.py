"""Parity with lpips: see `ganeval.testing.parity.lpips` for what is compared."""

from __future__ import annotations

PEER = "lpips"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
