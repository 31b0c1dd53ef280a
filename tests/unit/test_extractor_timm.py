"""timm models: their own preprocessing, their own head, weights from a file; never a download in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

from ganeval.errors import GanevalError, WeightsError
from ganeval.extractors import Extractor, load_extractor
from ganeval.extractors.timm import preprocessing_of

RESNET, VIT = "test_resnet.r160_in1k", "test_vit.r160_in1k"


def model(name: str) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return timm.create_model(name, pretrained=False).eval()


def loaded(name: str, folder: Path, suffix: str = ".safetensors") -> Extractor:
    path = folder / f"net{suffix}"
    state = model(name).state_dict()
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    return load_extractor(f"timm:{name}", weights={f"timm:{name}": path})


def photograph(height: int, width: int) -> torch.Tensor:
    ramp = torch.linspace(0, 255, height)[:, None] * torch.linspace(0, 1, width)
    return torch.stack([ramp, ramp.flip(1), 255 - ramp]).to(torch.uint8)[None]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", [RESNET, VIT])
def test_rows_are_the_models_own(tmp_path: Path, name: str, suffix: str) -> None:
    extractor = loaded(name, tmp_path, suffix)
    network, images = model(name), photograph(90, 120)
    prepared = extractor.prepare(images)
    with torch.no_grad():
        maps = network.forward_features(prepared)
        pool, logits = network.forward_head(maps, pre_logits=True), network(prepared)
    rows = extractor(images, {"pool", "logits"})
    torch.testing.assert_close(rows["pool"], pool, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(rows["logits"], logits, rtol=1e-4, atol=1e-5)
    assert extractor.widths == {"pool": pool.shape[1], "logits": logits.shape[1]}


@pytest.mark.parametrize("name", ["test_resnet.r160_in1k", "resnet18.a1_in1k", "vit_base_patch16_siglip_224.webli"])
@pytest.mark.parametrize(("height", "width"), [(300, 400), (333, 250), (97, 97)])
def test_preprocessing_is_timms_transform(name: str, height: int, width: int) -> None:
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False)
    config = resolve_model_data_config(network)
    image = photograph(height, width)
    theirs = create_transform(**config, is_training=False)(Image.fromarray(image[0].permute(1, 2, 0).numpy()))
    ours = preprocessing_of(network)(image)[0]
    assert ours.shape == theirs.shape
    level = 1 / (255 * min(config["std"]))  # Pillow rounds to whole levels, twice
    assert (ours - theirs).abs().max() < 2.5 * level


def test_a_model_without_a_classifier_has_no_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **options: create(name, num_classes=0, **options))
    extractor = loaded(VIT, tmp_path)
    assert set(extractor.widths) == {"pool"}
    with pytest.raises(GanevalError, match="unknown layer of timm:test_vit"):
        extractor(photograph(32, 32), {"logits"})


def test_without_a_file_timm_fetches_the_published_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    create, asked = timm.create_model, list[dict[str, Any]]()

    def published(name: str, **options: Any) -> Any:
        asked.append(options)
        torch.manual_seed(0)
        return create(name, pretrained=False)

    monkeypatch.setattr(timm, "create_model", published)
    first, second = load_extractor(f"timm:{RESNET}"), load_extractor(f"timm:{RESNET}")
    assert asked == [{"pretrained": True}] * 2
    assert first.fingerprint == second.fingerprint


def test_offline_the_message_says_where_the_file_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str, **options: Any) -> Any:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(WeightsError, match=rf"no route to host.*huggingface\.co/timm/{RESNET}.*--weights timm:"):
        load_extractor(f"timm:{RESNET}")


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"conv1.weight": torch.zeros(1, 1)}, path)
    with pytest.raises(WeightsError, match="does not fit timm:test_resnet"):
        load_extractor(f"timm:{RESNET}", weights={f"timm:{RESNET}": path})


def test_an_unknown_model_is_an_error_with_near_matches() -> None:
    with pytest.raises(GanevalError, match=r"did you mean .*resnet18"):
        load_extractor("timm:resnet_18")
