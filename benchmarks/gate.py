"""How often the gate and the tests are right: python benchmarks/gate.py [--only STUDY] [--trials N] [--work DIR]

Two short trainings of `dcgan --small` on Fashion-MNIST are made in --work (and taken up again if they are there), their
samples become EfficientNet-Lite0 features once (in ganeval's cache), and every trial draws its sets from those. Each
trial is appended to a file in --work, so an interrupted run goes on where it stopped.

false-alarms  two disjoint samples of one generator, all metrics no worse, no margin: how often the gate fails.
power         the second sample is blurred by one pixel: how often it fails then.
trainings     two trainings of one recipe, and two samples of one of them: how often the paired tests tell them apart.
paired        two checkpoints 500 steps apart: samples that paired and unpaired tests need for the same power.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganeval.asking import Margin
from ganeval.cache import Cache, folder
from ganeval.device import choose_device
from ganeval.engine import GIVEN, Request, Result, evaluate
from ganeval.errors import unknown
from ganeval.extractors import load_extractor, parse_tap
from ganeval.files import replace_text
from ganeval.gate import judge
from ganeval.images import FeatureSource, ImageSource, Opening, open_images
from ganeval.jackknife import Asked, jackknife
from ganeval.metrics.metric import get
from ganeval.passes import Pass, summarise
from ganeval.scorecard import ImageSetRecord, Score, Scorecard
from ganeval.significance import POWER, holm, interval_of, paired, unpaired
from ganeval.summaries import Features
from ganeval.testing.corruptions import corrupt

TAP = parse_tap("efficientnet_lite0.pool")
APART = 500
SIZES = (100, 200, 400, 800, 1600)
Trial = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What one invocation is to do: `count` images a set, from pools of `pool` generated images."""

    work: Path
    data: str
    trials: int
    count: int
    pool: int
    metrics: tuple[str, ...]
    steps: int


class Blurred(ImageSource):
    """The images of a source under a Gaussian of one pixel's standard deviation."""

    read_ahead = False

    def __init__(self, source: ImageSource) -> None:
        super().__init__()
        self.source, self.name = source, f"{source.name}, blurred"
        self.fingerprint = f"{source.fingerprint}:blurred by one pixel"

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: Sequence[int]) -> Iterator[Tensor]:
        rng = np.random.default_rng(0)
        for images in self.source.read(indices):
            strength = 8 / min(images.shape[2:])
            yield torch.from_numpy(corrupt("blur", images.numpy(), strength, rng))


# --- pools of features ------------------------------------------------------------------------------------------------


def train(plan: Plan, seed: int) -> Path:
    """The run folder of one training, trained to the end."""
    run = plan.work / "runs" / f"seed{seed}"
    if not (run / f"step-{plan.steps:08d}.json").exists():
        options = [
            "--small",
            "--steps",
            plan.steps,
            "--save-every",
            APART,
            "--keep-every",
            APART,
            "--seed",
            seed,
            "--out",
            run,
        ]
        resume = ["--resume"] if any(run.glob("*.safetensors")) else []
        command = ["train", "dcgan", "--data", f"{plan.data}:train", *map(str, options), *resume]
        subprocess.run([sys.executable, "-m", "ganeval.cli.main", *command], check=True)
    return run


@cache
def _extractor() -> Any:
    return load_extractor(TAP.extractor, device=choose_device("auto"))


@cache
def pool(plan: Plan, name: str) -> Tensor:
    """Features float32 (N, D) of `real`, `first`, `blurred` (other samples of the same), `earlier`, `second`."""
    if name == "real":
        source = open_images(f"{plan.data}:test", Opening())
    else:
        seed, step = {"earlier": (0, plan.steps - APART), "second": (1, plan.steps)}.get(name, (0, plan.steps))
        place = train(plan, seed) / f"step-{step:08d}.json"
        source = open_images(place, Opening(generate=plan.pool, seed=int(name == "blurred")))
    assert isinstance(source, ImageSource)
    source = Blurred(source) if name == "blurred" else source
    run = Pass({TAP.extractor: _extractor()}, cache=Cache(folder()), watch=_progress)
    summary = summarise(name, source, {(TAP, Features)}, run)[TAP, Features]
    assert isinstance(summary, Features)
    return summary.rows


