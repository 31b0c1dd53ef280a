"""vendi-score: orders 1/2, 1, 2 and 5 of the cosine kernel, n above and below d."""

from __future__ import annotations

from functools import partial

from ganeval.scoring import Job
from ganeval.testing.parity.cases import Case, Peer, Rows, Sets, Values, rows_above_and_below


def _theirs(sets: Sets, q: float) -> Values:
    from vendi_score import vendi

    rows, _ = sets.rows()
    if q == 1:
        return {"vendi": float(vendi.score_X(rows))}
    return {"vendi": float(vendi.score_K(rows @ rows.T, q=q, normalize=True))}


def _job(sets: Sets, q: float) -> Job:
    return sets.job(metrics=("vendi",), options={"vendi.q": q})


def _case(data: Rows, q: float) -> Case:
    return Case(data, data.width, partial(_theirs, q=q), partial(_job, q=q), f"q = {q:g}")


def cases(images: int) -> list[Case]:
    """Four orders, n above and below d."""
    return [_case(data, q) for data in rows_above_and_below() for q in (0.5, 1, 2, 5)]


PEER = Peer(
    "vendi-score",
    "vendi_score",
    cases,
    "`score_X` for q = 1, `score_K` for the other orders, which `score_X` takes and ignores.",
)
