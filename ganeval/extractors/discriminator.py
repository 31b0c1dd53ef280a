"""The activations of a checkpoint's own discriminator: what the adversary has learnt to see."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, functional
from torch.nn.modules import activation

from ganeval.errors import GanevalError
from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.preparing import antialiased, checked, rgb
from ganeval.extractors.registry import extractor
from ganeval.images.source import Images

ROWS = 16
_OTHERS = {"Maxout"}  # nonlinearities that torch does not have, by the name of their class
_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow converts to grey


class Discriminator(Extractor):
    """`layer1`, `layer2`, ...: outputs of D's nonlinearities as they run; `last` is the deepest of them.

    Maps are averaged over space: (N, C, H, W) => (N, C). A final nonlinearity with one column (a sigmoid on the
    verdict) is no feature and is left out.
    """

    default = "last"

    def __init__(self, checkpoint: Any, setup: Setup) -> None:
        self.name = f"discriminator:{setup.variant}"
        self.fingerprint = f"discriminator/1:{checkpoint.fingerprint}:{setup.precision}"
        self.device, self.spec = setup.device, checkpoint.spec
        self.dtype = torch.bfloat16 if setup.precision == "bf16" else torch.float32
        self.network: Module = checkpoint.nets["D"].eval().requires_grad_(False).to(self.device, self.dtype)
        self.widths = self._measure()

    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, 1 or 3, H, W) => float32 (N, C, S, S) in [-1, 1], padded by -1 where D was trained so."""
        inner = self.spec.size - 2 * self.spec.margin
        pixels = antialiased(checked(images).to(self.device), (inner, inner))
        scaled = self._channels(pixels) / 127.5 - 1
        return functional.pad(scaled, (self.spec.margin,) * 4, value=-1.0)

    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, C, S, S) => float32 (N, D) per layer."""
        from ganeval.extractors.networks.batching import in_fixed_batches

        self.require(layers)
        rows = in_fixed_batches(self._run, prepared, ROWS, alone=True)  # a hook hears whatever batch runs
        return {layer: rows[layer] for layer in layers}

    def _channels(self, pixels: Tensor) -> Tensor:
        """As many channels as D takes: grey repeated, or colour weighted to grey."""
        if self.spec.channels == 3:
            return rgb(pixels)
        if pixels.shape[1] == 1:
            return pixels
        return (pixels * pixels.new_tensor(_LUMA).view(3, 1, 1)).sum(1, keepdim=True)

    @torch.no_grad()
    def _run(self, prepared: Tensor) -> dict[str, Tensor]:
        """Rows of all layers; `last` repeats the deepest."""
        outputs: list[Tensor] = []
        with _listening(self.network, lambda output: outputs.append(_pooled(output))):
            self.network(prepared.to(self.device, self.dtype))
        if outputs and outputs[-1].shape[1] == 1:
            outputs.pop()
        rows = {f"layer{number}": row for number, row in enumerate(outputs, start=1)}
        return rows | ({"last": outputs[-1]} if outputs else {})

    def _measure(self) -> Mapping[str, int]:
        """Widths from two black images."""
        black = torch.zeros(2, self.spec.channels, self.spec.size, self.spec.size, dtype=torch.uint8)
        rows = self._run(self.prepare(black))
        if not rows:
            raise GanevalError(f"{self.name} has no nonlinearity as a module (nn.ReLU and the like) to read from")
        return {layer: row.shape[1] for layer, row in rows.items()}


@contextmanager
def _listening(network: Module, hear: Callable[[Tensor], None]) -> Iterator[None]:
    """Call `hear` with the output of every nonlinearity, whenever one runs."""
    handles = [
        module.register_forward_hook(lambda _module, _inputs, output: hear(output))
        for module in network.modules()
        if type(module).__module__ == activation.__name__ or type(module).__name__ in _OTHERS
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _pooled(output: Tensor) -> Tensor:
    """(N, C, ...) => float32 (N, C) on the CPU. A copy: later modules may write into their input."""
    values = output.detach().float()
    return values.flatten(2).mean(2).cpu() if values.ndim > 2 else values.clone().cpu()


def needed_arguments(network: Module) -> list[str]:
    """The arguments that the network cannot do without."""
    parameters = inspect.signature(network.forward).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in parameters if one.kind in positional and one.default is one.empty]


@extractor(
    "discriminator",
    layers=("layer#", "last"),
    default="last",
    summary="the activations of a trained run's own discriminator, averaged over space",
    variant="RUN",
)
def load(setup: Setup) -> Discriminator:
    """`discriminator:RUN`, a run folder or checkpoint of `ganeval train`."""
    from reference_models.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(Path(setup.variant), setup.device)
    if "D" not in checkpoint.nets:
        raise GanevalError(f"{setup.variant} has no discriminator, only {', '.join(checkpoint.nets)}")
    if checkpoint.spec.source is not None:
        raise GanevalError(
            f"the discriminator of {setup.variant} judges an image beside the one that it was translated from, along "
            "the channels, so it cannot be shown images alone: take a run whose discriminator sees images only, such "
            "as dcgan's"
        )
    if len(needed := needed_arguments(checkpoint.nets["D"])) > 1:
        raise GanevalError(
            f"the discriminator of {setup.variant} judges {' and '.join(needed)} together, so it cannot be shown "
            "images alone: take a run whose discriminator sees images only, such as dcgan's"
        )
    return Discriminator(checkpoint, setup)
