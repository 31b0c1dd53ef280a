"""Every peer and what is compared with it: one table for the tests and for `benchmarks/parity.py`.

Each peer has a module whose `PEER` calls the peer itself, on the images, weights and rows that this package reads as
a user would have it read them. Nothing of a peer is imported before a case runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganeval.testing.parity import (
    clean_fid,
    lpips,
    piq,
    pot,
    prdc,
    pytorch_fid,
    pytorch_msssim,
    torch_fidelity,
    torchmetrics,
    vendi,
)
from ganeval.testing.parity.cases import Case, Compared, Material, Peer, Pictures, Rows, Sets, Values, run

_MODULES = (torch_fidelity, pytorch_fid, clean_fid, torchmetrics, prdc, pot, lpips, pytorch_msssim, vendi, piq)
PEERS: Mapping[str, Peer] = {module.PEER.name: module.PEER for module in _MODULES}

__all__ = ["PEERS", "Case", "Compared", "Material", "Peer", "Pictures", "Rows", "Sets", "Values", "run"]
