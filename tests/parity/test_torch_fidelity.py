"""Parity with torch-fidelity: see `ganeval.testing.parity.torch_fidelity` for what is compared."""

from __future__ import annotations

PEER = "torch-fidelity"


def test_gives_the_peers_values(apart: list[str]) -> None:
    assert not apart
