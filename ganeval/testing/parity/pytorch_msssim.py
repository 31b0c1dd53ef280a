"""pytorch-msssim: the mean similarity of random pairs, over five scales and, below 161 pixels, over one."""

from __future__ import annotations

from functools import partial

import torch

from ganeval.images.pairs import random_pairs
from ganeval.scoring import Job
from ganeval.testing.parity.cases import Case, Peer, Pictures, Sets, Values

COUNT = 6
ALIKE = 0.6
ODD = (
    1e-2,
    "200 pixels are halved to 25, which it fills up with black all around, ganeval with the last row and column",
)
OF_ONE = 1.0001
"""Exponent of the only scale: the published five sum to it, and this package keeps the sum."""


def pairs(sets: Sets) -> tuple[torch.Tensor, torch.Tensor]:
    """The pairs of generated images of `ganeval score --seed 0`, float64 (N, 3, H, W) in 0..255."""
    images = sets.pictures()[0].double()
    left, right = random_pairs(len(images), 1000, 0)
    return images[left], images[right]


def job(sets: Sets, scales: int) -> Job:
    """The similarity of those pairs."""
    return sets.job(metrics=("ms_ssim_diversity",), features=(f"ms_ssim:{scales}",))


def _theirs(sets: Sets, scales: int) -> Values:
    import pytorch_msssim

    measure = pytorch_msssim.ms_ssim if scales == 5 else pytorch_msssim.ssim
    found = measure(*pairs(sets), size_average=False)
    return {"ms_ssim_diversity": float((found if scales == 5 else found.clamp(min=0) ** OF_ONE).mean())}


def _case(side: int, channels: int, scales: int) -> Case:
    data, what = Pictures(side, channels, COUNT, ALIKE), f"{scales} scale{'s' * (scales > 1)}"
    allowed = {"ms_ssim_diversity": ODD} if side == 200 else {}
    return Case(data, 0, partial(_theirs, scales=scales), partial(job, scales=scales), what, allowed)


def cases(images: int) -> list[Case]:
    """32 pixels at one scale, 176, which can be halved four times, and 200 at five."""
    return [_case(side, channels, scales) for side, scales in ((32, 1), (176, 5), (200, 5)) for channels in (3, 1)]


PEER = Peer(
    "pytorch-msssim",
    "pytorch_msssim",
    cases,
    "On the random pairs that ganeval draws. Its ms_ssim needs 161 pixels; at 32 its ssim stands for one scale, with "
    "the exponent 1.0001 that ganeval gives it. Its window is rounded to float32, which leaves 3e-6.",
)
