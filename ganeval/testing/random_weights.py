"""Network weights drawn at random, in the published files' format: for parity and speed without a download."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import BatchNorm2d, Conv2d, functional, init

from ganeval.extractors.networks.inception import SIZE, Inception2015, on_meta
from ganeval.extractors.networks.vgg16 import VGG16, WIDTHS
from ganeval.files import replacing


def random_inception_weights(path: Path, seed: int = 0) -> Path:
    """Write random weights of the 2015 Inception graph (96 MB) to `path` and return it. One seed, one set of tensors.

    Convolutions are He-normal, and the batch norms' statistics come from one pass in training mode over noise of
    several scales. With a library's default weights activations shrink from layer to layer until all images look
    alike, and a parity test would see nothing. The norms' offsets lie around 1, so that most units are active: with
    offsets around 0 a random network multiplies rounding errors by ten in every few layers.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = on_meta().to_empty(device="cpu").train().to(memory_format=torch.channels_last)
        _draw(network)
        network(_noise().contiguous(memory_format=torch.channels_last), {"pool"})
    with replacing(path) as temporary:
        torch.save({name: value.contiguous() for name, value in network.state_dict().items()}, temporary)
    return path


def random_vgg16_weights(path: Path, seed: int = 0, *, narrower: int = 1) -> Path:
    """Write random weights of VGG16, without its last layer, to `path` and return it. One seed, one set of tensors.

    Args:
        narrower: divides every width: 1 gives the whole network of 134 million parameters (537 MB), 16 a network that
            computes in no time and that the extractor `vgg16` reads just as well.
    """
    with torch.device("meta"):
        network = VGG16(tuple(width // narrower for width in WIDTHS))
    rng = torch.Generator().manual_seed(seed)
    drawn = {name: _drawn(torch.empty(value.shape), rng) for name, value in network.state_dict().items()}
    with replacing(path) as temporary:
        torch.save(drawn, temporary)
    return path


def random_squeezenet_weights(path: Path, seed: int = 0) -> Path:
    """Write random weights of torchvision's SqueezeNet 1.1 (5 MB), the smallest under LPIPS, to `path`; return it."""
    from torchvision.models import squeezenet1_1

    with torch.device("meta"):
        network = squeezenet1_1(weights=None)
    rng = torch.Generator().manual_seed(seed)
    drawn = {name: _drawn(torch.empty(value.shape), rng) for name, value in network.state_dict().items()}
    with replacing(path) as temporary:
        torch.save(drawn, temporary)
    return path


def _drawn(value: Tensor, rng: torch.Generator) -> Tensor:
    """He-normal weights, and biases around 0 that are small beside what they are added to."""
    inputs = value[0].numel() if value.ndim > 1 else 200
    return value.normal_(0, (2 / inputs) ** 0.5, generator=rng)


def _draw(network: Inception2015) -> None:
    for module in network.modules():
        if isinstance(module, Conv2d):
            init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # cumulative: after one pass, exactly that pass's statistics
            init.normal_(module.weight, mean=1.0, std=0.1)
            init.normal_(module.bias, mean=1.0, std=0.1)
    init.normal_(network.fc.weight, std=2048**-0.5)
    init.normal_(network.fc.bias)


def _noise() -> Tensor:
    """(4, 3, 299, 299) in [-1, 1]: noise of 8 to 299 cells a side, so that every layer sees some structure."""
    cells = [torch.rand(1, 3, side, side) * 2 - 1 for side in (8, 32, 64, SIZE)]
    return torch.cat([functional.interpolate(image, (SIZE, SIZE), mode="bilinear") for image in cells])
