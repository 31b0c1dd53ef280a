"""piq: FID, KID, precision and the Inception score on rows, MS-SSIM on images."""

from __future__ import annotations

from functools import partial

import torch

from ganeval.scoring import Job
from ganeval.testing.parity import pytorch_msssim
from ganeval.testing.parity.cases import Case, Peer, Pictures, Rows, Sets, Values

EARLY = (1e-2, "its Newton-Schulz square root of the covariances' product stops at an error of 1e-5")
ODD = (1e-2, "200 pixels are halved to 25, which it fills up at the top and left, ganeval at the bottom and right")


def _theirs(sets: Sets, splits: int) -> Values:
    import piq
    from piq.isc import inception_score

    fake, real = (torch.from_numpy(rows) for rows in sets.rows())
    return {
        "fd": float(piq.FID().compute_metric(fake, real)),
        "kid": float(piq.KID().compute_metric(fake, real)),
        "precision": float(piq.PR(nearest_k=5).compute_metric(real, fake)[0]),
        "classifier_score": float(inception_score(fake, num_splits=splits)[0]),
    }


def _job(sets: Sets, splits: int) -> Job:
    options = {"precision.k": 5, "classifier_score.splits": splits, "classifier_score.shuffle": False}
    return sets.job(metrics=("fd", "kid", "precision", "classifier_score"), options=options)


def _case(data: Rows) -> Case:
    return Case(
        data,
        data.width,
        partial(_theirs, splits=2),
        partial(_job, splits=2),
        allowed={"fd": EARLY} if data.real > data.width else {},
    )


def _on_pairs(sets: Sets) -> Values:
    import piq

    found = piq.multi_scale_ssim(*pytorch_msssim.pairs(sets), data_range=255, reduction="none")
    return {"ms_ssim_diversity": float(found.mean())}


def _similarity(side: int, channels: int) -> Case:
    data = Pictures(side, channels, pytorch_msssim.COUNT, pytorch_msssim.ALIKE)
    allowed = {"ms_ssim_diversity": ODD} if side == 200 else {}
    return Case(data, 0, _on_pairs, partial(pytorch_msssim.job, scales=5), "5 scales", allowed)


def cases(images: int) -> list[Case]:
    """Rows with n above and below d, as many of both; pairs of images for which its five scales have room."""
    rows = [_case(data) for data in (Rows(150, 150, 32), Rows(50, 50, 128))]
    return rows + [_similarity(side, channels) for side in (176, 200) for channels in (3, 1)]


PEER = Peer(
    "piq",
    "piq",
    cases,
    "Rows in float64. Its recall is not compared: it takes samples for covered that lie on the surface of a real ball. "
    "Its KID takes as many rows of one set as of the other, so both have as many.",
)
