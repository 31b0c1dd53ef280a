"""From image files to a score, next to torch-fidelity's own pipeline, on Inception weights drawn at random.

`benchmarks/parity.py` does the same with many more images. The other metrics are compared in test_metrics.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch_fidelity
from PIL import Image

from ganeval.scoring import Job, score
from ganeval.testing.random_weights import random_inception_weights
from ganeval.testing.textures import textures

COUNT = 16


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_inception_weights(tmp_path_factory.mktemp("weights") / "inception.pth")


def save(folder: Path, side: int, seed: int, contrast: float) -> str:
    folder.mkdir()
    for number, image in enumerate(textures(COUNT, side, seed, contrast=contrast)):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return str(folder)


@pytest.mark.filterwarnings("ignore")  # the peer's warnings are not ours
@pytest.mark.parametrize("side", [32, 200])
def test_fid_from_files_equals_torch_fidelitys(side: int, tmp_path: Path, weights: Path) -> None:
    real, fake = save(tmp_path / "real", side, 0, 1.0), save(tmp_path / "fake", side, 1, 0.8)
    with torch.random.fork_rng():
        peer = torch_fidelity.calculate_metrics(
            input1=fake,
            input2=real,
            fid=True,
            cuda=False,
            verbose=False,
            cache=False,
            feature_extractor_weights_path=str(weights),
        )
    made = score(Job(fake, real, metrics=("fid",), weights={"inception": weights})).card.scores[0]
    assert made.value == pytest.approx(peer["frechet_inception_distance"], rel=1e-4)
    assert made.value > 1  # or nothing would have been compared
