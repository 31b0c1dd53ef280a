"""Where the networks' arithmetic is done: float32, or bfloat16 where the hardware has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

import torch
from torch import nn


def choose_precision(name: Literal["auto", "fp32", "bf16"], device: torch.device) -> Literal["fp32", "bf16"]:
    """`auto` is bf16 where the device computes in it natively, else fp32."""
    if name != "auto":
        return name
    return "bf16" if _native_bf16(device) else "fp32"


def _native_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public question for this; a version that lacks the private one trains in fp32
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, lambda: False)() for name in asked)


def run_in_bf16(net: nn.Module, device: torch.device) -> None:
    """Let the network compute in bfloat16 and answer in float32, so that losses and penalties stay in float32."""

    def autocast(forward: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(forward)
        def run(*inputs: Any, **options: Any) -> Any:
            with torch.autocast(device.type, torch.bfloat16):
                result = forward(*inputs, **options)
            return result.float() if isinstance(result, torch.Tensor) else result

        return run

    net.forward = autocast(net.forward)
