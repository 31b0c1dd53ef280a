"""What every convolutional block of a network makes of images, pooled to a few places each (Radford et al. 2015)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import adaptive_max_pool2d
from torch.utils._python_dispatch import TorchDispatchMode

from ganeval.errors import GanevalError

PLACES = 4
"""Maps are max-pooled to so many rows and columns; smaller ones stay as they are."""

_CONVOLUTIONS = {"convolution", "_convolution", "mkldnn_convolution", "cudnn_convolution"}
_NONLINEAR = {
    *("relu", "leaky_relu", "elu", "gelu", "silu", "hardtanh", "hardswish", "mish", "softplus", "tanh", "sigmoid"),
    *("_prelu_kernel", "prelu", "celu", "selu", "relu6", "threshold", "clamp_min"),
}
_BATCH = 50  # activations of so few images stay in the processor's cache


class Blocks:
    """Images => rows of all blocks, joined in the order in which they run.

    A block is a convolution up to the first nonlinearity behind it, as a module or as a function; what it gives is read
    behind that nonlinearity. A last block of one channel is a verdict, no feature, and is left out.

    Args:
        prepare: uint8 (N, C, H, W) => what the network takes.

    Attributes:
        layers: name and number of columns of every block; known after the first images.
    """

    def __init__(self, network: Module, prepare: Callable[[Tensor], Tensor]) -> None:
        self.network, self.prepare = network.eval(), prepare
        self.layers: dict[str, int] = {}

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) => float32 (N, D) on the CPU.

        Raises:
            GanevalError: the network has no convolution with a nonlinearity behind it, or cannot take the images.
        """
        return torch.cat([self._rows(part) for part in torch.split(images, _BATCH)])

    def _rows(self, images: Tensor) -> Tensor:
        listening = _Listening()
        try:
            with listening:
                self.network(self.prepare(images))
        except (TypeError, RuntimeError) as error:
            raise GanevalError(f"the network cannot take images {tuple(images.shape[1:])} alone: {error}") from error
        maps = listening.maps
        if maps and maps[-1].shape[1] == 1:
            maps.pop()
        if not maps:
            raise GanevalError("the network has no convolution with a nonlinearity behind it to read features from")
        flat = [pooled.flatten(1) for pooled in maps]
        self.layers = {f"layer{number}": rows.shape[1] for number, rows in enumerate(flat, start=1)}
        return torch.cat(flat, 1)


class _Listening(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches the operators that run, whoever calls them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.maps: list[Tensor] = []
        self.convolved = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in _CONVOLUTIONS:
            self.convolved = True
        elif self.convolved and name.rstrip("_") in _NONLINEAR and isinstance(made, Tensor) and made.ndim == 4:
            self.convolved = False
            self.maps.append(pooled(made))
        return made


def pooled(maps: Tensor) -> Tensor:
    """(N, C, H, W) => float32 (N, C, min(4, H), min(4, W)) on the CPU, the largest value of each cell.

    Cells are equal where the size divides, and overlap by a row or column where it does not.
    """
    size = tuple(min(PLACES, side) for side in maps.shape[2:])
    found: Tensor = adaptive_max_pool2d(maps.detach().float(), size)
    return found.cpu().clone()
