"""The Frechet distance's algebra against `scipy.linalg.sqrtm`, which most tools call: python benchmarks/frechet.py"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import scipy.linalg
import torch

from ganeval.metrics.fd import fd
from ganeval.summaries import Moments


def moments(count: int, width: int, seed: int) -> Moments:
    """Correlated rows with a decaying spectrum, as networks' features have."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(width, width)) * np.geomspace(1, 1e-3, width)
    summary = Moments()
    summary.update(torch.from_numpy((rng.normal(size=(count, width)) @ mixing.T).astype(np.float32)))
    return summary


def by_sqrtm(real: Moments, fake: Moments) -> float:
    """The formula as it is usually typed."""
    s1, s2 = real.covariance.numpy(), fake.covariance.numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a singular product makes sqrtm warn
        root = scipy.linalg.sqrtm(s1 @ s2)
    shift = (real.mean - fake.mean).numpy()
    return float(shift @ shift + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)


def timed(function: Callable[[Moments, Moments], float], real: Moments, fake: Moments) -> tuple[float, float]:
    started = time.perf_counter()
    value = function(real, fake)
    return value, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--rounds", type=int, default=1, help="each takes most of a minute")
    arguments = parser.parse_args()
    print(
        f"Frechet distance in {arguments.width} dimensions, seconds (median of {arguments.rounds} alternating rounds)"
    )
    print(f"{'samples':>8} {'sqrtm':>8} {'ganeval':>8} {'ratio':>7} {'relative difference':>20}")
    for count in arguments.samples:
        real, fake = moments(count, arguments.width, 0), moments(count, arguments.width, 1)
        rounds = [(timed(by_sqrtm, real, fake), timed(fd, real, fake)) for _ in range(arguments.rounds)]
        theirs, ours = (statistics.median(run[side][1] for run in rounds) for side in (0, 1))
        (expected, _), (value, _) = rounds[0]
        difference = abs(value - expected) / expected
        print(f"{count:8} {theirs:8.2f} {ours:8.2f} {theirs / ours:6.1f}x {difference:20.1e}", flush=True)


if __name__ == "__main__":
    main()
