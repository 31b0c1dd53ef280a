"""`Judged` as a page: the numbers of D and D* side by side, their histograms, and the way from one to the other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from ganeval.analysis.discriminator import Judged
from ganeval.analysis.page import Page, Part, png
from ganeval.analysis.value import BLIND, Array, Logits
from ganeval.uncertainty import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "ganeval/analysis/discriminator/1"
HEADER = ("", "D", "D*", "if G drew from the data")
BINS = 40


def rows(judged: Judged) -> list[tuple[str, ...]]:
    """The table's cells."""
    own, best = judged.own, judged.best
    said = [(each.value(), each.js(), each.accuracy(), each.auc(), each.means()) for each in (own, best)]
    return [
        ("V(G, D), nats", *(_shown(value) for value, *_ in said), f"−2 log 2 = {BLIND:.3f}"),
        ("JS is at least, nats", *(_shown(js) for _, js, *_ in said), "0, of log 2 = 0.693 at most"),
        ("accuracy", *(_shown(accuracy) for _, _, accuracy, *_ in said), "0.5"),
        ("AUC", *(f"{auc:.3f}" for *_, auc, _ in said), "0.5"),
        ("mean D(x)", *(f"{means[0]:.3f}" for *_, means in said), "0.5"),
        ("mean D(G(z))", *(f"{means[1]:.3f}" for *_, means in said), "0.5"),
        ("V(G, D*) − V(G, D)", "", _shown(judged.gap()), "0"),
    ]


def record(judged: Judged) -> dict[str, Any]:
    """All numbers as plain data, with the histograms' counts over [0, 1]."""
    return {
        "schema": SCHEMA,
        "model": judged.model,
        "data": judged.data,
        "counts": {"real": judged.counts[0], "generated": judged.counts[1]},
        "D": _numbers(judged.own),
        "D*": _numbers(judged.best),
        "gap": _plain(judged.gap()),
        "kept_step": judged.course.kept,
        "trace": [dataclasses.asdict(moment) for moment in judged.course.trace],
        "warnings": list(judged.warnings),
    }


def words(judged: Judged) -> str:
    """What was done."""
    steps = judged.course.trace[-1].step
    return (
        f"{judged.counts[0]:,} held-out images of {judged.data} and {judged.counts[1]:,} generated ones, none of which "
        f"had a part in training D or D*. D* is a copy of D, trained for {steps:,} steps at most on as many others, "
        f"G unchanged, and taken at step {judged.course.kept:,}, where it did best on images held back. Brackets: 95 % "
        "intervals from the images' own terms."
    )


def page(judged: Judged, command: str) -> Page:
    """Table, histograms and course."""
    parts = [
        Part("What D knows, and what it could know", _meaning(judged), HEADER, rows(judged)),
        Part(
            "D(x) and D(G(z))",
            "How probable D, and D*, find it that real and generated images are real. Were G's images drawn from the "
            "data, D* would be 1/2 everywhere.",
            name="histograms",
            picture=png(_histograms(judged)),
        ),
        Part(
            "From D to D*",
            "V while D is trained further and G stands still: on the images learnt from, and on those held back, which "
            "decide where to stop. −2 log 2 is a D that knows nothing, 0 one that is never wrong.",
            name="course",
            picture=png(_course(judged)),
        ),
    ]
    title = f"The discriminator of {judged.model}"
    return Page(title, words(judged), parts, record(judged), command, judged.warnings)


def _meaning(judged: Judged) -> str:
    js = judged.best.js()
    return (
        "The best discriminator has V(G, D*) = −2 log 2 + 2 JS of data and generated images (Goodfellow et al. "
        "2014, theorem 1); any other has less. So log 2 + V / 2 is a lower bound of JS: here JS is at least "
        f"{js.value:.3f} nats, and at least {max(0.0, js.details['bound']):.3f} in 95 % of such "
        "draws of images. How far above it lies nobody can say: another network may tell more apart."
    )


def _shown(found: Estimate) -> str:
    interval = "" if found.low is None else f" [{found.low:.3f}, {found.high:.3f}]"
    return f"{found.value:.3f}{interval}".replace("-", "−")


def _plain(found: Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "method": found.method, **found.details}


def _numbers(logits: Logits) -> dict[str, Any]:
    real, fake = logits.means()
    return {
        "value": _plain(logits.value()),
        "js_at_least": _plain(logits.js()),
        "accuracy": _plain(logits.accuracy()),
        "auc": logits.auc(),
        "mean_D(x)": real,
        "mean_D(G(z))": fake,
        "histogram_real": _counts(logits.real),
        "histogram_generated": _counts(logits.fake),
    }


def _counts(logits: Array) -> list[int]:
    counts: list[int] = np.histogram(expit(logits), BINS, range=(0.0, 1.0))[0].tolist()
    return counts


def _histograms(judged: Judged) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure((9, 3.4), layout="constrained")
    panels: Sequence[Any] = figure.subplots(1, 2, sharey=True)
    for axes, name, logits in zip(panels, ("D", "D*"), (judged.own, judged.best)):
        for side, label, colour in ((logits.real, "real", "C0"), (logits.fake, "generated", "C1")):
            axes.hist(
                expit(side), BINS, range=(0, 1), weights=np.full(len(side), 1 / len(side)), alpha=0.55, color=colour,
                label=f"{name}({'x' if label == 'real' else 'G(z)'}), {label}",
            )  # fmt: skip
        axes.axvline(0.5, color="0.4", linewidth=1, linestyle=":")
        accuracy, js = logits.accuracy().value, logits.js().value
        axes.set(title=f"{name}: accuracy {accuracy:.3f}, JS ≥ {js:.3f}", xlabel=f"{name}, probability of being real")
        axes.legend()
    panels[0].set_ylabel("share of the images")
    return figure


def _course(judged: Judged) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure((7.5, 3.6), layout="constrained")
    axes: Any = figure.subplots()
    trace = judged.course.trace
    steps = [moment.step for moment in trace]
    axes.plot(steps, [moment.learnt for moment in trace], color="C2", label="images learnt from")
    axes.plot(steps, [moment.held for moment in trace], color="C3", label="images held back")
    value = judged.best.value()
    if value.low is not None and value.high is not None:
        error = [[value.value - value.low], [value.high - value.value]]
        axes.errorbar([judged.course.kept], [value.value], error, fmt="ko", capsize=3, label="D*, images measured on")
    for level, label in ((BLIND, "−2 log 2"), (0.0, "0")):
        axes.axhline(level, color="0.6", linewidth=1, linestyle=":")
        axes.annotate(label, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="0.4")
    lowest = min(BLIND, *(min(moment.learnt, moment.held) for moment in trace))
    axes.set(xlabel="steps of D with G fixed", ylabel="V(G, D), nats", ylim=(max(lowest, 4 * BLIND) - 0.1, 0.15))
    axes.legend(loc="best")
    right = axes.secondary_yaxis("right", functions=(lambda v: math.log(2) + v / 2, lambda js: 2 * (js - math.log(2))))
    right.set_ylabel("JS is at least, nats")
    return figure
