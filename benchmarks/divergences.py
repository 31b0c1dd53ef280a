"""Every divergence estimator against every pair whose truth is known: python benchmarks/divergences.py [--only TEXT]

Bias, standard deviation, root mean squared error, interval coverage, violations of lower bounds and seconds, over
repetitions with seeds of their own. Each combination of pair, dimensions and samples is kept in `--out`/runs.jsonl as
it is done, so that a run goes on where it was interrupted; `--only "16 5000"` takes those whose name holds the text,
and `--report` only writes the table and the figure again.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.files import replacing
from ganeval.metrics.metric import registered
from ganeval.testing.truth import PAIRS, Pair, pair
from ganeval.uncertainty import Estimate

COUNTS, WIDTHS, REPETITIONS = (200, 1000, 5000), (1, 2, 16, 64), 20
LEFT_OUT = ("equal", "lines")  # of the table: all is 0, and all but the distance is as for one disjoint dimension
FIELDS = ("value", "low", "high", "bound")
TARGETS = {"kl": 0.05, "kl_reverse": 0.05, "js": 0.05, "w1": 0.03}


@dataclass(frozen=True)
class Tried:
    """A metric with options, the divergence that it estimates, and the most dimensions it is tried in."""

    metric: str
    truth: str
    options: Mapping[str, Any]
    widest: int = 64

    @property
    def name(self) -> str:
        more = [str(value) for value in self.options.values() if isinstance(value, str)]
        return " ".join([self.metric, *more])


HISTOGRAM = {"estimator": "histogram"}
JACKKNIFE = {**HISTOGRAM, "correction": "jackknife"}
BACK = {"direction": "fake_real"}
TRIED = (
    Tried("js_classifier", "js", {"floor": False}),
    Tried("kl_classifier", "kl", {}),
    Tried("kl_classifier", "kl_reverse", BACK),
    Tried("js_nearest", "js", {}),
    Tried("kl_nearest", "kl", {}),
    Tried("kl_nearest", "kl_reverse", BACK),
    Tried("js_density", "js", {}, 2),
    Tried("kl_density", "kl", {}, 2),
    Tried("kl_density", "kl_reverse", BACK, 2),
    Tried("tv_density", "tv", {}, 2),
    Tried("chi2_density", "chi2", {}, 2),
    Tried("js_density", "js", HISTOGRAM, 2),
    Tried("js_density", "js", JACKKNIFE, 2),
    Tried("kl_density", "kl", HISTOGRAM, 2),
    Tried("kl_density", "kl", JACKKNIFE, 2),
    Tried("tv_density", "tv", HISTOGRAM, 2),
    Tried("w1", "w1", {}, 1),
    Tried("emd", "w1", {}),
    Tried("sinkhorn", "w1", {}),
    Tried("w1_critic", "w1", {}),
    Tried("w2_gaussian", "w2", {}),
)


def measured(tried: Tried, rows: tuple[Tensor, Tensor], seed: int) -> dict[str, float | None]:
    """One estimate: value, ends of its interval, bound, seconds; None for what it has not."""
    metric = registered()[tried.metric]
    sets = []
    for kind, side in zip(metric.sets.values(), rows):
        summary = kind()
        summary.update(side)
        sets.append(summary)
    options = {**metric.options, **tried.options}
    if metric.seeded:
        options["rng"] = np.random.default_rng(seed)
    started = time.perf_counter()
    try:
        found = metric.function(*sets, **options)
    except GanevalError:
        return dict.fromkeys((*FIELDS, "seconds"))
    seconds = time.perf_counter() - started
    estimate = found if isinstance(found, Estimate) else Estimate(found)
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "bound": estimate.details.get("bound"),
        "seconds": seconds,
    }


def run_of(made: Pair, count: int, repetitions: int) -> dict[str, Any]:
    """All estimators on one pair: lists over repetitions by estimator and field."""
    tried = [one for one in TRIED if made.width <= one.widest and one.truth in made.known]
    runs: dict[str, dict[str, list[float | None]]] = {}
    for seed in range(repetitions):
        rows = made.samples(count, seed)
        for one in tried:
            for field, value in measured(one, rows, seed).items():
                runs.setdefault(f"{one.name}|{one.truth}", {}).setdefault(field, []).append(value)
    return {"pair": made.name, "width": made.width, "count": count, "runs": runs}


def combinations(only: str) -> Iterator[tuple[str, int, int]]:
    """(pair, dimensions, samples) whose name, such as `shift 16 5000`, holds the text."""
    for count in COUNTS:
        for width in WIDTHS:
            for name in PAIRS:
                if name not in LEFT_OUT and only in f"{name} {width} {count}":
                    yield name, width, count


def summed_up(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row of the table for each estimator of a record."""
    known = pair(record["pair"], record["width"]).known
    for key, runs in record["runs"].items():
        name, truth = key.split("|")
        true = known[truth].value
        values = np.array([value for value in runs["value"] if value is not None])
        if not len(values):
            continue
        row = {
            "estimator": name,
            "divergence": truth,
            "pair": record["pair"],
            "d": record["width"],
            "n": record["count"],
            "truth": true,
            "mean": float(values.mean()),
            "sd": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
            "seconds": float(np.mean([value for value in runs["seconds"] if value is not None])),
        }
        yield row | (_against(true, values, runs) if math.isfinite(true) else {})


