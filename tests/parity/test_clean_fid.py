"""Parity with clean-fid: see `ganeval.testing.parity.clean_fid` for what is compared."""

from __future__ import annotations

PEER = "clean-fid"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
