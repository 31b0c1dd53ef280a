"""Several training runs of one recipe as one row: their mean, and an interval that training noise is part of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ganeval.compare import compare
from ganeval.protocol import fingerprint
from ganeval.scorecard import ImageSetRecord, Score, Scorecard
from ganeval.uncertainty import Estimate, between_runs

_SEED = re.compile(r"seed[-_ ]?\d+", re.IGNORECASE)


def recipe_of(path: Path) -> Path | None:
    """The folder that stands for the recipe of a scorecard in `RECIPE/seed0`, or None for any other place.

    >>> recipe_of(Path("runs/dcgan/seed3/scorecard.json")).as_posix()
    'runs/dcgan'
    """
    folder = path.parent if path.name == "scorecard.json" else path
    return folder.parent if _SEED.fullmatch(folder.name) else None


def gathered(
    cards: Sequence[Scorecard], paths: Sequence[Path], *, level: float = 0.95
) -> tuple[list[Scorecard], list[Path]]:
    """Cards and places with the runs of each recipe (two or more, by `recipe_of`) replaced by one card at its folder.

    Raises:
        GanevalError: runs of one recipe were scored differently.
    """
    groups: dict[Path, list[Scorecard]] = {}
    for card, path in zip(cards, paths):
        recipe = recipe_of(path)
        groups.setdefault(path if recipe is None else recipe, []).append(card)
    single = {place for place, group in groups.items() if len(group) == 1}
    places = [place if place not in single else _only(place, paths) for place in groups]
    merged = [group[0] if len(group) == 1 else merge(group, place.name, level=level) for place, group in groups.items()]
    return merged, places


def _only(place: Path, paths: Sequence[Path]) -> Path:
    """Where the only card of a group lies."""
    return next(path for path in paths if path == place or recipe_of(path) == place)


def merge(cards: Sequence[Scorecard], name: str, *, level: float = 0.95) -> Scorecard:
    """One card of the means over runs, for the scores that all have; `details["of_runs"]` holds the runs' own values.

    Raises:
        GanevalError: fewer than two cards, or cards that cannot be compared.
    """
    compare(cards, names=[f"{name} {index}" for index in range(len(cards))])  # refuses what does not belong together
    keys = [score.key for score in cards[0].scores]
    shared = [key for key in keys if all(any(score.key == key for score in card.scores) for card in cards)]
    scores = [_mean([score for card in cards for score in card.scores if score.key == key], level) for key in shared]
    fake = ImageSetRecord(
        name=name,
        fingerprint=fingerprint([card.fake.fingerprint for card in cards]),
        count=cards[0].fake.count,
        skipped=[file for card in cards for file in card.fake.skipped],
        warnings=list(dict.fromkeys(text for card in cards for text in card.fake.warnings)),
    )
    return cards[0].model_copy(update={"name": name, "fake": fake, "scores": scores, "seconds": {}})


def _mean(scores: Sequence[Score], level: float) -> Score:
    runs = [Estimate(score.value, score.low, score.high, score.method, level=score.level) for score in scores]
    estimate = between_runs(runs, level)
    return scores[0].model_copy(
        update={
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "method": estimate.method,
            "details": {**estimate.details, "of_runs": [score.value for score in scores]},
            "level": estimate.level,
        }
    )
