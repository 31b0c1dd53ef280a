"""What a reader must know about a scorecard before believing its numbers."""

from __future__ import annotations

from ganeval.reporting.report import Flag
from ganeval.scorecard import Scorecard

COPIED = 25.0
"""AuthPct below this, half of what new samples of the training distribution have, counts as copying."""


def flags(card: Scorecard, name: str) -> list[Flag]:
    """All flags of one card, shown under `name`: copies, files left out, suspicious generators, doubtful numbers."""
    return [*_copied(card, name), *_skipped(card, name), *_suspicious(card, name), *_doubted(card, name)]


def _doubted(card: Scorecard, name: str) -> list[Flag]:
    """What metrics say against their own numbers; what several say alike, once."""
    saying: dict[str, list[str]] = {}
    for score in card.scores:
        for text in score.details.get("warnings", []):
            saying.setdefault(text, []).append(score.metric)
    return [Flag(name, "warning", f"{', '.join(dict.fromkeys(metrics))}: {text}") for text, metrics in saying.items()]


def _suspicious(card: Scorecard, name: str) -> list[Flag]:
    texts = [*card.fake.warnings]
    texts += [f"{one.name} {text}" for one in (card.reference, *card.others.values()) for text in one.warnings]
    return [Flag(name, "warning", text) for text in texts]


def _copied(card: Scorecard, name: str) -> list[Flag]:
    score = card.score("authpct")
    if score is None or score.value >= COPIED:
        return []
    text = (
        f"copied from the training set: only {score.value:.0f} % of its samples are further from a training image than "
        "that image is from its nearest neighbour; new samples reach 50 % and more"
    )
    return [Flag(name, "serious", text)]


def _skipped(card: Scorecard, name: str) -> list[Flag]:
    return [
        Flag(
            name,
            "warning",
            f"{len(record.skipped)} files of {record.name} could not be decoded and were left out: "
            + ", ".join(record.skipped[:5])
            + (" ..." if len(record.skipped) > 5 else ""),
        )
        for record in (card.fake, card.reference, *card.others.values())
        if record.skipped
    ]
