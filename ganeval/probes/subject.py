"""What is probed: the discriminator of a run, its encoder, or a network of the user's own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, ModuleDict
from torch.nn.functional import pad

from ganeval.errors import GanevalError
from ganeval.extractors.weights import sha256_of_tensors
from ganeval.images.callables import import_callable


@dataclass(frozen=True)
class Subject:
    """A network and how images reach it.

    Attributes:
        network: the discriminator, in evaluation mode; None where a run has only an encoder.
        fresh: seed => the same architecture with random weights.
        prepare: uint8 (N, C, S, S) => float as the network was trained on.
        encode: prepared images => latents (N, ...), where the run has an encoder.
        size: height and width of the images without the network's margin; None to take them as they are.
        fingerprint: of the weights, and of the recipe or the name of the user's network.
    """

    name: str
    network: Module | None
    fresh: Callable[[int], Module]
    prepare: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], Tensor] | None
    size: int | None
    channels: int
    fingerprint: str


def open_subject(text: str, device: torch.device) -> Subject:
    """A run folder or checkpoint, or `module:callable`, which imports and so executes that module.

    Raises:
        GanevalError: neither, or a run without discriminator and encoder.
    """
    if not Path(text).exists() and ":" in text:
        return _own(text, device)
    return _of_run(Path(text), device)


def _of_run(path: Path, device: torch.device) -> Subject:
    from reference_models.checkpoint import load_checkpoint
    from reference_models.recipe import Encoder
    from reference_models.state import build_networks

    made = load_checkpoint(path, device)
    recipe, spec, nets = made.recipe, made.spec, made.nets
    encode = (lambda images: recipe.encode(nets, images)) if isinstance(recipe, Encoder) else None
    if "D" not in nets and encode is None:
        raise GanevalError(f"{path} has neither a discriminator nor an encoder, only {', '.join(nets)}")
    if spec.source is not None and encode is None:
        raise GanevalError(f"{path}: D of {made.recipe_name} judges images beside their sources, it cannot be probed")

    def of_images(nets: ModuleDict) -> Module:
        return _of_images(nets["D"].eval(), lambda: _code(recipe, nets, spec, device))

    return Subject(
        name=made.recipe_name,
        network=of_images(nets) if "D" in nets else None,
        fresh=lambda seed: of_images(build_networks(recipe, spec, seed, device)),
        prepare=lambda images: pad(images.to(device).float() / 127.5 - 1, [spec.margin] * 4, value=-1.0),
        encode=encode,
        size=spec.size - 2 * spec.margin,
        channels=spec.channels,
        fingerprint=made.fingerprint,
    )


class Codeless(Module):
    """A discriminator of images and codes, which is shown codes of 0: what its convolutions see is the image alone.

    Args:
        code: of one image, (1, ...); only its shape is wanted.
    """

    code: Tensor

    def __init__(self, network: Module, code: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("code", torch.zeros_like(code), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, S, S) => what the network says of them."""
        said: Tensor = self.network(images, self.code.repeat(len(images), *[1] * (self.code.ndim - 1)))
        return said


def _of_images(network: Module, code: Callable[[], Tensor]) -> Module:
    """A discriminator that takes images alone. One of labels as well knows what to do without."""
    wanted = [p for p in inspect.signature(network.forward).parameters.values() if p.default is p.empty]
    return Codeless(network, code()) if len(wanted) == 2 else network


@torch.no_grad()
def _code(recipe: Any, nets: ModuleDict, spec: Any, device: torch.device) -> Tensor:
    """What the encoder makes of a black image."""
    found: Tensor = recipe.encode(nets.eval(), torch.zeros(1, spec.channels, spec.size, spec.size, device=device))
    return found


def _own(text: str, device: torch.device) -> Subject:
    """The user's network: RGB images as they are, in [-1, 1]."""
    found = import_callable(text)
    if not isinstance(found, Module):
        raise GanevalError(f"{text} is {type(found).__name__}, expected a torch.nn.Module")
    network = copy.deepcopy(found).eval().to(device)  # whose batch statistics may be replaced
    return Subject(
        name=text,
        network=network,
        fresh=lambda seed: _redrawn(network, seed),
        prepare=lambda images: images.to(device).float() / 127.5 - 1,
        encode=None,
        size=None,
        channels=3,
        fingerprint=f"callable:{text}:{sha256_of_tensors(network.state_dict())}",
    )


def _redrawn(network: Module, seed: int) -> Module:
    """A copy with every layer's own initial weights."""
    fresh = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for module in fresh.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    return fresh.eval()
