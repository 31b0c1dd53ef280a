"""ganeval next to torch-fidelity and prdc on the same image files and weights: python benchmarks/parity.py

The weights are drawn at random and saved in torch-fidelity's format, so nothing is downloaded. Each side goes its own
way from files to numbers: torch-fidelity's extraction with its FID and KID and prdc's precision and recall, ganeval's
pass with its own metrics. KID takes the same random subsets on both sides.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import prdc
import torch
from PIL import Image
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.utils import create_feature_extractor, extract_featuresdict_from_input_id

from ganeval.engine import Pass, summarise
from ganeval.extractors import load_extractor, parse_tap
from ganeval.images import open_images
from ganeval.metrics.fid import fid
from ganeval.metrics.kid import kid
from ganeval.metrics.precision import precision
from ganeval.metrics.recall import recall
from ganeval.summaries import Features, Moments
from ganeval.testing.random_weights import random_inception_weights
from ganeval.testing.textures import textures

SUBSETS, SUBSET_SIZE, NEIGHBOURS, SEED = 100, 100, 3, 2020


def save(images: np.ndarray, folder: Path) -> str:
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:05d}.png")
    return str(folder)


def theirs(real: str, fake: str, weights: Path) -> dict[str, float]:
    quiet = {"cuda": False, "verbose": False}
    network = create_feature_extractor(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(weights), **quiet
    )
    x, y = (
        extract_featuresdict_from_input_id(1, network, input1=folder, cache=False, save_cpu_ram=False, **quiet)["2048"]
        for folder in (real, fake)
    )
    frechet = fid_statistics_to_metric(fid_features_to_statistics(y), fid_features_to_statistics(x), verbose=False)
    kernel = kid_features_to_metric(
        y, x, kid_subsets=SUBSETS, kid_subset_size=SUBSET_SIZE, rng_seed=SEED, verbose=False
    )
    with contextlib.redirect_stdout(io.StringIO()):
        shares = prdc.compute_prdc(x.double().numpy(), y.double().numpy(), nearest_k=NEIGHBOURS)
    return {
        "fid": frechet["frechet_inception_distance"],
        "kid": kernel["kernel_inception_distance_mean"],
        "precision": shares["precision"],
        "recall": shares["recall"],
    }


def ours(real: str, fake: str, weights: Path) -> dict[str, float]:
    tap = parse_tap("inception")
    run = Pass({"inception": load_extractor("inception", weights={"inception": weights})})
    x, y = (summarise(place, open_images(place), {(tap, Moments), (tap, Features)}, run) for place in (real, fake))
    rows = x[tap, Features], y[tap, Features]
    draws = np.random.RandomState(SEED)
    return {
        "fid": fid(x[tap, Moments], y[tap, Moments]),
        "kid": kid(*rows, subsets=SUBSETS, subset_size=SUBSET_SIZE, rng=draws).value,
        "precision": precision(*rows, k=NEIGHBOURS, strict=True),
        "recall": recall(*rows, k=NEIGHBOURS, strict=True),
    }


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="images on each side")
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 200], help="heights and widths")
    arguments = parser.parse_args()
    print(f"{arguments.count} + {arguments.count} images", flush=True)
    print(f"{'side':>5} {'metric':>10} {'peer':>16} {'ganeval':>16} {'relative difference':>20}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        weights = random_inception_weights(root / "inception.pth")
        for side in arguments.sides:
            real = save(textures(arguments.count, side, 0), root / f"{side}/real")
            fake = save(textures(arguments.count, side, 1, contrast=0.8), root / f"{side}/fake")
            expected, found = theirs(real, fake, weights), ours(real, fake, weights)
            for metric, value in expected.items():
                difference = abs(found[metric] - value) / abs(value)
                print(f"{side:5} {metric:>10} {value:16.8g} {found[metric]:16.8g} {difference:20.1e}", flush=True)


if __name__ == "__main__":
    main()
