"""Feature extraction against torch-fidelity as it comes, same images, same weights: python benchmarks/extraction.py

Rounds alternate between the contestants, so that whatever else runs on the machine slows all of them alike; ratios are
medians over rounds. Weights are drawn at random, which changes no speed and needs no download.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganeval.extractors import load_extractor
from ganeval.testing.random_weights import random_inception_weights

Extract = Callable[[Tensor], Tensor]
THEIRS, OURS, GOAL = "torch-fidelity, inception, fp32", "ganeval, inception, fp32", 2.5
CEILING = "(matrix product, as if inception)"
GFLOP_PER_IMAGE = 11.42


def contestants(weights: Path, bf16: bool) -> dict[str, Extract]:
    """What to time, by the name in the table: uint8 images => rows."""
    theirs = FeatureExtractorInceptionV3("theirs", ["2048"], feature_extractor_weights_path=str(weights))
    named = {"inception": weights}
    inception = load_extractor("inception", weights=named)
    small = load_extractor("efficientnet_lite0")
    table: dict[str, Extract] = {
        THEIRS: lambda images: theirs(images)[0],
        OURS: lambda images: inception(images, {"pool"})["pool"],
        "ganeval, efficientnet_lite0, fp32": lambda images: small(images, {"pool"})["pool"],
    }
    if bf16:
        inception_bf16 = load_extractor("inception", weights=named, precision="bf16")
        small_bf16 = load_extractor("efficientnet_lite0", precision="bf16")
        table["ganeval, inception, bf16"] = lambda images: inception_bf16(images, {"pool"})["pool"]
        table["ganeval, efficientnet_lite0, bf16"] = lambda images: small_bf16(images, {"pool"})["pool"]
    return table


def rate(extract: Extract, images: Tensor, batch: int) -> float:
    """Images per second."""
    started = time.perf_counter()
    for part in torch.split(images, batch):
        extract(part)
    return len(images) / (time.perf_counter() - started)


def ceiling() -> float:
    """Images per second if all of Inception's 11.4 GFLOP an image ran as fast as a plain fp32 matrix product."""
    square = torch.ones(1024, 1024)
    started = time.perf_counter()
    for _ in range(20):
        square @ square
    return 20 * 2 * 1024**3 / (time.perf_counter() - started) / GFLOP_PER_IMAGE / 1e9


def has_bf16() -> bool:
    """Whether this CPU multiplies bf16 itself; where it does not, torch falls back to something far slower."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def report(rates: dict[str, list[float]]) -> None:
    """The table, and whether the goal is met on this machine."""
    print(f"{'':36} {'images/s':>9} {'lowest':>7} {'highest':>8} {'ratio':>7}")
    for name, values in rates.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(values, rates[THEIRS]))
        print(f"{name:36} {statistics.median(values):9.1f} {min(values):7.1f} {max(values):8.1f} {ratio:6.2f}x")
    ratio = statistics.median(mine / theirs for mine, theirs in zip(rates[OURS], rates[THEIRS]))
    print(f"goal: {GOAL}x for inception in fp32: {'met' if ratio >= GOAL else 'NOT met'} here, with {ratio:.2f}x")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64, help="images per round")
    parser.add_argument(
        "--batch", type=int, default=64, help="batch size given to every extractor; 64 is both tools' default"
    )
    parser.add_argument("--size", type=int, default=64, help="height and width of the images")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bf16", action="store_true", help="time bf16 even where the CPU has no such arithmetic")
    arguments = parser.parse_args()
    rng = torch.Generator().manual_seed(0)
    shape = (arguments.images, 3, arguments.size, arguments.size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)
    with tempfile.TemporaryDirectory() as folder:
        weights = random_inception_weights(Path(folder) / "inception.pth")
        table = contestants(weights, has_bf16() or arguments.bf16)
    rows = {name: extract(images[:8]) for name, extract in table.items()}  # also warms up
    difference = (rows[OURS] - rows[THEIRS]).abs().max() / rows[THEIRS].abs().max()
    print(
        f"{arguments.images} images of {arguments.size}x{arguments.size}, batch {arguments.batch}, "
        f"{arguments.rounds} alternating rounds, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}, bf16 arithmetic: {'yes' if has_bf16() else 'no'}"
    )
    print(f"largest difference of our fp32 features from torch-fidelity's: {difference:.1e} of the largest feature")
    rates: dict[str, list[float]] = {name: [] for name in [*table, CEILING]}
    for _ in range(arguments.rounds):
        for name, extract in table.items():
            rates[name].append(rate(extract, images, arguments.batch))
        rates[CEILING].append(ceiling())
    report(rates)


if __name__ == "__main__":
    main()
