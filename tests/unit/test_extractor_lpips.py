"""LPIPS against the package that defined it, with the same random backbones; files and sizes that do not fit."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganeval.errors import GanevalError, ImageError, WeightsError
from ganeval.extractors import Extractor, load_extractor
from ganeval.extractors.lpips import BACKBONES
from ganeval.testing.textures import textures

lpips = pytest.importorskip("lpips")


@pytest.fixture(scope="module", params=sorted(BACKBONES))
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, Path]:
    """The network's name, the package's module on a random backbone, and that backbone in torchvision's names."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package asks torchvision in words of long ago
        torch.manual_seed(0)
        module = lpips.LPIPS(net=request.param, pnet_rand=True, verbose=False)
    slices = [getattr(module.net, f"slice{k + 1}") for k in range(module.net.N_slices)]
    path = tmp_path_factory.mktemp(request.param) / "backbone.pth"
    torch.save({f"features.{key}": value for part in slices for key, value in part.state_dict().items()}, path)
    return request.param, module, path


def ours(net: str, path: Path, size: str = "") -> Extractor:
    return load_extractor(f"lpips:{net}{size}", weights={BACKBONES[net].model: path})


def pictures(count: int, side: int, seed: int, channels: int = 3) -> Tensor:
    return torch.from_numpy(textures(count, side, seed)).permute(0, 3, 1, 2)[:, :channels].contiguous()


def distances(extractor: Extractor, left: Tensor, right: Tensor) -> list[float]:
    rows = extractor(torch.cat([left, right], 1), {"distance"})["distance"]
    assert rows.shape == (len(left), 1)
    return rows.flatten().tolist()


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize(("side", "count"), [(32, 3), (64, 2), (200, 1)])
def test_equals_the_package(peer: tuple[str, Any, Path], side: int, count: int, channels: int) -> None:
    net, module, path = peer
    if (net, side, channels) == ("vgg", 200, 1):
        pytest.skip("as in colour, and slow")
    left, right = (pictures(count, side, seed, channels) for seed in (1, 2))
    with torch.no_grad():
        expected = module(*(images.float().expand(-1, 3, -1, -1) / 127.5 - 1 for images in (left, right))).flatten()
    assert distances(ours(net, path), left, right) == pytest.approx(expected.tolist(), rel=1e-5)


def test_is_a_distance(peer: tuple[str, Any, Path]) -> None:
    net, _, path = peer
    left, right = pictures(2, 32, 1), pictures(2, 32, 2)
    extractor = ours(net, path)
    assert distances(extractor, left, left) == [0.0, 0.0]
    assert distances(extractor, left, right) == pytest.approx(distances(extractor, right, left), rel=1e-5)
    assert min(distances(extractor, left, right)) > 0.01


def test_images_too_small_are_refused_in_words_and_may_be_resized(peer: tuple[str, Any, Path]) -> None:
    net, module, path = peer
    least = BACKBONES[net].least
    fitting, small = pictures(1, least, 1), pictures(1, least - 1, 1)
    distances(ours(net, path), fitting, fitting)
    with pytest.raises(ImageError, match=f"{least} pixels a side or more, got {least - 1}x{least - 1}.*@64"):
        distances(ours(net, path), small, small)
    with pytest.raises(RuntimeError), torch.no_grad():
        module(small / 127.5 - 1, small / 127.5 - 1)
    assert distances(ours(net, path, "@64"), small, small.flip(3))[0] > 0


def test_resizes_by_area_downwards_and_bilinearly_upwards(peer: tuple[str, Any, Path]) -> None:
    net, module, path = peer
    if net == "vgg":
        pytest.skip("the same code, and slow")
    for side, mode in ((128, "area"), (40, "bilinear")):
        left, right = pictures(1, side, 1), pictures(1, side, 2)
        scaled = [torch.nn.functional.interpolate(x / 127.5 - 1, (64, 64), mode=mode) for x in (left, right)]
        with torch.no_grad():
            expected = module(*scaled).item()
        assert distances(ours(net, path, "@64"), left, right) == pytest.approx([expected], rel=1e-5)


def test_fingerprint_holds_weights_heads_and_size(peer: tuple[str, Any, Path]) -> None:
    net, _, path = peer
    fingerprint = ours(net, path, "@64").fingerprint
    assert all(part in fingerprint for part in (f"lpips:{net}@64", "custom:", "lpips/0.1"))
    assert fingerprint != ours(net, path).fingerprint


def test_what_cannot_be_loaded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANEVAL_OFFLINE", "1")
    monkeypatch.delenv("GANEVAL_WEIGHTS", raising=False)
    with pytest.raises(GanevalError, match="did you mean 'vgg'"):
        load_extractor("lpips:vgg16")
    with pytest.raises(GanevalError, match="size of 31 or more"):
        load_extractor("lpips:alex@8")
    with pytest.raises(WeightsError, match=r"alexnet-owt-7be5be79\.pth.*perceptual_"):
        load_extractor("lpips:alex")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="not torchvision's alexnet"):
        load_extractor("lpips:alex", weights={"alexnet": tmp_path / "other.pth"})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'ganeval\[lpips\]'"):
        load_extractor("lpips:alex", weights={"alexnet": tmp_path / "other.pth"})
