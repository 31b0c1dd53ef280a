"""Image sets from checkpoints and from the user's own callables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganeval.errors import GanevalError, ImageError
from ganeval.images import ImageSource, Opening, open_images, packed
from ganeval.images.generator import checked_images, latent
from reference_models.checkpoint import DataRecord, Training, generate_images, load_checkpoint, save_checkpoint
from reference_models.gans.gan import GAN
from reference_models.recipe import DataSpec
from reference_models.state import fresh_state

MODULE = """
import torch
from torch import nn

def grey(latents):
    assert latents.dtype == torch.float32
    return (latents[:, :16].reshape(-1, 1, 4, 4) / 10).clamp(-1, 1)

def bytes_(latents):
    return torch.full((len(latents), 3, 2, 2), 7, dtype=torch.uint8)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.drop = nn.Linear(8, 48), nn.Dropout(0.5)
    def forward(self, latents):
        assert not self.training and not torch.is_grad_enabled()
        return torch.tanh(self.drop(self.linear(latents))).reshape(-1, 3, 4, 4)

torch_state = torch.get_rng_state()
net = Net()
torch.set_rng_state(torch_state)
number = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"users_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield name
    sys.modules.pop(name, None)


def open_source(location: object, **options: object) -> ImageSource:
    source = open_images(str(location), Opening(**options))  # type: ignore[arg-type]
    assert isinstance(source, ImageSource)
    return source


def all_pixels(source: ImageSource, size: int) -> Tensor:
    return torch.cat(list(source.batches(size)))


def test_a_function_in_the_current_folder(module: str) -> None:
    source = open_source(f"{module}:grey", latent_dim=16, num_samples=10, seed=5)
    assert (len(source), source.cacheable, source.labels) == (10, False, None)
    pixels = all_pixels(source, 4)
    expected = np.stack([latent(5, i, 16) for i in range(10)]).reshape(10, 1, 4, 4) / np.float32(10)
    np.testing.assert_allclose(pixels.numpy(), (expected.clip(-1, 1) + 1) * 127.5, atol=0.501)


def test_images_depend_on_seed_and_index_alone(module: str) -> None:
    source = open_source(f"{module}:grey", latent_dim=16, num_samples=20)
    whole = all_pixels(source, 20)
    assert torch.equal(all_pixels(source, 1), whole)
    assert torch.equal(all_pixels(source, 7), whole)
    assert torch.equal(torch.cat(list(source.read([13, 2]))), whole[[13, 2]])
    longer = open_source(f"{module}:grey", latent_dim=16, num_samples=30)
    assert torch.equal(all_pixels(longer, 30)[:20], whole)
    other = open_source(f"{module}:grey", latent_dim=16, num_samples=20, seed=1)
    assert not torch.equal(all_pixels(other, 20), whole)


def test_latents_are_standard_normal_and_all_different() -> None:
    rows = np.stack([latent(0, i, 50) for i in range(400)])
    assert rows.dtype == np.float32
    assert abs(rows.mean()) < 0.03
    assert abs(rows.std() - 1) < 0.03
    assert len(np.unique(rows[:, 0])) == 400
    assert not np.array_equal(latent(0, 1, 5), latent(1, 0, 5))


def test_uint8_is_taken_as_it_is(module: str) -> None:
    pixels = all_pixels(open_source(f"{module}:bytes_", latent_dim=1, num_samples=3), 2)
    assert pixels.shape == (3, 3, 2, 2)
    assert pixels.dtype == torch.uint8
    assert (pixels == 7).all()


def test_a_network_is_put_into_evaluation_mode(module: str) -> None:
    source = open_source(f"{module}:net", latent_dim=8, num_samples=6)
    assert torch.equal(all_pixels(source, 6), all_pixels(source, 6))


def test_how_many_samples_a_generator_makes(module: str) -> None:
    location = f"{module}:grey"
    assert len(open_source(location, latent_dim=16)) == 2000
    assert len(open_source(location, latent_dim=16, generate=30)) == 30
    assert len(open_source(location, latent_dim=16, generate=30, num_samples=7)) == 7
    with pytest.raises(GanevalError, match="ask for 1 or more"):
        open_source(location, latent_dim=16, num_samples=0)


def test_the_width_of_the_latents_must_be_given(module: str) -> None:
    with pytest.raises(GanevalError, match="give --latent-dim"):
        open_source(f"{module}:grey")
    with pytest.raises(GanevalError, match="must be 1 or more, got 0"):
        open_source(f"{module}:grey", latent_dim=0)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("no_such_module_at_all:f", "cannot import 'no_such_module_at_all'"),
        ("{}:missing", "has no attribute 'missing'"),
        ("{}:number", "is int; expected a function"),
        ("{}:Net", "is type; expected a function"),
    ],
)
def test_what_cannot_be_called_is_a_user_error(module: str, location: str, message: str) -> None:
    with pytest.raises(GanevalError, match=message):
        open_source(location.format(module), latent_dim=4)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([1, 2], "returned list; expected a tensor"),
        (torch.zeros(2, 3, 4), r"returned shape \(2, 3, 4\) for 2 latents"),
        (torch.zeros(3, 3, 4, 4), r"returned shape \(3, 3, 4, 4\) for 2 latents"),
        (torch.zeros(2, 3, 0, 4), r"returned shape \(2, 3, 0, 4\)"),
        (torch.zeros(2, 4, 4, 3), "returned 4 channels; expected 1"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.int64), "returned torch.int64; expected torch.uint8"),
        (torch.tensor([0.0, float("nan")]).view(2, 1, 1, 1), "returned NaN in 1 of 2 images"),
        (torch.tensor([0.0, float("inf")]).view(2, 1, 1, 1), r"floats from 0 to inf; expected \[-1, 1\]"),
        (torch.tensor([0.0, 255.0]).view(2, 1, 1, 1), r"floats from 0 to 255; expected \[-1, 1\]"),
        (torch.tensor([-1.1, 0.5]).view(2, 1, 1, 1), r"floats from -1.1 to 0.5"),
    ],
)
def test_what_a_callable_returns_is_checked(made: object, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        checked_images(made, 2, "m:f")


def test_floats_map_linearly_to_bytes() -> None:
    made = torch.tensor([-1.0, 0.0, 1.0, 1.0001]).view(4, 1, 1, 1)
    assert checked_images(made, 4, "m:f").flatten().tolist() == [0, 128, 255, 255]
    assert checked_images(made.half().numpy(), 4, "m:f").flatten().tolist() == [0, 128, 255, 255]


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


def test_the_global_random_state_is_not_touched(run: Path, module: str) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    for location in (run, f"{module}:net"):
        all_pixels(open_source(location, num_samples=4, latent_dim=8), 2)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
