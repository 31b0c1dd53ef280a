"""Train, score and report every reference model: python -m benchmarks.zoo (or `make zoo`).

Models are made one at a time. Whatever interrupts this, the same command goes on where it was: a model in training from
its last checkpoint with its remaining minutes; one whose result lies in the report folder is skipped, with or without
its checkpoint, unless its recipe was changed since.

    python -m benchmarks.zoo                                   all that is missing, then the report
    python -m benchmarks.zoo --only gan wgan                   some, then the report of all that is there
    python -m benchmarks.zoo --only gan --again                that one from the start
    python -m benchmarks.zoo --report-only                     the pages anew, from the results alone
    python -m benchmarks.zoo --data dataset:fashion-mnist-mini --minutes 0.3 --only gan gaussian      a try

What is known of why a model scores as it does stands in notes.toml in the report folder, a line for each, and is shown
beside its score: gan = "Perceptrons see no neighbourhoods."
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.zoo import report
from benchmarks.zoo.bench import Bench
from benchmarks.zoo.making import REAL, make_model, make_real, order
from benchmarks.zoo.results import entries
from benchmarks.zoo.settings import Settings
from ganeval.errors import GanevalError, Interrupted, unknown
from reference_models.registry import recipe_names


def main(arguments: Sequence[str] | None = None) -> int:
    """0, 2 with a message where the user can mend something, 130 where interrupted."""
    asked = _parser().parse_args(arguments)
    try:
        _run(asked)
    except GanevalError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except (Interrupted, KeyboardInterrupt) as stop:
        print(f"Stopped, and saved: the same command goes on. {stop}", file=sys.stderr)
        return 130
    return 0


def _run(asked: argparse.Namespace) -> None:
    settings = _settings(asked)
    if not asked.report_only:
        _make(settings, asked.only or [*REAL, *recipe_names()], again=asked.again)
    print(f"report: {report.write(settings, entries(settings))}")


def _make(settings: Settings, names: Sequence[str], *, again: bool) -> None:
    for name in names:
        if name not in (*REAL, *recipe_names()):
            raise unknown("model", name, (*REAL, *recipe_names()))
    bench = Bench(settings)
    real, models = [name for name in names if name in REAL], [name for name in names if name not in REAL]
    for name in real:
        make_real(name, bench, _tell, again=again)
    for name in order(models):
        if make_model(name, bench, _tell, again=again):
            report.write(settings, entries(settings))


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _settings(asked: argparse.Namespace) -> Settings:
    name = asked.data.removeprefix("dataset:")
    return Settings(
        data=asked.data,
        minutes=asked.minutes,
        samples=asked.samples,
        moment_samples=asked.moment_samples,
        seed=asked.seed,
        report=asked.out or Path(f"reports/zoo-{name}"),
        runs=asked.runs or Path(f"runs/zoo-{name}"),
        data_root=asked.data_root,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.zoo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these models and no others")
    parser.add_argument("--again", action="store_true", help="make them even if they are done")
    parser.add_argument("--report-only", action="store_true", help="make nothing, write the pages")
    parser.add_argument("--data", default="dataset:fashion-mnist", help="dataset:NAME with splits train and test")
    parser.add_argument("--data-root", type=Path, help="where named data sets are looked for first")
    parser.add_argument("--minutes", type=_positive, default=8.0, help="of training for each model (default: 8)")
    parser.add_argument("--samples", type=int, default=5000, help="generated images to score (default: 5000)")
    parser.add_argument("--moment-samples", type=int, default=1000, help="the same, along training (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="DIR", help="results and report (default: reports/zoo-NAME)")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="checkpoints (default: runs/zoo-NAME)")
    return parser


def _positive(text: str) -> float:
    if (number := float(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0")
    return number


if __name__ == "__main__":
    raise SystemExit(main())
