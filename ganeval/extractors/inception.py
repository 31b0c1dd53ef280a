"""Inception features: those on which FID, KID and IS are defined. Needs a weight file of 91 MiB (see `weights.py`)."""

from __future__ import annotations

from collections.abc import Set

import torch
from torch import Tensor

from ganeval.errors import WeightsError
from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.preparing import checked, fixed_size_resizer, rgb
from ganeval.extractors.registry import extractor
from ganeval.extractors.weights import Located, find, read_state
from ganeval.images.source import Images

ROWS = 8
CENTRES = {"half-pixel": 127.5}
"""Pixels become (x - c) / c with c = 128, as in TensorFlow's graph, except where the resizer's users map 0..255 onto
[-1, 1] exactly."""
LAYERS = ("64", "192", "spatial", "768", "pool", "logits_unbiased", "logits")


class Inception(Extractor):
    """The 2015 graph: resized as TensorFlow 1 did (or as `Setup.resize` says), batch norms folded, channels last.

    `64`, `192`, `768` and `pool` (2048) are spatial means after the two stem pools, Mixed_6e and Mixed_7c; `spatial`
    is sFID's 7x17x17 map; `logits_unbiased` leaves the classifier's bias out, as the Inception Score does.
    """

    name, default = "inception", "pool"

    def __init__(self, weights: Located, setup: Setup) -> None:
        from ganeval.extractors.networks.folding import fold_batch_norms
        from ganeval.extractors.networks.inception import SIZE, WIDTHS, on_meta
        from ganeval.extractors.networks.packing import can_pack

        self.device, self.size, self.widths = setup.device, SIZE, WIDTHS
        self.dtype = torch.bfloat16 if setup.precision == "bf16" else torch.float32
        self.resize = fixed_size_resizer(setup.resize, self.name, SIZE)
        self.centre = CENTRES.get(self.resize.name, 128.0)
        self.resizer = f"{self.resize.words}, to {SIZE}, then (x - {self.centre:g}) / {self.centre:g}"
        self.fingerprint = f"inception:{weights.fingerprint}:{self.resize.fingerprint}:{setup.precision}"
        network = on_meta()
        try:
            network.load_state_dict(read_state(weights.path), assign=True)
        except RuntimeError as error:
            raise WeightsError(f"{weights.path} is not the 2015 Inception graph: {error}") from None
        fold_batch_norms(network.float().eval())
        network = network.requires_grad_(False).to(self.device, self.dtype)
        self.network = network.to(memory_format=torch.channels_last)
        if can_pack(self.device, self.dtype):
            self.network.pack()
        self.network.fc.float()

    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, 1 or 3, H, W) => float32 (N, 3, 299, 299) in [-1, 1]."""
        pixels = self.resize.resize(checked(images).to(self.device), self.size)
        return rgb(pixels.sub_(self.centre).div_(self.centre))

    @torch.no_grad()
    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, 3, 299, 299) => float32 (N, D) per layer; stops at the deepest."""
        from ganeval.extractors.networks.batching import in_fixed_batches

        self.require(layers)
        return in_fixed_batches(lambda images: self._run(images, layers), prepared, ROWS)

    def _run(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        x = prepared.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        rows = self.network(x, layers)
        return {layer: rows[layer].cpu() for layer in layers}


@extractor(
    "inception",
    layers=LAYERS,
    default="pool",
    summary="Inception of 2015-12-05 as TensorFlow released it: the features of FID, KID and IS",
    weights="inception",
)
def load(setup: Setup) -> Inception:
    """`inception`, from --weights inception=PATH or wherever `weights.find` has it."""
    return Inception(find("inception", named=setup.weights), setup)
