"""Conditional models: does a sample show the class that was asked for?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.zoo.classifier import labels_of
from benchmarks.zoo.results import Entry
from benchmarks.zoo.study import Finished, Study
from ganeval.reporting.report import Section, Table

ASKED = 0.85


def applies(run: Finished) -> bool:
    """Models whose samples have a class."""
    return run.checkpoint.recipe.conditional and run.images is not None


def measure(run: Finished) -> dict[str, Any]:
    """Agreement of two classifiers trained on real images with the asked class, and what they reach on real ones."""
    assert run.images is not None, "see applies"
    labels = labels_of(run.images)
    linear = run.card.score("label_consistency")
    assert linear is not None
    images = torch.cat(list(run.images.batches(500)))
    found = run.classifier.classes(images)
    return {
        "agreement": float((found == labels).mean()),
        "real": run.classifier.accuracy,
        "per_class": [float((found == labels)[labels == label].mean()) for label in range(int(labels.max()) + 1)],
        "linear": linear.value,
        "linear_real": linear.details["real_accuracy"],
        "samples": len(labels),
    }


def tell(entries: Sequence[Entry]) -> Section | None:
    """A row for each conditional model."""
    rows = [_row(entry.name, STUDY.found(entry)) for entry in STUDY.measured(entries)]
    if not rows:
        return None
    return Section(
        "Conditional models: is it the class that was asked for?",
        [
            "Share of samples in which a classifier trained on the real training images sees the asked class: a small "
            f"convolutional network (benchmarks/zoo/classifier.py), of which {ASKED:.0%} is asked, and a linear one on "
            "the features of the scores (label_consistency). In brackets what the same classifier gets right of real "
            "test images: more than that means samples that are more typical than real ones."
        ],
        Table(["model", "network", "linear", "worst class", f"{ASKED:.0%} reached"], rows),
    )


def _row(name: str, found: dict[str, Any]) -> list[str]:
    worst = min(range(len(found["per_class"])), key=lambda label: found["per_class"][label])
    return [
        name,
        f"{found['agreement']:.1%} ({found['real']:.1%})",
        f"{found['linear']:.1%} ({found['linear_real']:.1%})",
        f"class {worst}: {found['per_class'][worst]:.1%}",
        "yes" if found["agreement"] >= ASKED else "no",
    ]


STUDY = Study("conditional", applies, measure, tell)