def _against(true: float, values: np.ndarray, runs: Mapping[str, list[float | None]]) -> dict[str, float]:
    rmse = float(np.sqrt(np.mean((values - true) ** 2)))
    found = {"bias": float(values.mean() - true), "rmse": rmse, "relative rmse": rmse / true if true else math.nan}
    ends = [(low, high) for low, high in zip(runs["low"], runs["high"]) if low is not None and high is not None]
    if ends:
        found["coverage"] = float(np.mean([low <= true <= high for low, high in ends]))
    bounds = [value for value in runs["bound"] if value is not None]
    if bounds:
        found["violations"] = float(np.mean([value > true * (1 + 1e-9) for value in bounds]))
    return found


def best(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The targets: at n = 5000, d = 1 and 2 the best estimator of each pair; at d = 16 the classifier's JS."""
    rows = [row for row in rows if row["n"] == max(COUNTS) and "relative rmse" in row]
    for truth, most in TARGETS.items():
        for width in (1, 2):
            own = [row for row in rows if row["d"] == width and row["divergence"] == truth and row["truth"] > 0]
            for name in dict.fromkeys(row["pair"] for row in own):
                row = min((each for each in own if each["pair"] == name), key=lambda each: each["relative rmse"])
                yield _verdict(row, most)
    for row in rows:
        if row["d"] == 16 and row["estimator"] == "js_classifier" and 0.1 <= row["truth"] <= 0.5:
            yield _verdict(row, 0.1)


def _verdict(row: Mapping[str, Any], most: float) -> str:
    word = "met" if row["relative rmse"] <= most else "**missed**"
    return (
        f"| {row['divergence']} | {row['pair']} | {row['d']} | {row['estimator']} | {row['truth']:.4g} | "
        f"{row['relative rmse']:.1%} | {most:.0%} | {word} |"
    )


COLUMNS: Mapping[str, Callable[[Any], str]] = {
    "estimator": str, "divergence": str, "pair": str, "d": str, "n": str,
    **dict.fromkeys(("truth", "mean", "bias", "sd", "rmse"), "{:.4g}".format),
    **dict.fromkeys(("relative rmse", "coverage", "violations"), "{:.0%}".format),
    "seconds": "{:.2f}".format,
}  # fmt: skip


def markdown(rows: list[dict[str, Any]]) -> str:
    """The report."""
    told = [
        "# Divergences against the truth\n",
        "Made by `python benchmarks/divergences.py`; pairs are those of `ganeval/testing/truth.py`, in nats and",
        "in units of the samples. Coverage is the share of 95 % intervals that hold the truth, violations that of",
        "bounds above it.\n",
        "## Targets\n",
        "| divergence | pair | d | best estimator | truth | relative RMSE | at most | |",
        "|---|---|---|---|---|---|---|---|",
        *best(rows),
        "\n## Bounds and intervals\n",
        *_overall(rows),
        "\n## All\n",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
    ]
    told += [
        "| " + " | ".join(form(row[name]) if name in row else "" for name, form in COLUMNS.items()) + " |"
        for row in rows
    ]
    return "\n".join(told) + "\n"


def _overall(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| estimator | divergence | d | n | intervals that cover, median over pairs | bounds above the truth |"
    yield "|---|---|---|---|---|---|"
    keys = dict.fromkeys((row["estimator"], row["divergence"], row["d"], row["n"]) for row in rows)
    for key in sorted(keys):
        own = [row for row in rows if (row["estimator"], row["divergence"], row["d"], row["n"]) == key]
        covered = [row["coverage"] for row in own if "coverage" in row and row["truth"] > 0]
        above = [row["violations"] for row in own if "violations" in row]
        if covered or above:
            cells = [f"{np.median(covered):.0%}" if covered else "", f"{np.mean(above):.0%}" if above else ""]
            yield "| " + " | ".join([*map(str, key), *cells]) + " |"


def figure(rows: list[dict[str, Any]], path: Path) -> None:
    """Mean and spread of each estimator against the truth, over the pairs, at the most samples there are."""
    from matplotlib.figure import Figure

    shown = ("kl", "js", "w1")
    count = max(row["n"] for row in rows)
    drawn = Figure(figsize=(13, 11), layout="constrained")
    axes = drawn.subplots(len(shown), len(WIDTHS), squeeze=False)
    for line, truth in zip(axes, shown):
        for ax, width in zip(line, WIDTHS):
            own = [r for r in rows if (r["divergence"], r["d"], r["n"]) == (truth, width, count) and "bias" in r]
            for name in dict.fromkeys(row["estimator"] for row in own):
                points = [row for row in own if row["estimator"] == name]
                ax.errorbar(
                    [p["truth"] for p in points], [p["mean"] for p in points], [2 * p["sd"] for p in points],
                    fmt="o", markersize=4, label=name, alpha=0.8,
                )  # fmt: skip
            top = max([row["truth"] for row in own], default=1.0) * 1.1
            ax.plot([0, top], [0, top], color="0.6", linewidth=1)
            ax.set(title=f"{truth}, d = {width}, n = {count}", xlabel="truth", ylabel="estimate", ylim=(0, 1.6 * top))
            if own:
                ax.legend(fontsize=6)
    drawn.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of 'PAIR DIMENSIONS SAMPLES', such as 'shift 16' or '1 5000'")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--out", type=Path, default=Path("reports/divergences"))
    parser.add_argument("--report", action="store_true", help="only write the report of what is there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    log = arguments.out / "runs.jsonl"
    records = {tuple(r[k] for k in ("pair", "width", "count")): r for r in _records(log)}
    for name, width, count in () if arguments.report else combinations(arguments.only):
        made = pair(name, width)
        if (name, made.width, count) in records:
            continue
        started = time.perf_counter()
        records[name, made.width, count] = record = run_of(made, count, arguments.repetitions)
        with log.open("a") as file:
            file.write(json.dumps(record) + "\n")
        print(f"{name} {width} {count}: {time.perf_counter() - started:.0f} s", flush=True)
    rows = [row for _, record in sorted(records.items()) for row in summed_up(record)]
    for file_name, text in (("index.md", markdown(rows)), ("table.json", json.dumps(rows, indent=1) + "\n")):
        with replacing(arguments.out / file_name) as path:
            path.write_text(text)
    figure(rows, arguments.out / "divergences.png")


def _records(log: Path) -> Iterator[dict[str, Any]]:
    if log.exists():
        yield from map(json.loads, log.read_text().splitlines())


if __name__ == "__main__":
    main()
