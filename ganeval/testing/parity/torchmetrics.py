"""torchmetrics: FID, KID and the Inception score of its own Inception, whose features are computed once for the three.

KID gets one subset that holds everything and the Inception score one part, because it draws both without a seed.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import Module

from ganeval.scoring import Job
from ganeval.testing.parity.cases import (
    COLOUR,
    IN_FLOAT32,
    Case,
    Peer,
    Pictures,
    Rows,
    Sets,
    Values,
    inception_cases,
    our_layer,
)


class _Given(Module):
    """Stands for a network where its features have been computed already."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, rows: Tensor) -> Tensor:
        return rows


def _features(sets: Sets, layers: list[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Of the generated and of the real images, by layer."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    network = NoTrainInceptionV3("inception-v3-compat", layers, str(sets.material.weights("inception")))
    fake, real = (
        [network._torch_fidelity_forward(part) for part in torch.split(images, 8)] for images in sets.pictures()
    )
    joined = [{layer: torch.cat(rows) for layer, rows in zip(layers, zip(*parts))} for parts in (fake, real)]
    return joined[0], joined[1]


def _distances(fake: Tensor, real: Tensor) -> tuple[float, float]:
    """FID and KID."""
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    given = _Given(fake.shape[1])
    frechet, kernel = FrechetInceptionDistance(given), KernelInceptionDistance(given, subsets=1, subset_size=len(fake))
    for metric in (frechet, kernel):
        metric.update(fake, real=False)
        metric.update(real, real=True)
    return float(frechet.compute()), float(kernel.compute()[0])


def _theirs(sets: Sets, layer: str) -> Values:
    from torchmetrics.image.inception import InceptionScore

    deepest = layer == "2048"
    fake, real = _features(sets, [layer] + ["logits_unbiased"] * deepest)
    values = dict(zip(("fid" if deepest else "fd", "kid"), _distances(fake[layer], real[layer])))
    if deepest:
        score = InceptionScore(_Given(1008), splits=1)
        score.update(fake["logits_unbiased"])
        values["inception_score"] = float(score.compute()[0])
    return values


def _theirs_on_rows(sets: Sets) -> Values:
    return dict(zip(("fd", "kid"), _distances(*map(torch.from_numpy, sets.rows()))))


def _job(sets: Sets, layer: str, subset: int) -> Job:
    deepest = layer == "2048"
    options = {"kid.subsets": 1, "kid.subset_size": subset} | ({"inception_score.splits": 1} if deepest else {})
    return sets.job(
        protocol="torchmetrics",
        metrics=("fid", "kid", "inception_score") if deepest else ("fd", "kid"),
        features=() if deepest else (our_layer(layer),),
        options=options,
        weights={"inception": sets.material.weights("inception")},
    )


def _rows_job(sets: Sets, subset: int) -> Job:
    options = {"kid.subsets": 1, "kid.subset_size": subset}
    return sets.job(protocol="torchmetrics", metrics=("fd", "kid"), options=options)


def _case(data: Pictures, layer: str, width: int) -> Case:
    return Case(
        data,
        width,
        partial(_theirs, layer=layer),
        partial(_job, layer=layer, subset=data.count),
        allowed={"kid": IN_FLOAT32},
    )


def _rows(data: Rows) -> Case:
    return Case(data, data.width, _theirs_on_rows, partial(_rows_job, subset=data.fake))


def cases(images: int) -> list[Case]:
    """FID and KID on three layers and on rows, the Inception score on logits."""
    rows = [_rows(data) for data in (Rows(150, 150, 32), Rows(50, 50, 128))]
    return inception_cases(images, _case, (COLOUR,)) + rows


PEER = Peer(
    "torchmetrics",
    "torchmetrics",
    cases,
    "Its own resizing and network, run once for its three metrics. It draws subsets and parts without a seed, so there "
    "is one subset, of everything, and one part. Rows in float64.",
)
