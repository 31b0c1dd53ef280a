"""Convolutions for a CPU: weights laid out once for oneDNN, and the ReLU done while the result is in registers."""

from __future__ import annotations

import threading

import torch
from torch import Tensor
from torch.nn import Conv2d, Module

_packing = threading.Lock()


def can_pack(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch has what `PackedConv2d` needs: oneDNN's fused convolution, for float32 on a CPU."""
    fused = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")  # type: ignore[no-untyped-call]
    return device.type == "cpu" and dtype == torch.float32 and fused


class PackedConv2d(Module):
    """The same function as `convolution`, float32 on a CPU, for inputs of one shape.

    torch lays a convolution's weights out anew in every call, which for small maps takes as long as reading them; here
    it is done in the first call, whose input decides the layout.
    """

    def __init__(self, convolution: Conv2d) -> None:
        super().__init__()
        assert isinstance(convolution.padding, tuple)
        self.place = (convolution.padding, convolution.stride, convolution.dilation, convolution.groups)
        self.weight, self.bias = convolution.weight.detach(), convolution.bias
        self.packed: Tensor | None = None

    def forward(self, x: Tensor, *, relu: bool = False) -> Tensor:
        """(N, C, H, W) => (N, O, H', W'), channels last."""
        with _packing:
            if self.packed is None:
                self.packed = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *self.place, x.shape)
                self.weight = torch.empty(0)  # not kept twice
        activation = "relu" if relu else "none"
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.packed, self.bias, *self.place, activation, [], ""
        )
        return made
