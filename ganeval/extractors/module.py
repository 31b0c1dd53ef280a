"""The user's own network: `package.module:name`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from ganeval.errors import GanevalError
from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.preparing import OneSize, checked, rgb
from ganeval.extractors.registry import extractor
from ganeval.images.callables import import_callable
from ganeval.images.source import Images


class UserCallable(Extractor):
    """uint8 (N, 3, H, W) => (N, D) floats, by the user's function or network.

    What it computes cannot be known, so its rows are never cached. The width of `output` is 0 until the first call.
    """

    default, cacheable, one_size = "output", False, True

    def __init__(self, name: str, call: Callable[..., Any], setup: Setup) -> None:
        self.name, self.device = name, setup.device
        self.fingerprint = f"callable:{name}"
        self.widths: Mapping[str, int] = {"output": 0}
        self.call = call.eval().to(setup.device) if isinstance(call, Module) else call
        self._size = OneSize(name)

    def prepare(self, images: Images) -> Tensor:
        """uint8 (N, 1 or 3, H, W) => uint8 (N, 3, H, W): resizing and scaling are the callable's business.

        Raises:
            ImageError: these images differ in size from earlier ones.
        """
        self._size.check(checked(images))
        return rgb(images.to(self.device))

    @torch.no_grad()
    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """uint8 (N, 3, H, W) => {"output": float32 (N, D)}."""
        self.require(layers)
        rows = self.call(prepared)
        width = self.widths["output"] or (rows.shape[-1] if isinstance(rows, Tensor) and rows.ndim else 0)
        if not isinstance(rows, Tensor) or not rows.is_floating_point() or rows.shape != (len(prepared), width):
            got = f"{rows.dtype} {tuple(rows.shape)}" if isinstance(rows, Tensor) else type(rows).__name__
            raise GanevalError(f"{self.name} gave {got} for {len(prepared)} images: return a float tensor (N, D)")
        self.widths = {"output": width}
        return {layer: rows.detach().float().cpu() for layer in layers}


@extractor(
    "module",
    layers=("output",),
    default="output",
    summary="your own function or network: uint8 (N, 3, H, W) => float (N, D); never cached",
    variant="MODULE:CALLABLE",
)
def load(setup: Setup) -> UserCallable:
    """`package.module:name`. Importing the module executes it, which is what writing this form asks for."""
    return UserCallable(setup.variant, import_callable(setup.variant), setup)
