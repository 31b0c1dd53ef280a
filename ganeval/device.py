"""Which device computes."""

from __future__ import annotations

import torch

from ganeval.errors import GanevalError


def choose_device(name: str) -> torch.device:
    """`auto` is the first CUDA device, else the CPU; any other name is torch's.

    Raises:
        GanevalError: no such device, or none that works here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise GanevalError(f"device '{name}' cannot be used: {reason}. Use --device auto, cpu or cuda") from None
    return device
