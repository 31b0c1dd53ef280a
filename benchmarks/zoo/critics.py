"""Critics: does the distance that they estimate fall together with the score, and what have their weights become?"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.zoo.results import Entry, read_log
from benchmarks.zoo.study import Finished, Study
from benchmarks.zoo.training import DISTANCE
from ganeval.reporting.report import Curve, Grid, Section, Table

ASKED = 0.8
_BINS = 101
_FEWEST = 4
"""Moments from which on a rank correlation says anything."""
NEAR = 0.02
"""Weights this close to the largest magnitude, as a share of it, lie at the bounds."""


def applies(run: Finished) -> bool:
    """Models that log the critic's distance."""
    return DISTANCE in read_log(run.bench.settings.run(run.card.name) / "log.csv")


def measure(run: Finished) -> dict[str, Any]:
    """The histogram of the critic's weights, and how many lie at its ends."""
    weights = torch.cat([each.detach().flatten() for each in run.checkpoint.nets["D"].parameters()]).numpy()
    bound = float(np.abs(weights).max())
    counts, _ = np.histogram(weights, bins=_BINS, range=(-bound, bound))
    return {
        "bound": bound,
        "counts": counts.tolist(),
        "at_bounds": float((np.abs(weights) >= (1 - NEAR) * bound).mean()),
        "weights": len(weights),
    }


def correlation(entry: Entry) -> float | None:
    """Spearman's rank correlation of the distance and the score along training, or None where moments are few."""
    pairs = [(moment.terms[DISTANCE], moment.fd) for moment in entry.result.moments if DISTANCE in moment.terms]
    return float(spearmanr(*zip(*pairs)).statistic) if len(pairs) >= _FEWEST else None


def tell(entries: Sequence[Entry]) -> Section | None:
    """Rows, curves and the histograms."""
    measured = STUDY.measured(entries)
    if not measured:
        return None
    return Section(
        "Critics: a loss that falls as samples get better",
        [
            f"{DISTANCE} is the critic's mean score of real images less that of samples, the mean over all logged "
            "steps since the moment before; the score is fd at that moment, of fewer samples than in the table above. "
            f"Spearman's correlation of the two along training (asked of wgan: {ASKED}). At the bounds lie weights and "
            f"biases of the critic within {NEAR:.0%} of the largest magnitude."
        ],
        Table(
            ["model", "Spearman", "moments", "largest weight", "at the bounds"],
            [_row(entry, STUDY.found(entry)) for entry in measured],
        ),
        [curve for entry in measured for curve in _curves(entry)],
        [Grid("The critics' weights", "share of all weights and biases, 101 bins", _histograms(measured))],
    )


def _row(entry: Entry, found: dict[str, Any]) -> list[str]:
    rank = correlation(entry)
    return [
        entry.name,
        "too few moments" if rank is None else f"{rank:.2f}",
        str(len(entry.result.moments)),
        f"{found['bound']:.3g}",
        f"{found['at_bounds']:.1%}",
    ]


def _curves(entry: Entry) -> list[Curve]:
    moments = [moment for moment in entry.result.moments if DISTANCE in moment.terms]
    if not moments:
        return []
    seconds = [moment.seconds for moment in moments]
    fd = Curve(entry.name, seconds, [moment.fd for moment in moments], "fd along training")
    own = f"{DISTANCE} of {entry.name}"  # each critic has a scale of its own
    return [fd, Curve(entry.name, seconds, [moment.terms[DISTANCE] for moment in moments], own)]


def _histograms(measured: Sequence[Entry]) -> bytes:
    """One panel for each critic, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(measured), 2.6), dpi=110, layout="constrained")
    for axes, entry in zip(np.atleast_1d(figure.subplots(1, len(measured))), measured):
        found = STUDY.found(entry)
        shares = np.array(found["counts"]) / sum(found["counts"])
        edges = np.linspace(-found["bound"], found["bound"], len(shares) + 1)
        axes.stairs(shares, edges, fill=True, color="#2257bf")
        axes.set_title(entry.name, fontsize=10)
        axes.set_xlabel("weight", fontsize=9)
        axes.tick_params(labelsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


STUDY = Study("critic", applies, measure, tell)
