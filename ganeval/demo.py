"""The demo's scores and report: trained models next to four yardsticks that give their numbers a meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganeval.compare import compare
from ganeval.files import replacing
from ganeval.images import ImageSource, Opening, open_images
from ganeval.reporting.flags import flags
from ganeval.reporting.report import Curve, Grid, Report
from ganeval.reporting.single import sample_sheet, save_sheet
from ganeval.scorecard import Scorecard
from ganeval.scoring import Job, Networks, score

TRAIN = "dataset:fashion-mnist-mini:train[0:4000]"
HELDOUT = "dataset:fashion-mnist-mini:train[4000:6000]"
COPY = "dataset:fashion-mnist-mini:train[0:2000]"
REFERENCE = "dataset:fashion-mnist-mini:test"
MAIN = "fd"

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Entry:
    """One row of the demo: its name, where its images come from, and whether it is there for scale."""

    name: str
    place: str
    caption: str
    yardstick: bool = False


@dataclass(frozen=True)
class Moment:
    """A checkpoint along a training run: the seconds of training behind it."""

    seconds: float
    place: str


def yardsticks(untrained: str, folder: Path, seed: int) -> list[Entry]:
    """Held-out real images, a copy of training images, a Gaussian fitted to the pixels, the untrained generator."""
    gaussian = folder / "gaussian.npz"
    with replacing(gaussian) as temporary:
        np.savez_compressed(temporary, gaussian_images(_source(TRAIN), 2000, seed))
    return [
        Entry("held-out real images", HELDOUT, "real, and not seen in training: the best there can be", True),
        Entry("copy of training images", COPY, "the training set by heart", True),
        Entry("pixel Gaussian", str(gaussian), "a Gaussian with the pixels' mean and covariance", True),
        Entry("untrained generator", untrained, "the generator before its first step", True),
    ]


def gaussian_images(source: ImageSource, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """`count` draws, uint8 (count, C, H, W), from the Gaussian with the mean and covariance of the source's pixels."""
    images = np.concatenate([batch.numpy() for batch in source.batches(1000)])
    pixels = images.reshape(len(images), -1).astype(np.float64)
    drawn = np.random.default_rng(seed).multivariate_normal(
        pixels.mean(0), np.cov(pixels, rowvar=False), count, method="eigh"
    )
    return drawn.round().clip(0, 255).astype(np.uint8).reshape(count, *images.shape[1:])


def score_entries(
    entries: Sequence[Entry], folder: Path, job: Job, tell: Tell, networks: Networks
) -> tuple[list[Scorecard], list[Grid]]:
    """Score every entry like `job`, writing scorecard.json and samples.png into a folder each."""
    cards, grids = [], []
    for entry in entries:
        scored = score(_like(job, entry.place, entry.name), _titled(tell, entry.name), networks=networks)
        sheet = sample_sheet(scored.sources["fake"])
        assert sheet is not None
        own = folder / entry.name.replace(" ", "-")
        save_sheet(sheet, own)
        scored.card.save(own / "scorecard.json")
        cards.append(scored.card)
        grids.append(Grid(entry.name, entry.caption, sheet))
    return cards, grids


def curve(name: str, moments: Sequence[Moment], job: Job, tell: Tell, networks: Networks) -> Curve:
    """How the main score fell while `name` was trained."""
    values = []
    for moment in moments:
        label = f"{name} after {moment.seconds:.0f} s"
        like = _like(job, moment.place, label, metrics=(MAIN,))
        values.append(score(like, _titled(tell, label), networks=networks).card.scores[0].value)
    return Curve(name, [moment.seconds for moment in moments], values, MAIN)


def report(
    entries: Sequence[Entry], cards: Sequence[Scorecard], grids: Sequence[Grid], curves: Sequence[Curve]
) -> Report:
    """The demo's page."""
    names = [entry.name for entry in entries]
    scale = {entry.name for entry in entries if entry.yardstick}
    models = [f"{line.model} ({line.xs[-1]:.0f} seconds of training)" for line in curves]
    return Report(
        title="ganeval demo",
        lead=f"{' and '.join(models)} on 4,000 small images of clothes, next to four yardsticks that say what a number "
        "means.",
        comparison=compare(cards, names=names, yardsticks=scale),
        main=(MAIN,),
        grids=grids,
        curves=curves,
        flags=[flag for card, name in zip(cards, names) for flag in flags(card, name)],
        notes=(
            "Trained on the first 4,000 training images of fashion-mnist-mini, held out: the other 2,000, reference: "
            "its 2,000 test images. Every score is from 2,000 images on each side, so all rows have the same bias.",
            "A good model lies near the held-out images in every column. A copy does so too, which is why it takes a "
            "metric of memorisation (authpct) to tell it from a good model.",
        ),
        commands=("ganeval demo",),
    )


def _source(place: str) -> ImageSource:
    source = open_images(place, Opening())
    assert isinstance(source, ImageSource)
    return source


def _like(job: Job, place: str, name: str, metrics: tuple[str, ...] = ()) -> Job:
    return replace(job, fake=place, name=name, metrics=metrics, train=None if metrics else job.train)


def _titled(tell: Tell, title: str) -> Tell:
    roles: Mapping[str, str] = {"fake": title, "real": "reference images", "train": "training images"}
    return lambda role, done, total: tell(roles.get(role, role), done, total)
