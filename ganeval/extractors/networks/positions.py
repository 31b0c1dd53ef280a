"""Positions of patches, learnt at one image size and needed at another."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_OFFSET = 0.1  # DINOv2 scales by (patches + 0.1) / patches: the published features of other sizes rest on it


def dinov2_positions(positions: Tensor, prefix: int, grid: tuple[int, int]) -> Tensor:
    """(1, prefix + M * M, D) for a square grid => (1, prefix + grid[0] * grid[1], D), as DINOv2 interpolates them.

    Bicubic without antialias, where timm antialiases (Oquab et al., arXiv 2304.07193, in its published form). The first
    `prefix` tokens have no place and stay.
    """
    kept, patches = positions[:, :prefix], positions[:, prefix:].float()
    side = math.isqrt(patches.shape[1])
    square = patches.unflatten(1, (side, side)).permute(0, 3, 1, 2)  # type: ignore[no-untyped-call]
    scales = [(length + _OFFSET) / side for length in grid]
    moved = functional.interpolate(square, scale_factor=scales, mode="bicubic", align_corners=False)
    assert tuple(moved.shape[2:]) == tuple(grid), f"{side} patches became {tuple(moved.shape[2:])}, expected {grid}"
    return torch.cat([kept, moved.flatten(2).transpose(1, 2).to(positions.dtype)], dim=1)
