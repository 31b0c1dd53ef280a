"""prdc: precision, recall, density and coverage on rows."""

from __future__ import annotations

from functools import partial

from ganeval.scoring import Job
from ganeval.testing.parity.cases import Case, Peer, Rows, Sets, Values, rows_above_and_below

METRICS = ("precision", "recall", "density", "coverage")


def _theirs(sets: Sets, k: int) -> Values:
    import prdc

    fake, real = sets.rows()
    found: dict[str, float] = prdc.compute_prdc(real, fake, nearest_k=k)
    return {metric: found[metric] for metric in METRICS}


def _job(sets: Sets, k: int) -> Job:
    return sets.job(protocol="dgm-eval", metrics=METRICS, options={f"{metric}.k": k for metric in METRICS})


def _case(data: Rows, k: int) -> Case:
    return Case(data, data.width, partial(_theirs, k=k), partial(_job, k=k), f"k = {k}")


def cases(images: int) -> list[Case]:
    """k = 3 and 5, n above and below d."""
    return [_case(data, k) for data in rows_above_and_below() for k in (3, 5)]


PEER = Peer("prdc", "prdc", cases, "Rows in float64; ganeval's protocol is dgm-eval's, with open balls as here.")
