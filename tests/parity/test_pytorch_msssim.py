"""Parity with pytorch-msssim: see `ganeval.testing.parity.pytorch_msssim` for what is compared."""

from __future__ import annotations

PEER = "pytorch-msssim"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
