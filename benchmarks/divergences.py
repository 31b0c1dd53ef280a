"""Every divergence estimator against every pair whose truth is known: python benchmarks/divergences.py [--only TEXT]

Bias, standard deviation, root mean squared error, interval coverage, violations of lower bounds, share of runs that
warn, and seconds, over repetitions with seeds of their own. What is done is kept in `--out`/runs.jsonl by pair,
dimensions, samples and estimator, so that a run goes on where it was interrupted, or where `--minutes` ended it.
`--only "16 5000"` takes the combinations whose name holds the text, `--estimators nearest` the estimators, and
`--report` only writes the tables and the figure again.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.files import replacing
from ganeval.metrics.metric import estimated, registered
from ganeval.testing.truth import PAIRS, pair

COUNTS, WIDTHS, REPETITIONS = (200, 1000, 5000), (1, 2, 16, 64), 20
LEFT_OUT = ("equal", "lines")  # of the table: all is 0, and all but the distance is as for one disjoint dimension
KEYS = ("pair", "d", "n", "estimator", "divergence")
FIELDS = ("value", "low", "high", "bound", "warned", "seconds")
TARGETS = {"kl": 0.05, "kl_reverse": 0.05, "js": 0.05, "w1": 0.03}
COVERED, FAR = 0.9, 0.1  # least coverage, and most relative error, of an estimator that can do it

Key = tuple[str, int, int, str, str]
Run = dict[str, Any]
"""`KEYS`, and lists over seeds: `seed` and `FIELDS`."""


@dataclass(frozen=True, eq=False)
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
    Tried("emd", "w2", {"p": 2}),
    Tried("sinkhorn", "w1", {}),
    Tried("w1_critic", "w1", {}),
    Tried("w2_gaussian", "w2", {}),
    Tried("swd", "sliced_w2", {}),
    Tried("max_sliced_wasserstein", "max_sliced_w2", {}),
)


def measured(tried: Tried, sets: Sequence[Tensor], seed: int) -> dict[str, float | None]:
    """One estimate: value, ends of its interval, bound, whether it warns, seconds; None for what it has not."""
    metric = registered()[tried.metric]
    summaries = []
    for kind, rows in zip(metric.sets.values(), sets):
        summaries.append(kind())
        summaries[-1].update(rows)
    options = {**metric.options, **tried.options}
    started = time.perf_counter()
    try:
        made = estimated(metric, dict(zip(metric.sets, summaries)), options, draws=lambda: np.random.default_rng(seed))
    except GanevalError:
        return dict.fromkeys(FIELDS)
    seconds = time.perf_counter() - started
    warned = float("warnings" in made.details)
    values = (made.value, made.low, made.high, made.details.get("bound"), warned, seconds)
    return {name: value if value is None else float(f"{value:.5g}") for name, value in zip(FIELDS, values)}


def runs_of(name: str, width: int, count: int, missing: Mapping[Tried, Sequence[int]], ends: float) -> list[Run]:
    """The missing seeds of each estimator on one pair, until the clock says `ends`."""
    made = pair(name, width)
    found: dict[Tried, Run] = {}
    for seed in sorted(set().union(*missing.values())):
        sets = made.samples(count, seed)
        for tried in (tried for tried, seeds in missing.items() if seed in seeds):
            if time.monotonic() > ends:
                return list(found.values())
            run = found.setdefault(tried, dict(zip(KEYS, (name, width, count, tried.name, tried.truth))))
            for field, value in {"seed": seed, **measured(tried, sets, seed)}.items():
                run.setdefault(field, []).append(value)
    return list(found.values())


def combinations(only: str) -> Iterator[tuple[str, int, int]]:
    """(pair, dimensions, samples) whose name, such as `shift 16 5000`, holds the text."""
    for count in COUNTS:
        for width in WIDTHS:
            for name in PAIRS:
                if name not in LEFT_OUT and only in f"{name} {width} {count}":
                    yield name, width, count


def missing_of(runs: Mapping[Key, Run], place: tuple[str, int, int], which: str, wanted: int) -> dict[Tried, list[int]]:
    """Seeds that are not there yet, by estimator."""
    known = pair(*place[:2]).known
    found = {}
    for tried in TRIED:
        if place[1] <= tried.widest and tried.truth in known and re.search(which, tried.name):
            there = runs.get((*place, tried.name, tried.truth), {}).get("seed", ())
            found[tried] = [seed for seed in range(wanted) if seed not in there]
    return {tried: seeds for tried, seeds in found.items() if seeds}


def merged(runs: Iterable[Run]) -> dict[Key, Run]:
    """One run for each combination and estimator."""
    found: dict[Key, Run] = {}
    for run in runs:
        key: Key = (run["pair"], run["d"], run["n"], run["estimator"], run["divergence"])
        kept = found.setdefault(key, {name: run[name] for name in KEYS})
        for field in ("seed", *FIELDS):
            kept[field] = [*kept.get(field, ()), *run[field]]
    return found


# ---- The report


def summed_up(run: Run) -> dict[str, Any]:
    """A row of the table; no more than its name and its count of runs where the estimator refuses."""
    true = pair(run["pair"], run["d"]).known[run["divergence"]].value
    values = np.array([value for value in run["value"] if value is not None])
    row = {name: run[name] for name in KEYS} | {"runs": len(values), "truth": true}
    if not len(values):
        return row
    row |= {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "warned": float(np.mean([value for value in run["warned"] if value is not None])),
        "seconds": float(np.mean([value for value in run["seconds"] if value is not None])),
    }
    return row | (_against(true, values, run) if math.isfinite(true) else {})


def _against(true: float, values: np.ndarray, run: Run) -> dict[str, float]:
    rmse = float(np.sqrt(np.mean((values - true) ** 2)))
    found = {"bias": float(values.mean() - true), "rmse": rmse, "relative rmse": rmse / true if true else math.nan}
    allowance = 1e-4 * true  # values are kept to five digits
    held = [
        (low - allowance <= true <= high + allowance, not warned)
        for low, high, warned in zip(run["low"], run["high"], run["warned"])
        if low is not None and high is not None
    ]
    if held:
        found["coverage"] = float(np.mean([holds for holds, _ in held]))
    if quiet := [holds for holds, unwarned in held if unwarned]:
        found |= {"quiet": len(quiet), "quiet coverage": float(np.mean(quiet))}
    bounds = [value for value in run["bound"] if value is not None]
    if bounds:
        found["violations"] = float(np.mean([value > true + allowance for value in bounds]))
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
    word = "met" if row["relative rmse"] <= most else f"**missed**, {row['warned']:.0%} warned"
    return (
        f"| {row['divergence']} | {row['pair']} | {row['d']} | {row['estimator']} | {row['truth']:.4g} | "
        f"{row['runs']} | {row['relative rmse']:.1%} | {most:.0%} | {word} |"
    )


COLUMNS: Mapping[str, Callable[[Any], str]] = {
    "estimator": str, "divergence": str, "pair": str, "d": str, "n": str, "runs": str,
    **dict.fromkeys(("truth", "mean", "bias", "sd", "rmse"), "{:.4g}".format),
    **dict.fromkeys(("relative rmse", "coverage", "violations", "warned"), "{:.0%}".format),
    "seconds": "{:.2f}".format,
}  # fmt: skip


def markdown(rows: list[dict[str, Any]]) -> str:
    """The report."""
    told = [
        "# Divergences against the truth\n",
        "Made by `python benchmarks/divergences.py`; pairs are those of `ganeval/testing/truth.py`, in nats and in",
        "units of the samples. Coverage is the share of 95 % intervals that hold the truth, violations that of bounds",
        "above it, warned that of runs in which the estimator says why not to believe it. Metrics of one density ratio",
        "share what it costs: the seconds of the others are those of the first.\n",
        "## Targets\n",
        "| divergence | pair | d | best estimator | truth | runs | relative RMSE | at most | |",
        "|---|---|---|---|---|---|---|---|---|",
        *best(rows),
        "\n## Bounds and intervals\n",
        "Over all runs whose truth is finite and not 0. No interval holds a bias that no sample shows: there the",
        "estimator has to warn.\n",
        *_overall(rows),
        "\n## Where an estimator cannot do it\n",
        f"Combinations where significantly fewer than {COVERED:.0%} of the intervals hold the truth, or where an",
        f"estimate without an interval is off by more than {FAR:.0%}; in brackets relative bias, coverage, and how",
        "many runs warn. Silent are those where less than half do:",
        f"{sum(row['warned'] < 0.5 for row in rows if failed(row))} of {len(rows)} combinations.\n",
        *_failures(rows),
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
    """By estimator, dimensions and samples, and over all: coverage, also of runs without a warning, and bounds."""
    yield "| estimator | divergence | d | n | covered | of runs without a warning | bounds above the truth |"
    yield "|---|---|---|---|---|---|---|"
    rows = [row for row in rows if 0 < row["truth"] < math.inf]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["estimator"], row["divergence"], row["d"], row["n"]), []).append(row)
    for key, own in [*sorted(groups.items()), (("all", "", "", ""), rows)]:
        cells = [_pooled(own, "coverage"), _pooled(own, "quiet coverage", "quiet"), _pooled(own, "violations")]
        if any(cells):
            yield "| " + " | ".join([*map(str, key), *cells]) + " |"


def _pooled(rows: Iterable[Mapping[str, Any]], field: str, count: str = "runs") -> str:
    """The share, and of how many runs."""
    found = [(row[field], row[count]) for row in rows if field in row]
    runs = sum(number for _, number in found)
    return f"{sum(share * number for share, number in found) / runs:.1%} of {runs:,}" if runs else ""


def failed(row: Mapping[str, Any]) -> bool:
    """Whether an interval holds the truth too seldom for chance (5 %), or there is none and the error is large."""
    if "coverage" not in row:
        return bool(row.get("relative rmse", 0.0) > FAR)
    return bool(binom.cdf(round(row["coverage"] * row["runs"]), row["runs"], COVERED) < 0.05)


def _failures(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield "| estimator | divergence | d | n | warned of | silent |"
    yield "|---|---|---|---|---|---|"
    found: dict[tuple[Any, ...], tuple[list[str], list[str]]] = {}
    for row in filter(failed, rows):
        cells = found.setdefault((row["estimator"], row["divergence"], row["d"], row["n"]), ([], []))
        covered = f", {row['coverage']:.0%}" if "coverage" in row else ""
        bias = f"{row['bias'] / row['truth']:+.0%}" if row["truth"] else f"{row['bias']:+.2g}"
        cells[row["warned"] < 0.5].append(f"{row['pair']} ({bias}{covered}, {row['warned']:.0%})")
    for key, cells in sorted(found.items()):
        yield "| " + " | ".join([*map(str, key), *("; ".join(cell) for cell in cells)]) + " |"


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


def write(runs: Mapping[Key, Run], out: Path) -> None:
    """The tables and the figure."""
    rows = [summed_up(run) for _, run in sorted(runs.items())]
    for file_name, text in (("index.md", markdown(rows)), ("table.json", json.dumps(rows, indent=1) + "\n")):
        with replacing(out / file_name) as path:
            path.write_text(text)
    figure([row for row in rows if "mean" in row], out / "divergences.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of 'PAIR DIMENSIONS SAMPLES', such as 'shift 16' or '1 5000'")
    parser.add_argument("--estimators", default="", help="regular expression found in its name: 'classifier'")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which no other run is begun")
    parser.add_argument("--out", type=Path, default=Path("reports/divergences"))
    parser.add_argument("--report", action="store_true", help="only write the report of what is there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    log = arguments.out / "runs.jsonl"
    ends = time.monotonic() + 60 * arguments.minutes
    runs = merged(_records(log))
    for place in () if arguments.report else combinations(arguments.only):
        missing = missing_of(runs, place, arguments.estimators, arguments.repetitions)
        if missing and time.monotonic() < ends:
            started = time.perf_counter()
            with log.open("a") as file:
                file.writelines(json.dumps(run) + "\n" for run in runs_of(*place, missing, ends))
            print(*place, f"{time.perf_counter() - started:.0f} s", flush=True)
    write(merged(_records(log)), arguments.out)


def _records(log: Path) -> Iterator[Run]:
    if log.exists():
        yield from map(json.loads, log.read_text().splitlines())


if __name__ == "__main__":
    main()
