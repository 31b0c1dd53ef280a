"""Truncation of a checkpoint's samples, chosen after training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.images import Opening, open_images
from ganeval.images.calling import Calling
from ganeval.images.generated import check_called
from ganeval.images.generator import CheckpointSource
from ganeval.scoring import Job, score
from reference_models.checkpoint import Checkpoint, draw_latents, generate_images, load_checkpoint
from reference_models.feed import TrainingImages
from reference_models.registry import make_recipe
from reference_models.trainer import TrainOptions, train
from reference_models.truncation import truncated

OPTIONS = {
    "biggan": {"filters": 4, "latent": 8, "attention": 8, "embedding": 4, "standing_passes": 2},
    "stylegan": {"latent": 8, "mapping_layers": 2, "widest": 4, "capacity": 64},
    "stylegan2": {"latent": 8, "mapping_layers": 2, "widest": 4, "capacity": 64},
    "gan": {},
}


def trained(name: str, run: Path) -> Checkpoint:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 1, 16, 16), dtype=np.uint8)
    data = TrainingImages(pixels, np.arange(8) % 2)
    train(make_recipe(name, {"batch_size": 4, **OPTIONS[name]}), data, run, TrainOptions(steps=2))
    return load_checkpoint(run)


@pytest.mark.parametrize("name", ["stylegan", "stylegan2"])
def test_styles_are_drawn_to_their_mean(name: str, tmp_path: Path) -> None:
    plain = trained(name, tmp_path)
    images = generate_images(plain, range(8), 0)
    assert torch.equal(generate_images(truncated(plain, 1.0), range(8), 0), images)
    narrow = truncated(plain, 0.0)
    alike = generate_images(narrow, range(8), 0)
    assert (alike == alike[0]).all()
    assert not (images == images[0]).all()
    assert narrow.fingerprint != plain.fingerprint
    assert torch.equal(generate_images(plain, range(8), 0), images)  # the first one is as it was


def test_latents_stay_within_the_bound(tmp_path: Path) -> None:
    plain = trained("biggan", tmp_path)
    generate_images(plain, range(2), 0)
    narrow = truncated(plain, 0.3)
    assert draw_latents(plain, range(40), 0).abs().max() > 1
    assert draw_latents(narrow, range(40), 0).abs().max() <= 0.3
    assert not torch.equal(generate_images(plain, range(8), 0), generate_images(narrow, range(8), 0))


def test_other_models_have_no_truncation(tmp_path: Path) -> None:
    with pytest.raises(
        GanevalError, match="samples of gan cannot be truncated, only those of biggan, stylegan, stylegan2"
    ):
        truncated(trained("gan", tmp_path), 0.5)


def test_a_run_is_scored_as_it_is_sampled(tmp_path: Path) -> None:
    plain = trained("stylegan", tmp_path)
    opening = Opening(num_samples=40, calling=Calling(truncation=0.5))
    narrow = open_images(tmp_path, opening)
    assert isinstance(narrow, CheckpointSource)
    assert torch.equal(next(narrow.read(range(8))), generate_images(truncated(plain, 0.5), range(8), 0))
    wide = open_images(tmp_path, Opening(num_samples=40))
    assert narrow.fingerprint != wide.fingerprint  # under which summaries are kept
    check_called([wide, narrow], opening.calling)
    with pytest.raises(GanevalError, match="--truncation for runs, too"):
        check_called([wide, narrow], Calling(truncation=0.5, law="normal", classes=3))
    jobs = [
        Job(str(tmp_path), str(tmp_path), metrics=("fd",), features=("pixels.flat",), num_samples=40, calling=calling)
        for calling in (Calling(truncation=0.5), Calling())
    ]
    first, second = (score(job).card for job in jobs)
    assert first.fake.name == f"{tmp_path}, truncation 0.5"
    assert "truncation 0.5" in first.fake.fingerprint
    assert "truncation" not in second.fake.name + second.fake.fingerprint
