"""Parity with torchmetrics: see `ganeval.testing.parity.torchmetrics` for what is compared."""

from __future__ import annotations

PEER = "torchmetrics"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
