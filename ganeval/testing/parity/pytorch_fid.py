"""pytorch-fid: its FID from files, at three of its widths, and of rows."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from ganeval.scoring import Job
from ganeval.testing.parity.cases import (
    COLOUR,
    Case,
    Peer,
    Pictures,
    Sets,
    Values,
    inception_cases,
    our_layer,
    rows_above_and_below,
    without_sqrtm_disp,
)


def _theirs(sets: Sets, layer: str, name: str) -> Values:
    from pytorch_fid.fid_score import calculate_fid_given_paths

    def weights(url: str, **options: Any) -> Any:
        return torch.load(sets.material.weights("inception"), weights_only=True)

    with patch("pytorch_fid.inception.load_state_dict_from_url", weights):
        return {name: calculate_fid_given_paths([sets.fake, sets.real], 8, "cpu", int(layer), num_workers=0)}


def _job(sets: Sets, layer: str, name: str) -> Job:
    return sets.job(
        protocol="pytorch-fid",
        metrics=(name,),
        features=() if name == "fid" else (our_layer(layer),),
        weights={"inception": sets.material.weights("inception")},
    )


def _case(data: Pictures, layer: str, width: int) -> Case:
    name = "fid" if layer == "2048" else "fd"
    return Case(data, width, partial(_theirs, layer=layer, name=name), partial(_job, layer=layer, name=name))


def _theirs_on_rows(sets: Sets) -> Values:
    from pytorch_fid.fid_score import calculate_frechet_distance

    moments = [part for rows in sets.rows() for part in (rows.mean(0), np.cov(rows, rowvar=False))]
    return {"fd": calculate_frechet_distance(*moments)}


def _rows_job(sets: Sets) -> Job:
    return sets.job(protocol="pytorch-fid", metrics=("fd",))


def cases(images: int) -> list[Case]:
    """FID at three of its --dims, and of rows."""
    rows = [Case(data, data.width, _theirs_on_rows, _rows_job) for data in rows_above_and_below()]
    return inception_cases(images, _case, (COLOUR,)) + rows


PEER = Peer(
    "pytorch-fid",
    "pytorch_fid",
    cases,
    "Its own path throughout, but that its weights are not downloaded.",
    obstacle=without_sqrtm_disp,
)
