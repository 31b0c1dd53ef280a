"""Scores of ganeval next to torch-fidelity's on the same images and weights: python benchmarks/parity.py

The weights are drawn at random and saved in torch-fidelity's format, so nothing is downloaded. torch-fidelity runs its
own pipeline from files to numbers; ganeval runs `score` with `--weights inception=...` on the same files.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import torch_fidelity
from PIL import Image

from ganeval.scoring import Job, score
from ganeval.testing.random_weights import random_inception_weights
from ganeval.testing.textures import textures


def save(images: np.ndarray, folder: Path) -> str:
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:05d}.png")
    return str(folder)


def theirs(real: str, fake: str, weights: Path, subset: int) -> dict[str, float]:
    found = torch_fidelity.calculate_metrics(
        input1=fake,
        input2=real,
        fid=True,
        kid=True,
        kid_subset_size=subset,
        cuda=False,
        verbose=False,
        feature_extractor_weights_path=str(weights),
        cache=False,
    )
    return {"fid": found["frechet_inception_distance"], "kid": found["kernel_inception_distance_mean"]}


def ours(real: str, fake: str, weights: Path) -> dict[str, float]:
    job = Job(fake, real, metrics=("fid", "kid"), features=("inception",), weights={"inception": weights}, cached=False)
    return {made.metric: made.value for made in score(job).card.scores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 200])
    arguments = parser.parse_args()
    print(f"{'side':>5} {'metric':>6} {'torch-fidelity':>16} {'ganeval':>16} {'relative difference':>20}")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        os.environ["GANEVAL_CACHE"] = str(root / "cache")
        weights = random_inception_weights(root / "inception.pth")
        for side in arguments.sides:
            real = save(textures(arguments.count, side, 0), root / f"{side}/real")
            fake = save(textures(arguments.count, side, 1, contrast=0.8), root / f"{side}/fake")
            expected, found = theirs(real, fake, weights, min(100, arguments.count)), ours(real, fake, weights)
            for metric, value in expected.items():
                difference = abs(found[metric] - value) / abs(value)
                print(f"{side:5} {metric:>6} {value:16.8g} {found[metric]:16.8g} {difference:20.1e}", flush=True)
    print("kid: torch-fidelity averages random subsets, ganeval uses every pair; on equal draws they agree (see tests)")


if __name__ == "__main__":
    main()
