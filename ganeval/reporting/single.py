"""The folder that `ganeval score --out` writes: scorecard, sample sheet and page."""

from __future__ import annotations

from pathlib import Path

from ganeval.compare import compare
from ganeval.files import replacing
from ganeval.images import ImageSource
from ganeval.images.grid import grid, png, thumbnails
from ganeval.reporting.flags import flags
from ganeval.reporting.numbers import format_count
from ganeval.reporting.pairs import closest_pairs
from ganeval.reporting.report import Grid, Report
from ganeval.reporting.write import write_report
from ganeval.scoring import Scored

SAMPLES = "samples.png"


def write_scored(scored: Scored, folder: Path) -> None:
    """Write scorecard.json, samples.png, and the report of this one card."""
    card = scored.card
    grids = [
        Grid(name, caption, sheet)
        for name, caption, source in (
            (card.name, "generated", scored.sources["fake"]),
            (card.reference.name, "reference", scored.sources["real"]),
        )
        if (sheet := sample_sheet(source)) is not None
    ]
    if grids and isinstance(scored.sources["fake"], ImageSource):
        save_sheet(grids[0].png, folder)
    report = Report(
        title=card.name,
        lead=f"{format_count(card.fake.count).capitalize()} samples of {card.name} against "
        f"{format_count(card.reference.count)} of {card.reference.name}.",
        comparison=compare([card]),
        grids=grids,
        pairs=closest_pairs(scored),
        flags=flags(card, card.name),
    )
    write_report(report, folder)
    card.save(folder / "scorecard.json")


def sample_sheet(source: object) -> bytes | None:
    """A sheet of 64 images as PNG, or None where there are only feature rows."""
    return png(grid(thumbnails(source))) if isinstance(source, ImageSource) else None


def save_sheet(sheet: bytes, folder: Path) -> None:
    """Put the sheet beside a scorecard, where `ganeval compare` looks for it."""
    with replacing(folder / SAMPLES) as temporary:
        temporary.write_bytes(sheet)
