"""VGG16 features: those of the improved precision and recall. Needs torchvision's weight file of 528 MiB."""

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
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Vgg16(Extractor):
    """ImageNet's VGG16 as Kynkaanniemi et al. (arXiv 1904.06991) use it: `fc2_relu` (N, 4096)."""

    name, default = "vgg16", "fc2_relu"

    def __init__(self, weights: Located, setup: Setup) -> None:
        from ganeval.extractors.networks.vgg16 import SIZE, from_state

        self.device, self.size = setup.device, SIZE
        self.dtype = torch.bfloat16 if setup.precision == "bf16" else torch.float32
        self.resize = fixed_size_resizer(setup.resize, self.name, SIZE)
        self.resizer = f"{self.resize.words}, to {SIZE}, then ImageNet's mean and deviation"
        self.fingerprint = f"vgg16:{weights.fingerprint}:{self.resize.fingerprint}:{setup.precision}"
        try:
            network = from_state(read_state(weights.path))
        except RuntimeError as error:
            raise WeightsError(f"{weights.path} is not torchvision's VGG16: {error}") from None
        self.widths = {self.default: network.width}
        network = network.eval().requires_grad_(False).to(self.device, self.dtype)
        self.network = network.to(memory_format=torch.channels_last)

    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, 1 or 3, H, W) => float32 (N, 3, 224, 224), normalised."""
        pixels = rgb(self.resize.resize(checked(images).to(self.device), self.size))
        mean, std = (255 * pixels.new_tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
        return (pixels - mean) / std

    @torch.no_grad()
    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, 3, 224, 224) => {"fc2_relu": float32 (N, 4096)}."""
        from ganeval.extractors.networks.batching import in_fixed_batches

        self.require(layers)
        rows = in_fixed_batches(self._run, prepared, ROWS)
        return {layer: rows[layer] for layer in layers}

    def _run(self, prepared: Tensor) -> dict[str, Tensor]:
        x = prepared.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        return {self.default: self.network(x).float().cpu()}


@extractor(
    "vgg16",
    layers=("fc2_relu",),
    default="fc2_relu",
    summary="VGG16 on ImageNet before its classes: the features of improved precision and recall",
    weights="vgg16",
)
def load(setup: Setup) -> Vgg16:
    """`vgg16`, from --weights vgg16=PATH or wherever `weights.find` has it."""
    return Vgg16(find("vgg16", named=setup.weights), setup)
