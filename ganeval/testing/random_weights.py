"""Inception weights drawn at random, in torch-fidelity's file format: for parity and speed without a download."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import BatchNorm2d, Conv2d, init

from ganeval.extractors.networks.inception import SIZE, Inception2015
from ganeval.files import replacing


def random_inception_weights(path: Path, seed: int = 0) -> Path:
    """Write random weights of the 2015 Inception graph to `path` and return it. The same seed gives the same tensors.

    Convolutions are He-normal and the batch norms' statistics come from one pass in training mode over noise at
    several scales. With a library's default weights activations shrink from layer to layer until all images look
    alike, and a parity test would see nothing.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = Inception2015().train()
        for module in network.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, BatchNorm2d):
                module.momentum = None  # cumulative: after one pass, exactly that pass's statistics
                init.normal_(module.weight, mean=1.0, std=0.1)
                init.normal_(module.bias, std=0.1)
        network(_noise(), {"pool"})
    with replacing(path) as temporary:
        torch.save(dict(network.state_dict()), temporary)
    return path


def _noise() -> torch.Tensor:
    """(8, 3, 299, 299) in [-1, 1]: noise of 4 to 128 cells a side, so that every layer sees some structure."""
    cells = [torch.rand(2, 3, n, n) * 2 - 1 for n in (4, 12, 40, 128)]
    return torch.cat([torch.nn.functional.interpolate(c, (SIZE, SIZE), mode="bilinear") for c in cells])
