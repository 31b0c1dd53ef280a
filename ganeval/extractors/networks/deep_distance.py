"""A distance of two images by the maps of one network: what LPIPS is, and what can be had without its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

import torch
from torch import Tensor

from ganeval.extractors.extractor import Extractor
from ganeval.extractors.networks.batching import in_fixed_batches
from ganeval.extractors.preparing import halves

ROWS = 4
_EPS = 1e-10  # of LPIPS, beside the length of a channel vector


class DeepDistance(Extractor):
    """d(x, y) = sum_k mean_hw sum_c w_kc (a_khwc - b_khwc)^2, with a, b the maps of x, y at stage k.

    Channel vectors are scaled to length 1 at every place before they are compared (Zhang et al. 2018, eq. 1; there, w
    is within the square). Always computed in float32: at the small steps of a path length, bf16 would see rounding.
    """

    default, widths = "distance", {"distance": 1}

    def __init__(
        self,
        name: str,
        fingerprint: str,
        *,
        scale: Callable[[Tensor], Tensor],
        stages: Callable[[Tensor], Sequence[Tensor]],
        weights: Sequence[Tensor],
        resizer: str,
    ) -> None:
        """
        Args:
            scale: float32 (N, 3, H, W) in [0, 255] => the network's input (N, 3, S, S), on its device.
            stages: input (N, 3, S, S) => maps (N, C_k, H_k, W_k).
            weights: of the channels of each stage, (C_k,), none negative.
            resizer: what `scale` does to the size, in words.
        """
        self.name, self.fingerprint = name, f"{name}:{fingerprint}:fp32"
        self._scale, self._stages, self._weights, self.resizer = scale, stages, weights, resizer

    def prepare(self, images: Tensor) -> Tensor:
        """Pairs (N, 2 or 6, H, W) => float32 (N, 6, S, S): both images as the network takes them."""
        both = self._scale(torch.cat(halves(images)))
        return torch.cat(both.chunk(2), 1)

    @torch.no_grad()
    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, 6, S, S) => {"distance": float32 (N, 1)}, 0 for equal images."""
        self.require(layers)
        return in_fixed_batches(lambda pairs: {layer: self._run(pairs) for layer in layers}, prepared, ROWS)

    def _run(self, pairs: Tensor) -> Tensor:
        both = torch.cat(pairs.chunk(2, 1)).contiguous(memory_format=torch.channels_last)
        gaps = [_gap(maps, weights) for maps, weights in zip(self._stages(both), self._weights, strict=True)]
        return torch.stack(gaps).sum(0)[:, None].cpu()


def _gap(maps: Tensor, weights: Tensor) -> Tensor:
    """One stage's maps (2N, C, H, W), all left images first => its part of the distance, (N,)."""
    unit = maps / (maps.square().sum(1, keepdim=True).sqrt() + _EPS)
    left, right = unit.chunk(2)
    return ((left - right).square() * weights[:, None, None]).sum(1).mean((1, 2))
