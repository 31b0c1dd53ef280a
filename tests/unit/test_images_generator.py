"""Image sets from checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opening, open_images, packed
from reference_models.checkpoint import DataRecord, Training, generate_images, load_checkpoint, save_checkpoint
from reference_models.gans.gan import GAN
from reference_models.recipe import DataSpec
from reference_models.state import fresh_state


def open_source(location: object, **options: object) -> ImageSource:
    source = open_images(str(location), Opening(**options))  # type: ignore[arg-type]
    assert isinstance(source, ImageSource)
    return source


def all_pixels(source: ImageSource, size: int) -> Tensor:
    return torch.cat(list(source.batches(size)))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    recipe, spec = GAN(), DataSpec(size=16, channels=1, classes=10, margin=2)
    state = fresh_state(recipe, spec, 0, torch.device("cpu"))
    training = Training(seed=0, precision="fp32", ema_halflife_images=100.0)
    save_checkpoint(tmp_path, state, recipe, spec, DataRecord(name="x", fingerprint="y", count=1), training)
    return tmp_path


def test_a_run_folder_is_an_image_set(run: Path) -> None:
    source = open_source(run, num_samples=9, seed=3)
    assert (len(source), source.cacheable, source.labels) == (9, True, None)
    expected = generate_images(load_checkpoint(run), range(9), 3)
    assert expected.shape == (9, 1, 12, 12)
    for size in (1, 4, 9):
        assert torch.equal(all_pixels(source, size), expected)
    assert packed(source, 12, 1, run / "cache").shape == (9, 1, 12, 12)


def test_either_file_of_a_checkpoint_is_one(run: Path) -> None:
    fingerprints = {open_source(path, num_samples=2).fingerprint for path in (run, *run.glob("step-*"))}
    assert len(fingerprints) == 1


def test_fingerprint_of_a_generator_holds_count_and_seed(run: Path) -> None:
    made = [open_source(run, num_samples=n, seed=s).fingerprint for n, s in ((5, 0), (6, 0), (5, 1), (5, 0))]
    assert len(set(made)) == 3
    assert made[0] == made[3]


def test_a_conditional_generator_has_labels(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GAN, "conditional", True, raising=False)
    labels = open_source(run, num_samples=12).labels
    assert labels is not None
    assert labels.tolist() == [*range(10), 0, 1]


def test_a_renamed_checkpoint_is_one_as_long_as_both_files_are_there(run: Path) -> None:
    expected = all_pixels(open_source(run, num_samples=3), 3)
    for file in list(run.glob("step-*")):
        file.rename(run / f"mine{file.suffix}")
    for name in ("mine.safetensors", "mine.json"):
        assert torch.equal(all_pixels(open_source(run / name, num_samples=3), 3), expected)
    (run / "mine.json").unlink()
    with pytest.raises(GanevalError, match=r"weights in mine\.safetensors need the \.json file"):
        open_source(run / "mine.safetensors")


def test_the_global_random_state_is_not_touched(run: Path) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    all_pixels(open_source(run, num_samples=4), 2)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
