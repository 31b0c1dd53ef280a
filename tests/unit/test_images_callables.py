"""`module:callable`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opening, open_images
from ganeval.images.calling import Calling

MODULE = """
import torch
from torch import nn

def grey(latents):
    assert latents.dtype == torch.float32
    return (latents[:, :16].reshape(-1, 1, 4, 4) / 10).clamp(-1, 1)

def labelled(latents, labels):
    return (labels.view(-1, 1, 1, 1).expand(-1, 3, 2, 2) * 20).byte()

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


def open_source(location: str, calling: Calling, count: int = 6) -> ImageSource:
    source = open_images(location, Opening(calling=calling, num_samples=count))
    assert isinstance(source, ImageSource)
    return source


def test_a_function_in_the_current_folder(module: str) -> None:
    source = open_source(f"{module}:grey", Calling(shape=(16,)))
    assert (len(source), source.cacheable, source.labels, source.name) == (6, False, None, f"{module}:grey")
    assert torch.cat(list(source.batches(4))).shape == (6, 1, 4, 4)


def test_a_conditional_function_gets_labels(module: str) -> None:
    source = open_source(f"{module}:labelled", Calling(shape=(1,), classes=4))
    assert source.labels is not None
    assert (
        (torch.cat(list(source.batches(6)))[:, 0, 0, 0] // 20).tolist() == source.labels.tolist() == [0, 1, 2, 3, 0, 1]
    )


def test_a_network_is_put_into_evaluation_mode(module: str) -> None:
    open_source(f"{module}:net", Calling(shape=(8,)))
    assert not sys.modules[module].net.training


def test_the_width_of_the_latents_must_be_given(module: str) -> None:
    with pytest.raises(GanevalError, match="give --latent-dim"):
        open_source(f"{module}:grey", Calling())


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
        open_source(location.format(module), Calling(shape=(4,)))
