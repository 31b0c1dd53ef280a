"""MS-SSIM: structural similarity of two images over several scales.

Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar 2003; windows and
constants of Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13(4), 2004.
"""

from __future__ import annotations

from collections.abc import Set

import torch
from torch import Tensor
from torch.nn import functional

from ganeval.errors import GanevalError, ImageError
from ganeval.extractors.extractor import Extractor, Setup
from ganeval.extractors.networks.batching import in_fixed_batches
from ganeval.extractors.preparing import OneSize, halves
from ganeval.extractors.registry import extractor

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five scales, finest first
WINDOW, SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
ROWS = 8


class MultiScaleSimilarity(Extractor):
    """prod_j cs_j^w_j * (l cs)_M^w_M, per channel, then the mean over the channels: 1 for equal images, at least 0.

    Contrast and structure cs are compared at every scale, luminance l at the coarsest; scales differ by averages over
    2x2 pixels. Five scales need 161 pixels a side. `scales` asks for that many of the five; without it, as many are
    used as the images allow. In both cases the exponents of those that are used are scaled to sum to 1 as all five do,
    so that values for another number of scales are on a similar footing, but they are not the same measure.
    """

    default, widths, resizer, one_size = "similarity", {"similarity": 1}, "none", True

    def __init__(self, scales: int | None, device: torch.device) -> None:
        self.scales, self.device = scales, device
        self.name = "ms_ssim" if scales is None else f"ms_ssim:{scales}"
        self.fingerprint = f"ms_ssim/1:{scales or 'as many of 5 scales as fit'}, exponents scaled to sum to 1"
        self._size = OneSize(self.name, "take a distance that has its own size, such as efficientnet_lite0_distance")

    def prepare(self, images: Tensor) -> Tensor:
        """Pairs (N, 2 or 6, H, W) => float32 (N, 6, H, W) in [0, 255].

        Raises:
            ImageError: too small for the scales, or of another size than earlier ones.
        """
        pairs = torch.cat(halves(images.to(self.device)), 1)
        self._count(pairs)
        self._size.check(pairs)
        return pairs

    @torch.no_grad()
    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """float32 (N, 6, H, W) => {"similarity": float32 (N, 1)}."""
        self.require(layers)
        count = self._count(prepared)
        return in_fixed_batches(
            lambda pairs: {layer: _similarity(pairs.double(), count) for layer in layers}, prepared, ROWS
        )

    def _count(self, images: Tensor) -> int:
        """How many scales these images are compared at."""
        height, width = images.shape[2:]
        fit = _fitting(min(height, width))
        if fit < (self.scales or 1):
            raise ImageError(
                f"{self.name} needs images of {_least(self.scales or 1)} pixels a side or more, got {height}x{width}: "
                + (f"{fit} scales fit, write ms_ssim:{fit}" if fit else f"the window alone has {WINDOW}")
            )
        return self.scales or fit


def _fitting(side: int) -> int:
    """The number of scales at which the window fits into `side` pixels, 0 to 5."""
    sides = [side]
    while len(sides) < len(EXPONENTS):
        sides.append((sides[-1] + 1) // 2)
    return sum(one >= WINDOW for one in sides)


def _least(scales: int) -> int:
    """The least side for that many scales: 161 for five."""
    return (WINDOW - 1 << scales - 1) + 1


def _similarity(pairs: Tensor, scales: int) -> Tensor:
    """float64 (N, 6, H, W) => float32 (N, 1) on the CPU."""
    left, right = pairs.chunk(2, 1)
    exponents = [one / sum(EXPONENTS[:scales]) * sum(EXPONENTS) for one in EXPONENTS[:scales]]
    product = torch.ones(left.shape[:2], dtype=left.dtype, device=left.device)
    for scale, exponent in enumerate(exponents):
        whole, contrast = _terms(left, right)
        product *= (whole if scale == scales - 1 else contrast).clamp(min=0) ** exponent
        left, right = _halved(left), _halved(right)
    return product.mean(1, keepdim=True).float().cpu()


def _terms(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM, and its factor for contrast and structure, each (N, C): means over the places where the window fits."""
    mean_l, mean_r = _blurred(left), _blurred(right)
    variances = _blurred(left * left) - mean_l**2 + _blurred(right * right) - mean_r**2
    covariance = _blurred(left * right) - mean_l * mean_r
    contrast = (2 * covariance + _C2) / (variances + _C2)
    luminance = (2 * mean_l * mean_r + _C1) / (mean_l**2 + mean_r**2 + _C1)
    return (luminance * contrast).mean((2, 3)), contrast.mean((2, 3))


def _blurred(images: Tensor) -> Tensor:
    """(N, C, H, W) => (N, C, H - 10, W - 10), by a Gaussian window that sums to 1."""
    places = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    window = torch.exp(-(places**2) / (2 * SIGMA**2))
    window = (window / window.sum()).expand(images.shape[1], 1, 1, -1)
    rows = functional.conv2d(images, window, groups=images.shape[1])
    return functional.conv2d(rows, window.transpose(2, 3), groups=images.shape[1])


def _halved(images: Tensor) -> Tensor:
    """Means over 2x2 pixels; an odd side is filled up with its last row or column."""
    height, width = images.shape[2:]
    filled = functional.pad(images, (0, width % 2, 0, height % 2), mode="replicate")
    return functional.avg_pool2d(filled, 2)


@extractor(
    "ms_ssim",
    layers=("similarity",),
    default="similarity",
    summary="MS-SSIM of pairs of images, over as many of its five scales as they allow, or over SCALES",
    variant="[SCALES]",
)
def load(setup: Setup) -> MultiScaleSimilarity:
    """`ms_ssim`, or `ms_ssim:5` to have images refused that are too small for the original five scales."""
    if not setup.variant:
        return MultiScaleSimilarity(None, setup.device)
    if not setup.variant.isdecimal() or not 1 <= int(setup.variant) <= len(EXPONENTS):
        raise GanevalError(f"ms_ssim:{setup.variant} needs a number of scales from 1 to 5: write ms_ssim:3, say")
    return MultiScaleSimilarity(int(setup.variant), setup.device)
