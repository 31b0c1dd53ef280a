"""How scores move while a run trains: its checkpoints, one after another, scored alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from scipy.stats import kendalltau

from ganeval.errors import GanevalError
from ganeval.scorecard import Score, Scorecard
from ganeval.scoring import Job, Networks, score
from reference_models.checkpoint import checkpoints, read_record

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Moment:
    """A checkpoint: the steps and seconds of training behind it, and its scores."""

    step: int
    seconds: float
    card: Scorecard

    def score(self, key: str) -> Score | None:
        """The score of this `Score.key`, or None where it is not there or not finite."""
        found = next((each for each in self.card.scores if each.key == key), None)
        return found if found is not None and math.isfinite(found.value) else None


@dataclass(frozen=True)
class Course:
    """One run: its moments in the order of their steps."""

    name: str
    moments: tuple[Moment, ...]

    def scored(self, key: str) -> list[tuple[Moment, Score]]:
        """The moments that have this score, with it."""
        return [(moment, found) for moment in self.moments if (found := moment.score(key)) is not None]

    def best(self, key: str) -> tuple[Moment, Score]:
        """Where the score was best, by the metric's own direction; the first of equals.

        Raises:
            GanevalError: no moment has this score.
        """
        scored = self.scored(key)
        if not scored:
            raise GanevalError(f"{self.name} has no finite {key}")
        sign = -1 if scored[0][1].better == "higher" else 1
        return min(scored, key=lambda pair: sign * pair[1].value)


@dataclass(frozen=True)
class Followed:
    """All runs, scored by the same protocol on as many images of the same reference.

    Attributes:
        yardstick: real images scored like a checkpoint, the level that curves come down to; or None.
    """

    courses: tuple[Course, ...]
    yardstick: Scorecard | None = None

    @property
    def cards(self) -> list[Scorecard]:
        """Of all moments."""
        return [moment.card for course in self.courses for moment in course.moments]

    @property
    def keys(self) -> list[str]:
        """Of the scores that any moment has, in the order in which they were asked for."""
        return list(dict.fromkeys(score.key for card in self.cards for score in card.scores))

    def kind(self, key: str) -> Score:
        """Any score of this key, for its metric, features and direction."""
        return next(score for card in self.cards for score in card.scores if score.key == key)


def follow(
    runs: Sequence[Path], job: Job, *, most: int = 10, yardstick: str | None = None, watch: Watch | None = None
) -> Followed:
    """Score checkpoints of each run like `job`, whose `fake` and `name` are not used. What is cached is not made again.

    Args:
        most: checkpoints of a run; of more, this many are taken at even distances, the first and the last among them.
        yardstick: real images other than the reference, to be scored as well.

    Raises:
        GanevalError: a run is no folder of checkpoints, is named twice, or cannot be scored.
    """
    told: Watch = watch or (lambda name, done, of: None)
    networks: Networks = {}
    chosen = {name: _spread(_checkpoints(run), most) for name, run in zip(_names(runs), runs)}
    courses: list[Course] = []
    done, total = 0, sum(map(len, chosen.values()))
    for name, files in chosen.items():
        moments: list[Moment] = []
        for file in files:
            told("checkpoints", done, total)
            done += 1
            _, record = read_record(file)
            card = _scored(job, str(file), f"{name}, step {record.step:,}", told, networks)
            moments.append(Moment(record.step, record.seconds, card))
        courses.append(Course(name, tuple(moments)))
    told("checkpoints", total, total)
    real = None if yardstick is None else _scored(job, yardstick, yardstick, told, networks)
    return Followed(tuple(courses), real)


def agreement(course: Course, one: str, other: str) -> float | None:
    """Kendall's tau between two scores over a run's checkpoints, turned so that 1 means: what one prefers, both do.

    None for fewer than four checkpoints, or where a score does not move.
    """
    both = [(a, b) for moment in course.moments if (a := moment.score(one)) and (b := moment.score(other))]
    if len(both) < 4:
        return None
    sign = 1 if both[0][0].better == both[0][1].better else -1
    tau = float(kendalltau([a.value for a, _ in both], [b.value for _, b in both]).statistic)
    return None if math.isnan(tau) else sign * tau


def improved(scored: Sequence[tuple[Moment, Score]]) -> int:
    """How often a score is better than at the checkpoint before it."""
    values = [score.value * (-1 if score.better == "higher" else 1) for _, score in scored]
    return sum(after < before for before, after in pairwise(values))


def warnings(followed: Followed) -> Iterator[str]:
    """What metrics say against their own numbers, once for each run however many checkpoints it is said of."""
    for course in followed.courses:
        said: dict[tuple[str, str], list[str]] = {}
        for moment in course.moments:
            for each in moment.card.scores:
                for text in each.details.get("warnings", []):
                    said.setdefault((each.metric, re.sub(r"[\d.,]+", "#", text)), []).append(text)
        for (metric, _), texts in said.items():
            yield (
                f"{course.name}, {metric}, at {len(texts)} of {len(course.moments)} checkpoints, last in these words: "
                f"{texts[-1]}"
            )
        if len(course.moments) < 3:
            yield (
                f"{course.name} has {len(course.moments)} checkpoints: train with --save-every N --keep-every N to see "
                "its course"
            )


def _names(runs: Sequence[Path]) -> list[str]:
    """The folders' names, or whole paths where two are called the same."""
    names = [run.resolve().name for run in runs]
    chosen = names if len(set(names)) == len(names) else [run.as_posix() for run in runs]
    if len(set(chosen)) < len(chosen):
        raise GanevalError(f"a run is named twice among {', '.join(chosen)}: name each once")
    return chosen


def _checkpoints(run: Path) -> list[Path]:
    found = checkpoints(run) if run.is_dir() else []
    if not found:
        raise GanevalError(f"{run} is no run folder with checkpoints (step-*.json): name one of `ganeval train --out`")
    return found


def _spread(files: Sequence[Path], most: int) -> list[Path]:
    """At most so many (2 or more), evenly by their steps, first and last among them."""
    if len(files) <= most:
        return list(files)
    places = [round(index * (len(files) - 1) / (most - 1)) for index in range(most)]
    return [files[place] for place in places]


def _scored(job: Job, place: str, name: str, told: Watch, networks: Networks) -> Scorecard:
    titled = {"fake": name, "real": "reference images"}
    return score(
        replace(job, fake=place, name=name),
        lambda role, done, of: told(titled.get(role, role), done, of),
        networks=networks,
    ).card
