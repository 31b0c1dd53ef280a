"""What a generator returned, checked and turned into pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import ImageError
from ganeval.images.calling import OutputRange
from ganeval.images.source import Images

BORDERS: dict[OutputRange, tuple[float, float]] = {"-1,1": (-1.0, 1.0), "0,1": (0.0, 1.0), "0,255": (0.0, 255.0)}
TOLERANCE = 5e-4  # of the range's width, beyond its borders: what rounding in half precision explains


def checked_images(made: object, count: int, name: str, output_range: OutputRange = "-1,1") -> Images:
    """What a generator returned for `count` latents as uint8 (count, C, H, W) on the CPU.

    Raises:
        ImageError: not a tensor, a wrong shape, batch size, number of channels or type, NaN, infinities, or values
            outside `output_range`.
    """
    made = shaped(made, count, name)
    return made if made.dtype == torch.uint8 else _from_floats(made, name, output_range)


def shaped(made: object, count: int, name: str) -> Tensor:
    """The tensor (count, C, H, W) on the CPU, uint8 or float."""
    if isinstance(made, np.ndarray):
        made = torch.from_numpy(made)
    if not isinstance(made, Tensor):
        raise ImageError(f"'{name}' returned {type(made).__name__}; expected a tensor (n, C, H, W)")
    if made.ndim != 4 or 0 in made.shape:
        raise ImageError(
            f"'{name}' returned shape {tuple(made.shape)} for {count} latents; expected ({count}, C, H, W)"
        )
    if made.shape[0] != count:
        raise ImageError(f"'{name}' returned {made.shape[0]} images for {count} latents; expected one for each")
    if made.shape[1] not in (1, 3):
        last = " The last axis would fit: move the channels to the second" if made.shape[3] in (1, 3) else ""
        raise ImageError(
            f"'{name}' returned {made.shape[1]} channels; expected 1 (grey) or 3 (RGB), as (n, C, H, W).{last}"
        )
    if made.dtype != torch.uint8 and not made.is_floating_point():
        raise ImageError(f"'{name}' returned {made.dtype}; expected torch.uint8 or floats")
    return made.detach().cpu()


def _from_floats(made: Tensor, name: str, output_range: OutputRange) -> Images:
    made = made.float()
    for kind, bad in (("NaN", made.isnan()), ("infinite values", made.isinf())):
        if bad.any():
            raise ImageError(f"'{name}' returned {kind} in {int(bad.flatten(1).any(1).sum())} of {len(made)} images")
    (black, white), (low, high) = BORDERS[output_range], (made.min().item(), made.max().item())
    slack = TOLERANCE * (white - black)
    if low < black - slack or high > white + slack:
        raise ImageError(
            f"'{name}' returned floats from {low:.4g} to {high:.4g}; expected [{output_range.replace(',', ', ')}]. "
            f"{_mend(low, high)}"
        )
    pixels: Images = on_scale(made, output_range).round().clamp(0, 255).to(torch.uint8)
    return pixels


def on_scale(made: Tensor, output_range: OutputRange) -> Tensor:
    """Floats of that range => float32 from 0 to 255, neither rounded nor clipped. uint8 stays as it is."""
    if made.dtype == torch.uint8:
        return made
    black, white = BORDERS[output_range]
    return (made.float() - black) * (255 / (white - black))


def _mend(low: float, high: float) -> str:
    fitting = [name for name, (black, white) in BORDERS.items() if black <= low and high <= white]
    return f"Is it --output-range {fitting[0]}?" if fitting else "Rescale them, or return uint8"


def range_warning(made: Tensor, output_range: OutputRange) -> str | None:
    """A warning where floats (n, C, H, W) use so little of their range that another one must be meant."""
    if made.dtype == torch.uint8:
        return None
    low, high = made.min().item(), made.max().item()
    meant: OutputRange | None = None
    if output_range == "-1,1" and low >= 0:
        meant = "0,1"
    if output_range == "0,255" and high <= 1:
        meant = "0,1"
    if meant is None:
        return None
    return (
        f"returns floats from {low:.4g} to {high:.4g}, read as [{output_range.replace(',', ', ')}]: "
        f"if they mean [{meant.replace(',', ', ')}], give --output-range {meant}"
    )
