"""torch-fidelity: Inception score, FID, KID from files; precision and recall on VGG16 and on rows."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import patch

import torch

from ganeval.scoring import Job
from ganeval.testing.parity.cases import (
    GREY,
    IN_FLOAT32,
    NARROWER,
    Case,
    Peer,
    Pictures,
    Rows,
    Sets,
    Values,
    inception_cases,
    our_layer,
    rows_above_and_below,
)

QUIET = {"cuda": False, "verbose": False, "cache": False, "save_cpu_ram": False}
PLAN = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


def _calculated(sets: Sets, network: str, **asked: Any) -> dict[str, float]:
    import torch_fidelity

    weights = str(sets.material.weights(network))
    found: dict[str, float] = torch_fidelity.calculate_metrics(
        input1=sets.fake, input2=sets.real, feature_extractor_weights_path=weights, **asked, **QUIET
    )
    return found


def _on_inception(sets: Sets, layer: str, subset: int) -> Values:
    deepest = layer == "2048"
    found = _calculated(
        sets,
        "inception",
        fid=True,
        kid=True,
        isc=deepest,
        isc_splits=2,
        kid_subset_size=subset,
        feature_layer_fid=layer,
        feature_layer_kid=layer,
    )
    values = {"fid" if deepest else "fd": found["frechet_inception_distance"]}
    values |= {"kid": found["kernel_inception_distance_mean"]}
    return values | ({"inception_score": found["inception_score_mean"]} if deepest else {})


def _inception_job(sets: Sets, layer: str, subset: int) -> Job:
    deepest = layer == "2048"
    options = {"kid.subset_size": subset} | ({"inception_score.splits": 2} if deepest else {})
    return sets.job(
        protocol="torch-fidelity",
        metrics=("fid", "kid", "inception_score") if deepest else ("fd", "kid"),
        features=() if deepest else (our_layer(layer),),
        options=options,
        weights={"inception": sets.material.weights("inception")},
    )


def _inception(data: Pictures, layer: str, width: int) -> Case:
    subset = min(data.count // 2, 1000)
    theirs = partial(_on_inception, layer=layer, subset=subset)
    job = partial(_inception_job, layer=layer, subset=subset)
    return Case(data, width, theirs, job, allowed={"kid": IN_FLOAT32})


def _on_vgg16(sets: Sets) -> Values:
    with patch("torchvision.models.vgg16", _narrow):
        found = _calculated(sets, "vgg16", prc=True, feature_extractor="vgg16")
    return {"precision": found["precision"], "recall": found["recall"]}


def _narrow() -> torch.nn.Module:
    """torchvision's network with all widths divided. It ends where torch-fidelity cuts it, so that the file fits."""
    from torchvision.models.vgg import VGG, make_layers

    network = VGG(make_layers([part if isinstance(part, str) else part // NARROWER for part in PLAN]))
    width = 4096 // NARROWER
    network.classifier[0] = torch.nn.Linear(PLAN[0] * 8 // NARROWER * 49, width)
    network.classifier[3] = torch.nn.Linear(width, width)
    network.classifier[6] = torch.nn.Identity()
    return network  # type: ignore[no-any-return]


def _vgg16_job(sets: Sets) -> Job:
    weights = {"vgg16": sets.material.weights("vgg16")}
    return sets.job(protocol="torch-fidelity", metrics=("precision", "recall"), weights=weights)


def _on_rows(sets: Sets) -> Values:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    fake, real = (torch.from_numpy(rows) for rows in sets.rows())
    frechet = fid_statistics_to_metric(*map(fid_features_to_statistics, (fake, real)), verbose=False)
    kernel = kid_features_to_metric(fake, real, kid_subset_size=30, verbose=False)
    shares = prc_features_to_metric(fake, real, verbose=False)
    return {
        "fd": frechet["frechet_inception_distance"],
        "kid": kernel["kernel_inception_distance_mean"],
        "precision": shares["precision"],
        "recall": shares["recall"],
    }


def _rows_job(sets: Sets) -> Job:
    metrics = ("fd", "kid", "precision", "recall")
    return sets.job(protocol="torch-fidelity", metrics=metrics, options={"kid.subset_size": 30})


def _rows(data: Rows) -> Case:
    return Case(data, data.width, _on_rows, _rows_job)


def cases(images: int) -> list[Case]:
    """FID, KID and IS on Inception, precision and recall on VGG16, and all but IS on rows."""
    pictures = [Pictures(side, channels, 24) for side, channels in ((32, 1), (200, 3))]
    vgg16 = [Case(data, 4096 // NARROWER, _on_vgg16, _vgg16_job, "VGG16") for data in pictures]
    on_inception = inception_cases(images, _inception, (GREY,), above=True)
    return on_inception + vgg16 + [_rows(data) for data in rows_above_and_below()]


PEER = Peer(
    "torch-fidelity",
    "torch_fidelity",
    cases,
    "Its own path throughout, with the same random subsets; rows in float64. VGG16's widths are divided by 16 on both "
    "sides. Its path length stops with a TypeError on NumPy 2.4 and is not compared.",
)
