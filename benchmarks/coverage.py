"""How often do nominal 95 % intervals hold what they are for? Simulations, in pieces that can be resumed.

    python benchmarks/coverage.py [--only fd-gaussian-16-400 ...] [--trials 400] [--out DIR] [--work DIR]

Every trial draws two new samples, scores them as `ganeval score` would, and asks whether the interval holds its target:
the population value (in closed form, or that of the full sets), or the mean of the value over all trials where the
interval is for the value at these counts. Every trial is appended to a file in --work, from which a run that was
stopped, or one of more trials, goes on: empty that folder when an interval has changed. Answers are kept in
OUT/coverage.json, one piece after the other, and OUT/coverage.md is written anew each time.
`fd-efficientnet-1280-2000` needs --real and --fake, image sets or checkpoints whose EfficientNet-Lite0 features are to
stand for the populations (8,000 images of a checkpoint). The line in reports/trust is of the test images of
Fashion-MNIST and of the first training that benchmarks/gate.py makes:

    --real dataset:fashion-mnist:test --fake build/trust/runs/seed0/step-00001000.json --trials 200
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ganeval.cache import Cache, folder
from ganeval.device import choose_device
from ganeval.extractors import load_extractor, parse_tap
from ganeval.files import replace_text
from ganeval.gaussians import Gaussian, frechet
from ganeval.images import Opening, open_images
from ganeval.metrics.metric import estimated, get
from ganeval.passes import Pass, summarise
from ganeval.summaries import Features, Summary
from ganeval.uncertainty import Estimate

Rows = NDArray[np.float32]
Draw = Callable[[np.random.Generator, int], tuple[Rows, Rows]]


@dataclass(frozen=True)
class Piece:
    """One simulation. `truth` is the population value, None where the target is the mean value at these counts."""

    metric: str
    n: int
    draw: Draw
    truth: Callable[[], float] | None = None


@dataclass(frozen=True)
class Answer:
    """What a piece found: shares in percent, the rest in units of the metric."""

    metric: str
    n: int
    trials: int
    target: float
    value: float
    coverage: float
    width: float


def scales(d: int, shape: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Standard deviations of real and of generated features, and the mean of the generated ones, (D,) each."""
    if shape == "gaussian":
        return np.ones(d), np.linspace(0.5, 1.2, d), np.full(d, 0.1)
    real: NDArray[np.float64] = np.arange(1, d + 1, dtype=np.float64) ** -0.5
    return real, real * np.where(np.arange(d) % 2, 0.8, 1.1), 0.3 * real


def pair(rng: np.random.Generator, n: int, *, d: int, shape: str) -> tuple[Rows, Rows]:
    """Gaussian rows, or skewed ones of random length, with the moments of `scales`."""
    real, fake, mean = scales(d, shape)

    def white() -> NDArray[np.float64]:
        if shape == "gaussian":
            return rng.standard_normal((n, d))
        return np.asarray((rng.exponential(1, (n, d)) - 1) * np.sqrt(rng.gamma(4, 0.25, (n, 1))))

    return (white() * real).astype(np.float32), (white() * fake + mean).astype(np.float32)


def frechet_truth(d: int, shape: str) -> float:
    """Between the populations of `pair`, whose covariances are diagonal."""
    real, fake, mean = scales(d, shape)
    return float((mean**2).sum() + ((real - fake) ** 2).sum())


def resample(rng: np.random.Generator, n: int, *, real: Rows, fake: Rows) -> tuple[Rows, Rows]:
    """Rows of full sets that stand for populations, with replacement."""
    return real[rng.integers(len(real), size=n)], fake[rng.integers(len(fake), size=n)]


def pieces(populations: tuple[Rows, Rows] | None) -> dict[str, Piece]:
    """All simulations by name."""
    made = {}
    for shape in ("gaussian", "skewed"):
        for d, n in ((16, 400), (16, 2000), (64, 400), (64, 2000)):
            truth = partial(frechet_truth, d, shape)
            made[f"fd-{shape}-{d}-{n}"] = Piece("fd", n, partial(pair, d=d, shape=shape), truth)
    if populations:
        real, fake = populations
        made["fd-efficientnet-1280-2000"] = Piece(
            "fd", 2000, partial(resample, real=real, fake=fake), partial(full_distance, real, fake)
        )
    for name in OTHERS:
        made[name] = Piece(name, 500, partial(pair, d=16, shape="skewed"))
    return made


