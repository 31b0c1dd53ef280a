"""The probe's SVM against scikit-learn's LinearSVC, on features of DCGAN's discriminator: python benchmarks/svm.py

Each contestant runs in a process of its own, which reports its time and its peak memory above what it held before it
had the features. Features are those of a discriminator with random weights on images of smooth noise, whose classes
differ in their mean. With --out, features and every contestant's result stay there, and a second command goes on where
the first was stopped; LinearSVC, which takes long, need run only once. Where its copies of the features (float64, and
16 bytes a number in liblinear) do not fit into memory, it is left out: compare fewer --rows of that width then.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, conv2d, interpolate, leaky_relu

from ganeval.files import replace_text
from ganeval.probes.storing import stored

CLASSES = 10
WIDTHS = {7168: ((64, 128, 256), 5, (2, 2, 2)), 28672: ((128, 128, 256, 256, 512, 512), 3, (1, 2, 1, 2, 1, 2))}
"""Features => width, kernel and strides of the convolutions that they come from."""
GOAL_SPEED, GOAL_MEMORY = 5.0, 1.2


def write_features(count: int, width: int, path: Path) -> None:
    """Features (count, width) of images of 32x32, an .npy file, labels beside it; what is there is not made again."""
    rng = torch.Generator().manual_seed(0)
    channels, kernel, strides = WIDTHS[width]
    inputs, weights = 3, []
    for outputs in channels:
        scale = (2 / (inputs * kernel**2)) ** 0.5
        weights.append(torch.randn(outputs, inputs, kernel, kernel, generator=rng) * scale)
        inputs = outputs
    means = torch.randn(CLASSES, 3, 4, 4, generator=rng)
    labels = torch.randint(CLASSES, (count,), generator=rng)

    def rows(part: slice) -> Tensor:
        blocks = torch.split(torch.arange(part.start, part.stop), 50)  # whose maps stay in the processor's cache
        return torch.cat([pooled(_pictures(means[labels[places]], int(places[0]))) for places in blocks])

    def pooled(maps: Tensor) -> Tensor:
        found = []
        for weight, stride in zip(weights, strides):
            maps = leaky_relu(conv2d(maps, weight, stride=stride, padding=weight.shape[2] // 2), 0.2)
            found.append(adaptive_max_pool2d(maps, 4).flatten(1))
        return torch.cat(found, 1)

    stored(path, count, rows, _shown(f"features, {count} x {width}", count))
    np.save(path.with_suffix(".labels.npy"), labels.numpy())


def _pictures(means: Tensor, seed: int) -> Tensor:
    """Smooth noise around coarse means (N, 3, 4, 4) => (N, 3, 32, 32) in [-1, 1]."""
    rng = torch.Generator().manual_seed(seed)
    coarse = 0.5 * means + torch.randn(means.shape, generator=rng)
    maps = interpolate(coarse, (32, 32), mode="bicubic").tanh()
    return (maps + 0.2 * torch.randn(maps.shape, generator=rng)).clamp(-1, 1)


def _shown(what: str, count: int) -> Callable[[int], None]:
    return lambda done: print(f"\r{what}: {done}", end="\n" if done == count else "", file=sys.stderr, flush=True)


def contest(name: str, path: Path, train: int, penalty: float, out: Path) -> None:
    """One contestant, in this process: fit to the first `train` rows, predict the rest, write what was found."""
    rows, labels = np.load(path, mmap_mode="r"), np.load(path.with_suffix(".labels.npy"))
    before, started = _peak(), time.perf_counter()
    fitted = _ours(rows[:train], labels[:train], penalty) if name == "ganeval" else None
    fitted = fitted or _sklearn(rows[:train], labels[:train], penalty)
    seconds, peak = time.perf_counter() - started, _peak() - before
    coefficients, intercepts, gap = fitted
    objective = _objective(rows[:train], labels[:train], coefficients, intercepts, penalty)
    guesses = (_in_blocks(rows[train:], coefficients) + intercepts).argmax(1)
    found = {"seconds": seconds, "peak": peak, "objective": objective, "guesses": guesses.tolist(), "gap": gap}
    found |= {"accuracy": float((guesses == labels[train:]).mean()), "threads": torch.get_num_threads()}
    replace_text(out, json.dumps(found))


def _ours(rows: Any, labels: Any, penalty: float) -> tuple[Any, Any, float | None]:
    from ganeval.probes.rows import Rows
    from ganeval.probes.svm import fit

    model = fit(Rows(rows), torch.from_numpy(labels), penalty, classes=CLASSES)
    return model.coefficients.numpy(), model.intercepts.numpy(), model.gap


def _sklearn(rows: Any, labels: Any, penalty: float) -> tuple[Any, Any, float | None]:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=penalty, max_iter=20_000).fit(rows, labels)
    return model.coef_, model.intercept_, None


def _objective(rows: Any, labels: Any, coefficients: Any, intercepts: Any, penalty: float) -> float:
    targets = np.where(labels[:, None] == np.arange(CLASSES), 1.0, -1.0)
    slack = np.maximum(0, 1 - targets * (_in_blocks(rows, coefficients) + intercepts))
    return float(((coefficients**2).sum() + (intercepts**2).sum()) / 2 + penalty * (slack**2).sum())


def _in_blocks(rows: Any, coefficients: Any) -> Any:
    """Scores (n, K) in float64, a block of rows at a time."""
    parts = [rows[first : first + 500].astype(np.float64) @ coefficients.T for first in range(0, len(rows), 500)]
    return np.concatenate(parts)


def _peak() -> int:
    """Bytes of this process at its largest; pages of a mapped file count as soon as they were read.

    Linux's `ru_maxrss` begins with what the parent held, which may be more than this process ever comes to.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run(name: str, path: Path, train: int, penalty: float) -> dict[str, Any]:
    """`contest` in a process of its own, unless its result is there already."""
    out = path.with_name(f"{path.stem}-C{penalty:g}-{name}.json")
    if not out.exists():
        arguments = ["--contest", name, str(path), str(train), str(penalty), str(out)]
        subprocess.run([sys.executable, __file__, *arguments], check=True)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def compare(count: int, width: int, penalty: float, folder: Path, skip: bool) -> None:
    """One size: a line for each contestant, and whether the goals are met."""
    path, train, held = folder / f"features-{count}x{width}.npy", count, max(count // 10, 100)
    write_features(train + held, width, path)
    size, names = 4 * train * width, ["ganeval"]
    if not skip and _fits(7 * size):  # float32, float64, and a struct of 16 bytes
        names.append("LinearSVC")
    found = {}
    for name in names:
        found[name] = one = run(name, path, train, penalty)
        print(
            f"{train:7} {width:7} {penalty:8g} {name:10} {one['threads']:7} {one['seconds']:9.1f} "
            f"{one['peak'] / size:9.2f} {one['objective']:14.6g} {one['accuracy']:9.4f}",
            flush=True,
        )
    _judge(found, size, held)


def _fits(wanted: int) -> bool:
    """Whether LinearSVC has the memory it needs; says so if not."""
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if wanted > have:
        print(f"LinearSVC is left out: it needs {wanted / 1e9:.0f} GB, and this machine has {have / 1e9:.0f}")
    return wanted <= have


def _judge(found: dict[str, dict[str, Any]], size: int, held: int) -> None:
    ours = found["ganeval"]
    within = "met" if ours["peak"] <= GOAL_MEMORY * size else "NOT met"
    print(f"goal: memory at most {GOAL_MEMORY} x features: {within}")
    print(f"each class's objective is at most {ours['gap']:.0e} of itself above its minimum (strong convexity)")
    if "LinearSVC" in found:
        theirs = found["LinearSVC"]
        ratio, apart = theirs["seconds"] / ours["seconds"], ours["objective"] / theirs["objective"] - 1
        alike = np.mean(np.array(ours["guesses"]) == np.array(theirs["guesses"]))
        print(f"goal: {GOAL_SPEED}x LinearSVC: {'met' if ratio >= GOAL_SPEED else 'NOT met'}, with {ratio:.1f}x")
        print(f"objective over LinearSVC's - 1: {apart:.1e}; same predictions on {alike:.2%} of {held} other rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000, help="rows to fit; a tenth as many are predicted")
    parser.add_argument("--width", type=int, action="append", choices=sorted(WIDTHS), help="features; default: all")
    parser.add_argument("-C", "--penalty", type=float, default=1e-3)
    parser.add_argument("--skip-sklearn", action="store_true")
    parser.add_argument("--out", type=Path, help="keep features and results here, to go on from; default: nowhere")
    parser.add_argument("--contest", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contest:
        name, path, train, penalty, out = arguments.contest
        contest(name, Path(path), int(train), float(penalty), Path(out))
        return
    columns = f"{'threads':>7} {'seconds':>9} {'x memory':>9} {'objective':>14} {'accuracy':>9}"
    print(f"{CLASSES} classes\n{'rows':>7} {'width':>7} {'C':>8} {'':10} {columns}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        for width in arguments.width or sorted(WIDTHS):
            folder = arguments.out or Path(temporary)
            compare(arguments.rows, width, arguments.penalty, folder, arguments.skip_sklearn)


if __name__ == "__main__":
    main()