def _progress(name: str, done: int, total: int) -> None:
    print(f"\r{name}: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def drawn(rng: np.random.Generator, rows: Tensor, *counts: int) -> list[Tensor]:
    """Disjoint random parts."""
    order = rng.permutation(len(rows))
    ends = np.cumsum(counts)
    assert ends[-1] <= len(rows), f"a pool of {len(rows)} is too small for {counts}"
    return [rows[torch.from_numpy(order[end - count : end])] for count, end in zip(counts, ends)]


# --- one trial --------------------------------------------------------------------------------------------------------


class Drawn(FeatureSource):
    """Rows (N, D) in memory, as if they came from a file."""

    cacheable = False

    def __init__(self, name: str, rows: Tensor) -> None:
        self.name, self.skipped, self.fingerprint, self._rows = name, [], name, rows.numpy()


def scored(name: str, real: Tensor, fake: Tensor, metrics: Sequence[str]) -> Scorecard:
    """A scorecard as `ganeval score` would make it of these features."""
    record = ImageSetRecord(name=name, fingerprint=name, count=len(fake))
    reference = ImageSetRecord(name="real", fingerprint="real", count=len(real))
    sets = {"real": Drawn("real", real), "fake": Drawn(name, fake)}
    requests = [Request(get(metric), GIVEN, get(metric).options) for metric in metrics]
    results, _ = evaluate(sets, requests, Pass({}))
    scores = [_score(result) for result in results]
    return Scorecard(name=name, fake=record, reference=reference, protocol={}, scores=scores)


def _score(result: Result) -> Score:
    metric, found = result.request.metric, result.estimate
    about: dict[str, Any] = {
        "metric": metric.name,
        "features": str(TAP),
        "better": metric.better,
        "counts": dict(result.counts),
    }
    about |= {"details": dict(found.details), "level": found.level, "method": found.method}
    return Score(value=found.value, low=found.low, high=found.high, **about)


def gated(plan: Plan, rng: np.random.Generator, worse: bool) -> Trial:
    """The gate on two samples of one generator, or on a blurred one against it."""
    (real,) = drawn(rng, pool(plan, "real"), plan.count)
    old, new = drawn(rng, pool(plan, "first"), plan.count, plan.count)
    if worse:
        (new,) = drawn(rng, pool(plan, "blurred"), plan.count)
    cards = scored("new", real, new, plan.metrics), scored("old", real, old, plan.metrics)
    verdict = judge(cards[0], baseline=cards[1], no_worse=dict.fromkeys(plan.metrics, Margin()))
    return {"status": verdict.status, **{check.metric: check.status for check in verdict.checks}}


def told_apart(plan: Plan, rng: np.random.Generator) -> Trial:
    """P-values of the paired tests between two trainings, and between two samples of the first."""
    (real,) = drawn(rng, pool(plan, "real"), plan.count)
    one, again = drawn(rng, pool(plan, "first"), plan.count, plan.count)
    (other,) = drawn(rng, pool(plan, "second"), plan.count)
    asked = [Asked(name, get(name), get(name).options) for name in plan.metrics]
    found = jackknife(real, [one, again, other], asked)
    tests = {"same": 1, "other": 2}
    p = {what: holm([paired(found[0][name], found[i][name]).p for name in plan.metrics]) for what, i in tests.items()}
    return {what: dict(zip(plan.metrics, values)) for what, values in p.items()}


def both_ways(plan: Plan, rng: np.random.Generator) -> Trial:
    """P-values of KID between two checkpoints, from the same latents, by either test and at every size."""
    found: Trial = {}
    for count in SIZES:
        (real,) = drawn(rng, pool(plan, "real"), count)
        rows = torch.from_numpy(rng.permutation(plan.pool)[:count])
        models = [pool(plan, name)[rows] for name in ("first", "earlier")]
        tight = paired(*(each["kid"] for each in jackknife(real, models, [Asked("kid", get("kid"))])))
        cards = [scored("one", real, model, ("kid",)).scores[0] for model in models]
        intervals = [interval_of(score) for score in cards]
        assert intervals[0] is not None
        assert intervals[1] is not None
        loose = unpaired(intervals[0], intervals[1])
        found[str(count)] = {"paired": [tight.p, tight.error], "unpaired": [loose.p, loose.error]}
    return found


# --- studies ----------------------------------------------------------------------------------------------------------


def trials(plan: Plan, name: str, one: Callable[[np.random.Generator], Trial]) -> list[Trial]:
    """As many as planned, those of an earlier run included. Trial i depends on its number alone."""
    about = f"{name}-{plan.data.replace(':', '-')}-{plan.steps}-{plan.count}-{plan.pool}-{'-'.join(plan.metrics)}"
    file = plan.work / f"{about}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for index in range(len(done), plan.trials):
        done.append(one(np.random.default_rng([zlib.crc32(name.encode()), index])))
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(done[-1]) + "\n")
        print(f"{name}: {index + 1}/{plan.trials}", file=sys.stderr, flush=True)
    return done[: plan.trials]


def false_alarms(plan: Plan) -> str:
    found = trials(plan, "false-alarms", lambda rng: gated(plan, rng, worse=False))
    limit = 0.05 + 2 * math.sqrt(0.05 * 0.95 / len(found))
    return _gate_table(
        plan, found, f"Goal: at most {limit:.1%} fail (5 % + 2 standard errors).", lambda share: share <= limit
    )


def power(plan: Plan) -> str:
    found = trials(plan, "power", lambda rng: gated(plan, rng, worse=True))
    return _gate_table(plan, found, "Goal: at least 90 % fail.", lambda share: share >= 0.9)