OTHERS = (
    *("kid", "mmd_rbf", "energy_distance", "precision", "recall", "density", "coverage"),
    *("c2st", "c2st_knn", "one_nn", "swd", "js_classifier"),
)


def features(name: str) -> Rows:
    """EfficientNet-Lite0 features of an image set or of a checkpoint's images, kept in ganeval's cache."""
    tap = parse_tap("efficientnet_lite0.pool")
    source = open_images(name, Opening(generate=8000, seed=0))
    network = load_extractor(tap.extractor, device=choose_device("auto"))
    run = Pass({tap.extractor: network}, cache=Cache(folder()))
    made = summarise(name, source, {(tap, Features)}, run)[tap, Features]
    assert isinstance(made, Features)
    rows: Rows = made.rows.numpy()
    return rows


def full_distance(real: Rows, fake: Rows) -> float:
    """The Frechet distance of full sets."""
    return frechet(*(Gaussian.of(torch.from_numpy(rows)) for rows in (real, fake)))


def scored(piece: Piece, rng: np.random.Generator) -> Estimate:
    """The metric of two new samples."""
    metric = get(piece.metric)
    sets = [summary(kind, rows) for kind, rows in zip(metric.sets.values(), piece.draw(rng, piece.n), strict=True)]
    inputs: Mapping[str, Summary] = dict(zip(metric.sets, sets, strict=True))
    return estimated(metric, inputs, metric.options, draws=partial(np.random.default_rng, 0))


def run(piece: Piece, trials: int, file: Path) -> Answer:
    """Score `trials` pairs of samples, less those in `file`, to which each is added: value, low and high."""
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for trial in range(len(found), trials):
        estimate = scored(piece, np.random.default_rng([trial, 7]))
        found.append([estimate.value, estimate.low, estimate.high])
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(found[-1]) + "\n")
    value, low, high = np.array(found[:trials], dtype=np.float64).T
    target = float(value.mean()) if piece.truth is None else piece.truth()
    inside = float(((low <= target) & (target <= high)).mean())
    return Answer(piece.metric, piece.n, trials, target, float(value.mean()), inside, float((high - low).mean()))


def summary(kind: type[Summary], rows: Rows) -> Summary:
    """Rows (N, D) as a summary of this kind."""
    made = kind()
    made.update(torch.from_numpy(rows))
    return made


def table(answers: Mapping[str, Answer]) -> str:
    """GitHub's Markdown."""
    lines = [
        "# Coverage of nominal 95 % intervals",
        "",
        "By `python benchmarks/coverage.py`, whose first lines say what a trial is; `+-` is the standard error.",
        "",
        "| simulation | n | trials | target | mean value | mean width | coverage % |",
        "| :-- | --: | --: | --: | --: | --: | --: |",
    ]
    for name, a in answers.items():
        error = 100 * math.sqrt(max(a.coverage * (1 - a.coverage), 1 / a.trials**2) / a.trials)
        lines.append(
            f"| {name} | {a.n} | {a.trials} | {a.target:.5g} | {a.value:.5g} | {a.width:.3g} | "
            f"{100 * a.coverage:.1f} +- {error:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("reports/trust"))
    parser.add_argument("--work", type=Path, default=Path("build/coverage"), help="trials")
    parser.add_argument("--real")
    parser.add_argument("--fake")
    given = parser.parse_args(arguments)
    populations = (features(given.real), features(given.fake)) if given.real and given.fake else None
    known = pieces(populations)
    if unknown := set(given.only) - set(known):
        parser.error(f"no such simulation: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    for place in (given.out, given.work):
        place.mkdir(parents=True, exist_ok=True)
    file = given.out / "coverage.json"
    answers = {k: Answer(**v) for k, v in json.loads(file.read_text()).items()} if file.exists() else {}
    for name in given.only or [name for name in known if name not in answers]:
        answers[name] = run(known[name], given.trials, given.work / f"{name}.jsonl")
        replace_text(file, json.dumps({k: asdict(v) for k, v in answers.items()}, indent=2) + "\n")
        replace_text(given.out / "coverage.md", table(answers))
        print(name, answers[name], flush=True)


if __name__ == "__main__":
    main()
