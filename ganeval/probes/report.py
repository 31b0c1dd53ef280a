"""A probe as a page, as Markdown and as JSON."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganeval.files import replace_text
from ganeval.probes.cited import SOURCE, cited
from ganeval.probes.probe import Probed
from ganeval.probes.protocol import Outcome
from ganeval.reporting.markdown import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADER = ("features or classifier", "features", "setting", "accuracy %", "error %")


def write(probed: Probed, folder: Path, command: str) -> Path:
    """Write probe.json, probe.md and index.html, each atomically; returns the page."""
    replace_text(folder / "probe.json", json.dumps(record(probed), indent=1) + "\n")
    replace_text(folder / "probe.md", markdown(probed, command))
    replace_text(folder / "index.html", html(probed, command))
    return folder / "index.html"


def record(probed: Probed) -> dict[str, Any]:
    """All outcomes as plain data."""
    job = probed.job
    return {
        "schema": "ganeval/probe/1",
        "subject": {"name": job.subject.name, "fingerprint": job.subject.fingerprint},
        "data": {"name": job.task.name, "fingerprint": job.task.fingerprint, "classes": list(job.task.classes)},
        "batchnorm": job.batchnorm,
        "seed": job.seed,
        "outcomes": [_summed(one) for one in probed.outcomes],
        "layers": [_summed(one) for one in probed.layers],
        "curves": {name: [_summed(one) for one in curve] for name, curve in probed.curves.items()},
    }


def _summed(outcome: Outcome) -> dict[str, Any]:
    return outcome.record() | {
        "accuracy": outcome.accuracy,
        "spread": outcome.spread,
        "per_class": outcome.per_class,
    }


def rows(probed: Probed) -> list[tuple[str, ...]]:
    """The table's cells, best accuracy first, cited numbers last."""
    ordered = sorted(probed.outcomes, key=lambda one: -one.accuracy)
    measured: list[tuple[str, ...]] = [
        (one.name, "–" if one.width is None else f"{one.width:,}", _setting(one), *_percent(one)) for one in ordered
    ]
    others: list[tuple[str, ...]] = [
        (f"cited: {one.name}", "–", "–", f"{100 * one.accuracy:.1f}", f"{100 - 100 * one.accuracy:.2f}")
        for one in cited(probed.job.task.name, probed.job.labels)
    ]
    return measured + others


def protocol_words(probed: Probed) -> str:
    """What was done, in a sentence or two."""
    job, task = probed.job, probed.job.task
    drawn = (
        f"{job.labels} labels per class, {job.repeats} draws; mean ± 1.96 standard deviations of the draws (not of "
        "their mean)"
        if job.labels is not None
        else "all labels; one fit, so no spread"
    )
    statistics = "taken anew from the training images" if job.batchnorm == "reestimate" else "as they were stored"
    return (
        f"{task.name}: {len(task.train):,} training images, {task.validation:,} of them for choosing settings, "
        f"{len(task.test):,} test images. {drawn}. Linear one-against-rest L2-SVM (LinearSVC's objective), features "
        f"not scaled, every convolutional block max-pooled to 4x4; batch norms' statistics {statistics}."
    )


def markdown(probed: Probed, command: str) -> str:
    """Table, layers, classes and curves."""
    parts = [
        f"# Probe of {escape(probed.job.subject.name)}",
        escape(protocol_words(probed)),
        _table(HEADER, rows(probed)),
    ]
    if cited(probed.job.task.name, probed.job.labels):
        parts.append(f"Cited numbers are not measured here: {SOURCE}; other features, other images.")
    if probed.layers:
        layers = [(one.name, f"{one.width:,}", _setting(one), *_percent(one)) for one in probed.layers]
        parts += ["## Each block alone", _table(HEADER, layers)]
    parts += ["## By class", _table(("class", "accuracy %"), _by_class(probed))]
    if _curved(probed):
        curves = [(name, _labels(one), *_percent(one)) for name, curve in probed.curves.items() for one in curve]
        parts += ["## Learning curves", _table(("features", "labels per class", "accuracy %", "error %"), curves)]
    return "\n\n".join([*parts, f"```\n{command}\n```"]) + "\n"