def _gate_table(plan: Plan, found: Sequence[Trial], goal: str, met: Callable[[float], bool]) -> str:
    rows = ["| | pass | undecided | fail |", "|---|---:|---:|---:|"]
    for key in ("status", *plan.metrics):
        shares = [sum(trial[key] == status for trial in found) / len(found) for status in ("pass", "undecided", "fail")]
        rows.append(f"| {'the gate' if key == 'status' else key} | " + " | ".join(f"{x:.1%}" for x in shares) + " |")
    failed = sum(trial["status"] == "fail" for trial in found) / len(found)
    return "\n".join([*rows, "", f"{len(found)} trials. {goal} {'Met' if met(failed) else 'NOT met'}: {failed:.1%}."])


def trainings(plan: Plan) -> str:
    found = trials(plan, "trainings", lambda rng: told_apart(plan, rng))
    rows = ["| told apart by | two samples of one training | two trainings |", "|---|---:|---:|"]
    for name in ("any metric", *plan.metrics):
        names = plan.metrics if name == "any metric" else (name,)
        shares = [
            sum(min(trial[what][each] for each in names) < 0.05 for trial in found) / len(found)
            for what in ("same", "other")
        ]
        rows.append(f"| {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    return "\n".join([*rows, "", f"{len(found)} trials, paired tests, p < 0.05 by Holm over the metrics."])


def pairing(plan: Plan) -> str:
    found = trials(plan, "paired", lambda rng: both_ways(plan, rng))
    rows = ["| samples | power, paired | power, unpaired | error, unpaired / paired |", "|---:|---:|---:|---:|"]
    powers: dict[str, list[float]] = {"paired": [], "unpaired": []}
    for count in map(str, SIZES):
        for way, shares in powers.items():
            shares.append(sum(trial[count][way][0] < 0.05 for trial in found) / len(found))
        errors = [math.sqrt(np.mean([t[count][way][1] ** 2 for t in found])) for way in powers]
        shown = " | ".join(f"{shares[-1]:.0%}" for shares in powers.values())
        rows.append(f"| {count} | {shown} | {errors[1] / errors[0]:.2f} |")
    needed = {way: samples_for(POWER, shares) for way, shares in powers.items()}
    told = "; ".join(f"{way} tests need {_bound(count)} samples" for way, count in needed.items())
    ratio = min(needed["unpaired"], SIZES[-1]) / max(needed["paired"], SIZES[0])
    verdict = f"Goal: at least twice as many. {'Met' if ratio >= 2 else 'NOT met'}: {ratio:.1f} times."
    return "\n".join([*rows, "", f"{len(found)} trials. For a power of {POWER:.0%}, {told}. {verdict}"])


def samples_for(power: float, shares: Sequence[float]) -> float:
    """Where the power at `SIZES` passes this, straight between its points against log n; infinite if nowhere."""
    if shares[0] >= power:
        return SIZES[0]
    for (n, low), (more, high) in pairwise(zip(SIZES, shares)):
        if high >= power:
            return float(n * (more / n) ** ((power - low) / (high - low)))
    return math.inf


def _bound(count: float) -> str:
    if count in (SIZES[0], math.inf):
        return f"at most {SIZES[0]}" if count == SIZES[0] else f"more than {SIZES[-1]}"
    return f"{count:.0f}"


STUDIES: dict[str, tuple[str, Callable[[Plan], str]]] = {
    "false-alarms": ("False alarms of the gate: two disjoint samples of one generator", false_alarms),
    "power": ("Power of the gate: one of them blurred by one pixel", power),
    "trainings": ("Two trainings of one recipe", trainings),
    "paired": (f"KID of two checkpoints {APART} steps apart: paired and unpaired tests", pairing),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/trust"), help="trainings and trials")
    parser.add_argument("--out", type=Path, default=Path("reports/trust"))
    parser.add_argument("--only", action="append", default=[], metavar="STUDY", help=", ".join(STUDIES))
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--count", type=int, default=2000, help="images of each set")
    parser.add_argument("--pool", type=int, default=8000, help="generated images to draw from")
    parser.add_argument("--metrics", default="fd,kid,precision,recall")
    parser.add_argument("--data", default="dataset:fashion-mnist", help="a data set with train and test")
    parser.add_argument("--steps", type=int, default=1000, help="of either training; a multiple of 500")
    asked = parser.parse_args()
    for name in asked.only:
        if name not in STUDIES:
            raise unknown("study", name, STUDIES)
    sizes = asked.trials, asked.count, asked.pool
    plan = Plan(asked.work, asked.data, *sizes, tuple(asked.metrics.split(",")), asked.steps)
    for name in asked.only or STUDIES:
        title, study = STUDIES[name]
        options = f"--trials {plan.trials} --count {plan.count} --pool {plan.pool}"
        options += f" --metrics {asked.metrics} --data {plan.data} --steps {plan.steps}"
        text = f"# {title}\n\n{study(plan)}\n\n```\npython benchmarks/gate.py --only {name} {options}\n```\n"
        replace_text(asked.out / f"gate-{name}.md", text)
        print(text, flush=True)


if __name__ == "__main__":
    main()
