"""Parity with pytorch-fid: see `ganeval.testing.parity.pytorch_fid` for what is compared."""

from __future__ import annotations

PEER = "pytorch-fid"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
