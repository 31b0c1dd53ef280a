"""POT: the exact transport cost, the sliced distance on the same directions, the distance of Gaussians."""

from __future__ import annotations

import zlib

import numpy as np

from ganeval.scoring import Job
from ganeval.slicing import unit_directions
from ganeval.testing.parity.cases import Case, Peer, Sets, Values, rows_above_and_below

PROJECTIONS = 64


def _theirs(sets: Sets) -> Values:
    import ot

    fake, real = sets.rows()
    masses = [np.full(len(rows), 1 / len(rows)) for rows in (real, fake)]
    rng = np.random.default_rng([0, zlib.crc32(b"swd")])  # the draws of `ganeval score --seed 0`
    directions = unit_directions(PROJECTIONS, real.shape[1], rng).double().numpy().T
    return {
        "emd": ot.emd2(*masses, ot.dist(real, fake, "euclidean")),
        "swd": ot.sliced_wasserstein_distance(real, fake, projections=directions),
    }


def _job(sets: Sets) -> Job:
    return sets.job(metrics=("emd", "swd"), options={"swd.projections": PROJECTIONS})


def _theirs_of_gaussians(sets: Sets) -> Values:
    import ot

    means = [rows.mean(0) for rows in sets.rows()]
    covariances = [np.cov(rows, rowvar=False) for rows in sets.rows()]
    return {"fd": ot.gaussian.bures_wasserstein_distance(*means, *covariances) ** 2}


def _fd(sets: Sets) -> Job:
    return sets.job(metrics=("fd",))


def cases(images: int) -> list[Case]:
    """n above and below d, Gaussians above it alone."""
    above, below = rows_above_and_below()
    transport = [Case(data, data.width, _theirs, _job) for data in (above, below)]
    return transport + [Case(above, above.width, _theirs_of_gaussians, _fd, "Gaussians")]


PEER = Peer(
    "POT",
    "ot",
    cases,
    "`emd2` on its own distances, `sliced_wasserstein_distance` on the directions that ganeval draws, the square of "
    "`bures_wasserstein_distance` for fd, which is NaN for singular covariances: above d only. ganeval's emd calls the "
    "same solver, on its own distances.",
)
