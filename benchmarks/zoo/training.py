"""Training one model for its time, in stages: interruptions cost little, and the score is taken on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.zoo.bench import Bench, Tell
from benchmarks.zoo.results import Moment, read_log, since
from benchmarks.zoo.settings import Settings
from ganeval.errors import GanevalError
from ganeval.files import replace_text
from reference_models.checkpoint import checkpoints, read_record
from reference_models.feed import TrainingImages
from reference_models.fitting import fit
from reference_models.recipe import Fitted, Recipe
from reference_models.trainer import TrainOptions, train

FEW, MANY = 5, 10
"""Moments along training: of most models, and of those whose critic is said to measure how far they are."""
DISTANCE = "W"
"""What a critic's estimate of the distance is called in the log."""
LOG_EVERY = 5
"""Steps between rows of the log."""
_NEVER = 10**9
_ABOUT = "zoo.json"
_MOMENTS = "moments.json"


def trained(
    name: str, recipe: Recipe, bench: Bench, tell: Tell, *, images: TrainingImages | None = None
) -> tuple[list[Moment], str]:
    """Train or fit a model in its run folder, going on from where it was.

    Args:
        images: to train on, where they are not the zoo's: then nothing is scored along training.

    Returns:
        the moments, and why training ended before its time, or nothing.
    """
    settings = bench.settings
    run = settings.run(name)
    _start(run, settings, recipe)
    if isinstance(recipe, Fitted):
        tell(f"{name}: fitting")
        fit(recipe, bench.images, run, seed=settings.seed)
        return [], ""
    moments = _read_moments(run)
    for minutes in _ends(settings.minutes, MANY):
        try:
            tell(f"{name}: training to minute {minutes:.2f} of {settings.minutes:g}")
            _train(recipe, images or bench.images, run, minutes, settings.seed)
        except GanevalError as error:
            if not checkpoints(run):
                raise
            return moments, str(error)
        moments = moments if images else _with_moment(moments, run, bench, minutes)
    return moments, ""


def discard(run: Path) -> None:
    """Delete a run folder that the zoo made, and no other.

    Raises:
        GanevalError: the folder holds something else.
    """
    if not run.exists():
        return
    if not (run / _ABOUT).is_file() and any(run.iterdir()):
        raise GanevalError(f"{run} was not made by the zoo: move it away, or name another folder with --runs")
    shutil.rmtree(run)


def _start(run: Path, settings: Settings, recipe: Recipe) -> None:
    """Keep a run of the same recipe and time; put a new one in the place of any other."""
    about = settings.wanted(recipe).model_dump_json()
    file = run / _ABOUT
    if not file.is_file() or file.read_text(encoding="utf-8") != about:
        discard(run)
        replace_text(file, about)


def _train(recipe: Recipe, images: TrainingImages, run: Path, minutes: float, seed: int) -> None:
    options = TrainOptions(minutes=minutes, seed=seed, save_every=_NEVER, sample_every=_NEVER, log_every=LOG_EVERY)
    train(recipe, images, run, options)


def _ends(minutes: float, stages: int) -> list[float]:
    """When the stages end; each writes a checkpoint.

    >>> _ends(8, 4)
    [2.0, 4.0, 6.0, 8.0]
    """
    return [round(minutes * (stage + 1) / stages, 6) for stage in range(stages)]


def _with_moment(moments: list[Moment], run: Path, bench: Bench, minutes: float) -> list[Moment]:
    """The moments, and this one if the score is to be taken now and was not before an interruption."""
    log = read_log(run / "log.csv")
    due = _ends(bench.settings.minutes, MANY if DISTANCE in log else FEW)
    wanted = [end for end in due if end <= minutes]
    if len(wanted) <= len(moments):
        return moments
    _, record = read_record(run)
    before = moments[-1].seconds if moments else 0.0
    terms = since(log, before, record.seconds)
    moment = Moment(seconds=record.seconds, step=record.step, fd=bench.glance(run, run.name), terms=terms)
    moments = [*moments, moment]
    replace_text(run / _MOMENTS, json.dumps([each.model_dump() for each in moments]))
    return moments


def _read_moments(run: Path) -> list[Moment]:
    file = run / _MOMENTS
    return [Moment(**each) for each in json.loads(file.read_text(encoding="utf-8"))] if file.is_file() else []