def html(probed: Probed, command: str) -> str:
    """One page that loads nothing."""
    from ganeval.reporting.page import environment

    curves = [("Learning curves", "Bands are 1.96 standard deviations of the draws.", _curves(probed))]
    figures = [
        *(curves if _curved(probed) else []),
        ("Each block alone", "The same SVM on one block's features.", _layers(probed)),
        ("What is confused", f"{probed.outcomes[0].name}: rows true, columns found, in percent.", _confused(probed)),
        ("The features", "Test images on the two main directions of their features, by class.", _scatter(probed)),
    ]
    return (
        environment()
        .get_template("probe.html.j2")
        .render(
            title=f"Probe of {probed.job.subject.name}",
            lead=protocol_words(probed),
            header=HEADER,
            rows=rows(probed),
            first=probed.outcomes[0].name,
            by_class=_by_class(probed),
            figures=[(title, caption, _data(figure)) for title, caption, figure in figures],
            cited=bool(cited(probed.job.task.name, probed.job.labels)),
            source=SOURCE,
            command=command,
        )
    )


def _curved(probed: Probed) -> bool:
    """Whether there is a curve of more than the table's own point."""
    return any(len(curve) > 1 for curve in probed.curves.values())


def _setting(outcome: Outcome) -> str:
    return f"{outcome.setting} = {outcome.chosen:g}" if outcome.setting else "–"


def _percent(outcome: Outcome) -> tuple[str, str]:
    spread = "" if outcome.spread is None else f" ± {100 * outcome.spread:.2f}"
    return f"{100 * outcome.accuracy:.2f}{spread}", f"{100 - 100 * outcome.accuracy:.2f}"


def _labels(outcome: Outcome) -> str:
    return "all" if outcome.labels is None else str(outcome.labels)


def _by_class(probed: Probed) -> list[tuple[str, str]]:
    shares = probed.outcomes[0].per_class
    return [(name, f"{100 * share:.1f}") for name, share in zip(probed.job.task.classes, shares)]


def _table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *[[escape(cell) for cell in row] for row in cells]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    return figure, figure.subplots()


def _curves(probed: Probed) -> Figure:
    figure, axes = _figure(7, 4)
    most = len(probed.job.task.train) / len(probed.job.task.classes)
    for name, curve in probed.curves.items():
        x = [one.labels or most for one in curve]
        y = np.array([100 * one.accuracy for one in curve])
        spread = np.array([100 * (one.spread or 0.0) for one in curve])
        axes.plot(x, y, marker="o", label=name)
        axes.fill_between(x, y - spread, y + spread, alpha=0.2)
    axes.set(xscale="log", xlabel="labels per class", ylabel="accuracy, %")
    counts = sorted({one.labels or most for curve in probed.curves.values() for one in curve})
    axes.set_xticks(counts, [f"{count:g}" for count in counts])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _layers(probed: Probed) -> Figure:
    bars = [*probed.layers, probed.outcomes[0]]
    figure, axes = _figure(7, 0.45 * len(bars) + 1)
    names = [f"{one.name} ({one.width:,})" for one in bars]
    axes.barh(names, [100 * one.accuracy for one in bars], xerr=[100 * (one.spread or 0.0) for one in bars])
    axes.invert_yaxis()
    axes.set_xlabel("accuracy, %")
    return figure


def _confused(probed: Probed) -> Figure:
    table = np.array(probed.outcomes[0].confusion, float)
    shares = 100 * table / table.sum(1, keepdims=True).clip(1)
    classes = probed.job.task.classes
    figure, axes = _figure(6, 5.5)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    for (row, column), share in np.ndenumerate(shares) if len(classes) <= 20 else ():
        axes.text(column, row, f"{share:.0f}", ha="center", va="center", color="white" if share > 50 else "black")
    return figure


def _scatter(probed: Probed) -> Figure:
    points, labels = (part.numpy() for part in probed.picture)
    figure, axes = _figure(6.5, 5)
    for number, name in enumerate(probed.job.task.classes):
        own = points[labels == number]
        axes.scatter(own[:, 0], own[:, 1], s=6, alpha=0.6, label=name, color=f"C{number % 10}")
    axes.legend(markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(xlabel="first direction", ylabel="second direction")
    return figure


def _data(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")
