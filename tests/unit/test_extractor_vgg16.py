"""Our VGG16 against torchvision's and torch-fidelity's, with the same random weights on the same images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor
from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16
from torchvision.models.vgg import VGG, make_layers

from ganeval.errors import WeightsError
from ganeval.extractors import Extractor, load_extractor
from ganeval.extractors.networks.vgg16 import VGG16, WIDTHS
from ganeval.extractors.weights import OFFLINE, known_weights, read_state
from ganeval.testing.random_weights import random_vgg16_weights

NARROWER = 16


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_vgg16_weights(tmp_path_factory.mktemp("vgg16") / "random.pth", narrower=NARROWER)


@pytest.fixture(scope="module")
def ours(file: Path) -> Extractor:
    return load_extractor("vgg16", weights={"vgg16": file})


def narrow(file: Path) -> VGG:
    """torchvision's network with all its widths divided, and the weights of the file."""
    plan = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
    with torch.device("meta"):
        network = VGG(make_layers([part if isinstance(part, str) else part // NARROWER for part in plan]))
        for place, (inputs, outputs) in {0: (32 * 49, 256), 3: (256, 256), 6: (256, 10)}.items():
            network.classifier[place] = torch.nn.Linear(inputs, outputs)
    last = {"classifier.6.weight": torch.zeros(10, 256), "classifier.6.bias": torch.zeros(10)}
    network.load_state_dict(read_state(file) | last, assign=True)
    return network


def pictures(side: int) -> Tensor:
    """(3, 3, side, side): noise in blocks of four pixels."""
    coarse = torch.randint(0, 256, (3, 3, side // 4, side // 4), generator=torch.Generator().manual_seed(side))
    return coarse.repeat_interleave(4, 2).repeat_interleave(4, 3).to(torch.uint8)


@pytest.mark.filterwarnings("ignore")  # the peer's warnings are not ours
@pytest.mark.parametrize("side", [32, 300])
def test_features_are_torch_fidelitys(
    ours: Extractor, file: Path, side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = narrow(file)
    torch.save(network.state_dict(), tmp_path / "whole.pth")
    monkeypatch.setattr(torchvision.models, "vgg16", lambda: network)
    theirs = FeatureExtractorVGG16("theirs", ["fc2_relu"], feature_extractor_weights_path=str(tmp_path / "whole.pth"))
    (expected,) = theirs(pictures(side))
    rows = ours(pictures(side), {"fc2_relu"})["fc2_relu"]
    assert rows.shape == (3, 256)
    assert expected.std(0).mean() > 1e-2 * expected.abs().mean(), "images must look different to the network"
    torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_names_and_shapes_are_torchvisions() -> None:
    with torch.device("meta"):
        theirs = torchvision.models.vgg16(weights=None).state_dict()
        mine = VGG16(WIDTHS).state_dict()
    last = {name for name in theirs if name.startswith("classifier.6.")}
    assert {name: value.shape for name, value in mine.items()} == {
        name: value.shape for name, value in theirs.items() if name not in last
    }
    assert len(last) == 2


def test_the_file_of_a_whole_network_serves_as_well(file: Path, ours: Extractor, tmp_path: Path) -> None:
    torch.save(narrow(file).state_dict(), tmp_path / "whole.pth")
    again = load_extractor("vgg16", weights={"vgg16": tmp_path / "whole.pth"})
    images = pictures(32)
    assert torch.equal(again(images, {"fc2_relu"})["fc2_relu"], ours(images, {"fc2_relu"})["fc2_relu"])
    assert again.fingerprint != ours.fingerprint


@pytest.mark.parametrize("change", ["missing", "shape", "foreign"])
def test_weights_of_another_network_are_refused(change: str, file: Path, tmp_path: Path) -> None:
    state = read_state(file)
    if change == "missing":
        del state["features.0.bias"]
    if change == "shape":
        state["features.28.weight"] = state["features.28.weight"][:, :-1]
    if change == "foreign":
        state = {"fc.weight": torch.zeros(2, 2)}
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="is not torchvision's VGG16"):
        load_extractor("vgg16", weights={"vgg16": tmp_path / "other.pth"})


def test_a_resizer_may_be_chosen(file: Path, ours: Extractor) -> None:
    other = load_extractor("vgg16", weights={"vgg16": file}, resize="pillow")
    assert "TensorFlow 1 bilinear" in ours.resizer
    assert "Pillow bicubic" in other.resizer
    assert other.fingerprint != ours.fingerprint
    assert not torch.equal(other.prepare(pictures(32)), ours.prepare(pictures(32)))


def test_bf16_is_close(file: Path, ours: Extractor) -> None:
    half = load_extractor("vgg16", weights={"vgg16": file}, precision="bf16")
    exact, rough = (each(pictures(32), {"fc2_relu"})["fc2_relu"] for each in (ours, half))
    assert 0 < (rough - exact).norm() / exact.norm() < 0.05


def test_without_weights_and_network_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"vgg16-397923af\.pth.*--weights vgg16=PATH"):
        load_extractor("vgg16")
    assert known_weights()["vgg16"].sha256.startswith("397923af")  # the digits in the file's name
