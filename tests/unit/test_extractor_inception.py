"""Our Inception against torch-fidelity's, with the same random weights on the same images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganeval.errors import GanevalError, WeightsError
from ganeval.extractors import Extractor, load_extractor
from ganeval.extractors.inception import LAYERS
from ganeval.extractors.networks.inception import WIDTHS
from ganeval.extractors.weights import OFFLINE, read_state
from ganeval.testing.random_weights import random_inception_weights

SAME = ("64", "192", "768", "logits_unbiased", "logits")
THEIRS = {layer: layer for layer in SAME} | {"pool": "2048"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_inception_weights(tmp_path_factory.mktemp("inception") / "random.pth")


@pytest.fixture(scope="module")
def ours(file: Path) -> Extractor:
    return load_extractor("inception", weights={"inception": file})


@pytest.fixture(scope="module")
def theirs(file: Path) -> FeatureExtractorInceptionV3:
    with torch.random.fork_rng(devices=[]):
        return FeatureExtractorInceptionV3("theirs", list(THEIRS.values()), feature_extractor_weights_path=str(file))


def pictures(size: int) -> Tensor:
    """(2, 3, size, size): noise in blocks of four pixels, and a gradient."""
    rng = torch.Generator().manual_seed(size)
    coarse = torch.randint(0, 256, (1, 3, size // 4, size // 4), generator=rng).repeat_interleave(4, 2)
    gradient = torch.linspace(0, 255, size).expand(1, 3, size, size)
    return torch.cat([coarse.repeat_interleave(4, 3), gradient]).to(torch.uint8)


@pytest.mark.parametrize("size", [32, 200])
def test_features_are_torch_fidelitys(ours: Extractor, theirs: FeatureExtractorInceptionV3, size: int) -> None:
    images = pictures(size)
    branch: list[Tensor] = []
    handle = theirs.Mixed_6d.branch1x1.register_forward_hook(lambda module, inputs, output: branch.append(output))
    with torch.no_grad():
        expected = dict(zip(THEIRS, theirs(images)))
    handle.remove()
    # mixed_6/conv is the first branch of Mixed_6d; TensorFlow flattens with the channels last
    expected["spatial"] = branch[0][:, :7].permute(0, 2, 3, 1).flatten(1)
    rows = ours(images, set(expected))
    for layer, values in expected.items():
        error = (rows[layer] - values).abs().max() / values.abs().max()
        assert error < 2e-5, f"{layer} at {size} pixels: {error:.1e}"
        assert values.std(0).mean() > 1e-3 * values.abs().mean(), "images must look different to the network"


def test_the_random_weights_are_torch_fidelitys_format_to_the_last_name(
    file: Path, theirs: FeatureExtractorInceptionV3
) -> None:
    state = read_state(file)
    assert {name: value.shape for name, value in state.items()} == {
        name: value.shape for name, value in theirs.state_dict().items()
    }


def test_forward_stops_at_the_deepest_layer(ours: Extractor) -> None:
    ran: list[str] = []
    named = dict(ours.network.named_children())  # type: ignore[attr-defined]
    handles = [block.register_forward_hook(lambda *_, name=name: ran.append(name)) for name, block in named.items()]
    ours(pictures(32)[:1], {"192", "64"})
    assert "Conv2d_4a_3x3" in ran
    assert not any(name.startswith("Mixed") for name in ran)
    ours(pictures(32)[:1], {"768"})
    assert "Mixed_6e" in ran
    assert "Mixed_7a" not in ran
    for handle in handles:
        handle.remove()


def test_layers_and_widths_are_those_registered(ours: Extractor) -> None:
    assert tuple(WIDTHS) == LAYERS == tuple(ours.widths)
    with pytest.raises(GanevalError, match="did you mean 'spatial'"):
        ours.forward(torch.zeros(1, 3, 299, 299), {"spacial"})


def test_bf16_is_close(file: Path, ours: Extractor) -> None:
    half = load_extractor("inception", weights={"inception": file}, precision="bf16")
    assert half.fingerprint != ours.fingerprint
    images = pictures(32)[:1]
    exact, rough = ours(images, {"64"})["64"], half(images, {"64"})["64"]
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).norm() / exact.norm() < 0.02


def test_weights_without_counters_and_as_safetensors(file: Path, ours: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    state = {name: value for name, value in read_state(file).items() if not name.endswith("num_batches_tracked")}
    save_file(state, path)
    again = load_extractor("inception", weights={"inception": path})
    assert torch.equal(again(pictures(32)[:1], {"64"})["64"], ours(pictures(32)[:1], {"64"})["64"])
    assert again.fingerprint != ours.fingerprint


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(WeightsError, match="is not the 2015 Inception graph"):
        load_extractor("inception", weights={"inception": path})


def test_a_named_file_is_recorded_as_custom(ours: Extractor) -> None:
    assert ours.fingerprint.startswith("inception:custom:")


def test_without_weights_and_network_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"weights-inception-2015-12-05-6726825d\.pth.*--weights inception=PATH"):
        load_extractor("inception")
