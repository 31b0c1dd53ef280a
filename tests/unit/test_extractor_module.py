"""The user's own function or network as features."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganeval.errors import GanevalError, ImageError
from ganeval.extractors import load_extractor

CODE = """
import torch

def mean(images):
    assert images.dtype == torch.uint8
    return images.double().mean((2, 3))

def maps(images):
    return images.float()

def whole(images):
    return images.flatten(1)

def nothing(images):
    return None

def growing(images):
    return torch.zeros(len(images), len(images))

net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5))
net.forward = lambda images: net[1](net[0](images.float()))
number = 3
"""


@pytest.fixture(autouse=True)
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user_features.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)


IMAGES = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).view(2, 3, 4, 4)


def test_a_function() -> None:
    extractor = load_extractor("user_features:mean")
    assert not extractor.cacheable
    assert extractor.widths == {"output": 0}
    rows = extractor(IMAGES, {"output"})["output"]
    torch.testing.assert_close(rows, IMAGES.float().mean((2, 3)))
    assert extractor.widths == {"output": 3}


def test_a_network_runs_in_evaluation_mode() -> None:
    rows = load_extractor("user_features:net")(IMAGES, {"output"})["output"]
    assert torch.equal(rows, IMAGES.flatten(1).float())


def test_grey_comes_as_rgb() -> None:
    rows = load_extractor("user_features:mean")(IMAGES[:, :1], {"output"})["output"]
    assert rows.shape == (2, 3)


@pytest.mark.parametrize("name", ["maps", "whole", "nothing"])
def test_anything_but_float_rows_is_refused(name: str) -> None:
    with pytest.raises(GanevalError, match=r"return a float tensor \(N, D\)"):
        load_extractor(f"user_features:{name}")(IMAGES, {"output"})


def test_the_width_must_stay() -> None:
    extractor = load_extractor("user_features:growing")
    extractor(IMAGES, {"output"})
    with pytest.raises(GanevalError, match=r"gave torch.float32 \(1, 1\)"):
        extractor(IMAGES[:1], {"output"})


def test_images_must_agree_in_size() -> None:
    extractor = load_extractor("user_features:mean")
    extractor.prepare(IMAGES)
    with pytest.raises(ImageError, match="one size"):
        extractor.prepare(IMAGES[..., :3])


@pytest.mark.parametrize("name", ["user_features:number", "user_features:missing", "no_such_module:f"])
def test_names_that_lead_nowhere(name: str) -> None:
    with pytest.raises(GanevalError):
        load_extractor(name)
