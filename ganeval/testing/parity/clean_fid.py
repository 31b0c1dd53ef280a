"""clean-fid, mode `clean`: its FID and KID from files.

It downloads its network as a program. In that place stands this package's network on the same input, so resizing,
statistics and formulas are compared, and the network is not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from ganeval.extractors import load_extractor
from ganeval.scoring import Job
from ganeval.testing.parity.cases import (
    GREY,
    IN_FLOAT32,
    Case,
    Peer,
    Pictures,
    Rows,
    Sets,
    Values,
    inception_cases,
    our_layer,
    without_sqrtm_disp,
)

FEW = 8
"""Up to so many images the deep layer is 768 wide: its square root of a 2048x2048 matrix takes longer than the rest."""


def _network(sets: Sets, layer: str) -> Callable[[Tensor], Tensor]:
    """Resized images, 0..255, float32 (N, 3, 299, 299) => features (N, D)."""
    extractor = load_extractor("inception", weights={"inception": sets.material.weights("inception")})
    name = our_layer(layer).partition(".")[2]
    return lambda images: extractor.forward((images - 128) / 128, {name})[name]


def _theirs(sets: Sets, layer: str, name: str) -> Values:
    from cleanfid import fid

    asked: dict[str, Any] = {"mode": "clean", "num_workers": 0, "device": torch.device("cpu"), "verbose": False}
    features = {}
    network = _network(sets, layer)
    for folder in (sets.fake, sets.real):  # as compute_fid and compute_kid do, but once for both
        features[folder] = fid.get_folder_features(folder, network, batch_size=8, **asked)
    with (
        patch.object(fid, "build_feature_extractor", lambda *_, **__: None),
        patch.object(fid, "get_folder_features", lambda folder, *_, **__: features[folder]),
    ):
        folders = (sets.fake, sets.real)
        return {name: fid.compute_fid(*folders, **asked), "kid": fid.compute_kid(*folders, **asked)}


def _job(sets: Sets, layer: str, name: str) -> Job:
    return sets.job(
        protocol="clean-fid",
        metrics=(name, "kid"),
        features=() if name == "fid" else (our_layer(layer),),
        options={"kid.subsets": 1},  # it draws whole sets, so that one subset is like another
        weights={"inception": sets.material.weights("inception")},
    )


def _case(data: Pictures, layer: str, width: int) -> Case:
    name = "fid" if layer == "2048" else "fd"
    return Case(
        data,
        width,
        partial(_theirs, layer=layer, name=name),
        partial(_job, layer=layer, name=name),
        allowed={"kid": IN_FLOAT32},
    )


def _theirs_on_rows(sets: Sets) -> Values:
    from cleanfid.fid import fid_from_feats, kernel_distance

    fake, real = sets.rows()
    return {"fd": fid_from_feats(fake, real), "kid": kernel_distance(fake, real)}


def _rows_job(sets: Sets) -> Job:
    return sets.job(protocol="clean-fid", metrics=("fd", "kid"), options={"kid.subsets": 1})


def cases(images: int) -> list[Case]:
    """FID and KID on three layers and on rows."""
    rows = [Case(data, data.width, _theirs_on_rows, _rows_job) for data in (Rows(150, 150, 32), Rows(50, 50, 128))]
    layer = "2048" if images > FEW else "768"
    return inception_cases(images, _case, (GREY,), layer=layer) + rows


PEER = Peer(
    "clean-fid",
    "cleanfid",
    cases,
    "Its network would be downloaded as a program: ganeval's stands in its place on the peer's own input, so resizing, "
    "statistics and formulas are compared; rows in float64. Its random subsets hold all images.",
    obstacle=without_sqrtm_disp,
)
