"""InfoGAN: have its codes come to mean something?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from benchmarks import infogan_codes
from benchmarks.zoo.results import Entry
from benchmarks.zoo.study import Finished, Study
from ganeval.reporting.report import Grid, Section, Table
from reference_models.gans.infogan import InfoGAN

EXPLAINED, OF_ENTROPY = 0.60, 0.80
"""Asked: of the classes by the category, and of log(categories) by the bound."""
_SWEEPS = "sweep.png"


def applies(run: Finished) -> bool:
    """Models with InfoGAN's codes."""
    return isinstance(run.checkpoint.recipe, InfoGAN)


def measure(run: Finished) -> dict[str, Any]:
    """The figures of benchmarks/infogan_codes.py, on all test images, and its sweeps as pictures."""
    recipe, settings = run.checkpoint.recipe, run.bench.settings
    assert isinstance(recipe, InfoGAN)
    source = settings.open(run.bench.sets.reference)
    with torch.inference_mode():
        infogan_codes.save_sweeps(run.checkpoint, recipe, settings.seed, run.folder / _SWEEPS)
        return infogan_codes.measured(run.checkpoint, recipe, source, run.bench.sets.count, settings.seed)


def tell(entries: Sequence[Entry]) -> Section | None:
    """A row for each such model, and its sweeps."""
    measured = STUDY.measured(entries)
    if not measured:
        return None
    figures = [
        Grid(f"{entry.name}: {_code(path.stem)}", "rows are latents, columns the values of the code", path.read_bytes())
        for entry in measured
        for path in sorted(entry.folder.glob("sweep-*.png"))
    ]
    return Section(
        "InfoGAN: what the codes have come to mean, without a label",
        [
            "Explained: the share of test images that Q puts into the category standing for their class, on the best "
            f"one-to-one assignment (asked: {EXPLAINED:.0%}). The bound of the mutual information between category and "
            f"image is at most the category's entropy (asked: {OF_ENTROPY:.0%} of it)."
        ],
        Table(
            ["model", "classes explained", "bound, nats", "of the entropy", "continuous codes, nats", "reached"],
            [_row(entry.name, STUDY.found(entry)) for entry in measured],
        ),
        figures=figures,
    )


def _code(stem: str) -> str:
    number = int(stem.rpartition("-")[2])
    return "the category" if number == 0 else f"continuous code {number}"


def _row(name: str, found: dict[str, Any]) -> list[str]:
    reached = found["explained"] >= EXPLAINED and found["category_share_of_entropy"] >= OF_ENTROPY
    return [
        name,
        f"{found['explained']:.1%}",
        f"{found['category_nats']:.3f}",
        f"{found['category_share_of_entropy']:.1%}",
        f"{found['continuous_nats']:.3f}",
        "yes" if reached else "no",
    ]


STUDY = Study("codes", applies, measure, tell)
