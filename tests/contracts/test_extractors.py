"""Laws that every extractor keeps. A new file in `ganeval/extractors` is held to them without a line here.

Entries whose variant or weights must be given are taken with the examples below; any other is loaded by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from ganeval.errors import GanevalError, ImageError
from ganeval.extractors import Extractor, Tap, known_extractors, load_extractor, parse_tap, takes_pairs
from ganeval.testing.random_weights import (
    random_inception_weights,
    random_squeezenet_weights,
    random_vgg16_weights,
)
from reference_models.feed import TrainingImages
from reference_models.registry import make_recipe
from reference_models.trainer import TrainOptions, train

TIMM = "timm:test_resnet.r160_in1k"
COUNT = 64
KNOWN = known_extractors()
# the user's callable decides; a resize would change what the others measure
ONE_SIZE = {"module", "lpips", "ms_ssim", "laplacian"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("extractors")


@pytest.fixture(scope="module", params=list(KNOWN))
def loaded(request: pytest.FixtureRequest, folder: Path) -> tuple[str, Extractor]:
    """The entry's name, and the extractor."""
    name = request.param
    text, weights = example(name, folder)
    if not KNOWN[name].available and not weights:
        pytest.skip(f"{name} needs weights that this test cannot make")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return name, load_extractor(text, weights=weights)


def example(name: str, folder: Path) -> tuple[str, Mapping[str, Path]]:
    """How to write an extractor so that it can be loaded offline, and the files it needs."""
    if name == "inception":
        return name, {name: random_inception_weights(folder / "inception.pth")}
    if name == "vgg16":
        return name, {name: random_vgg16_weights(folder / "vgg16.pth", narrower=16)}
    if name == "lpips":
        return "lpips:squeeze", {"squeezenet1_1": random_squeezenet_weights(folder / "squeezenet.pth")}
    if name == "timm":
        with torch.random.fork_rng(devices=[]):
            save_file(timm.create_model(TIMM[5:], pretrained=False).state_dict(), folder / "timm.safetensors")
        return TIMM, {TIMM: folder / "timm.safetensors"}
    if name == "discriminator":
        pixels = np.random.default_rng(0).integers(0, 256, (8, 3, 16, 16), dtype=np.uint8)
        data = TrainingImages(pixels, np.zeros(8, dtype=np.int64), "noise", "abc")
        recipe = make_recipe("dcgan", {"filters": 4, "batch_size": 4, "latent": 8, "kernel": 4})
        train(recipe, data, folder / "run", TrainOptions(steps=1))
        return f"discriminator:{folder / 'run'}", {}
    if name == "module":
        (folder / "contract_features.py").write_text("def mean(images):\n    return images.float().mean((2, 3))\n")
        return "contract_features:mean", {}
    return ("pixels:8" if name == "pixels" else name), {}


def noise(count: int, channels: int = 3, height: int = 32, width: int = 32) -> Tensor:
    """Blocks of 4x4 pixels in random colours."""
    rng = torch.Generator().manual_seed(count)
    coarse = torch.randint(0, 256, (count, channels, height // 4, width // 4), dtype=torch.uint8, generator=rng)
    return coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)


def of_pairs(extractor: Extractor) -> bool:
    return takes_pairs(Tap(extractor.name, extractor.default))


def given(extractor: Extractor, count: int, channels: int = 3, height: int = 32, width: int = 32) -> Tensor:
    """What this extractor takes: images, or pairs of an image and a blend of it with the next."""
    images = noise(count + 1, channels, height, width)
    blend = images[1:] // 3 + images[:-1] // 3 * 2
    return torch.cat([images[:-1], blend], 1) if of_pairs(extractor) else images[:-1]


def deep(extractor: Extractor) -> set[str]:
    return set(extractor.widths)


def assert_rows_close(got: Tensor, expected: Tensor, what: str) -> None:
    """Within 1e-5 of each column's largest value."""
    scale = expected.abs().amax(0)
    off = (got - expected).abs().amax(0)
    assert bool((off <= 1e-5 * scale).all()), f"{what}: {float((off / scale).nan_to_num(0).max()):.1e}"


def test_rows_are_float32_on_the_cpu_and_as_wide_as_promised(loaded: tuple[str, Extractor]) -> None:
    _, extractor = loaded
    rows = extractor(given(extractor, 2), deep(extractor))
    assert set(rows) == deep(extractor)
    for layer, values in rows.items():
        assert values.dtype == torch.float32
        assert values.device.type == "cpu"
        assert values.shape == (2, extractor.widths[layer])
        assert torch.isfinite(values).all()
        assert not values.requires_grad


def test_what_is_registered_is_what_is_there(loaded: tuple[str, Extractor]) -> None:
    name, extractor = loaded
    assert extractor.default == KNOWN[name].default
    assert extractor.default in extractor.widths
    assert all(re.fullmatch(KNOWN[name].layer_pattern, layer) for layer in extractor.widths)
    assert all(parse_tap(f"{extractor.name}.{layer}") == (extractor.name, layer) for layer in extractor.widths)
    assert KNOWN[name].summary
    assert extractor.fingerprint


def test_rows_do_not_depend_on_the_batch(loaded: tuple[str, Extractor]) -> None:
    """In batches of 1, 7 and all. Inception, at 11 GFLOP an image, is held to it on fewer images."""
    name, extractor = loaded
    images = given(extractor, 9 if name == "inception" else COUNT)
    prepared = extractor.prepare(images)
    whole = extractor.forward(prepared, {extractor.default})[extractor.default]
    for size in (1, 7):
        apart = torch.cat([extractor.prepare(part) for part in images.split(size)])
        assert torch.equal(apart, prepared)
        few = prepared[:3] if size == 1 else prepared
        parts = [extractor.forward(part, {extractor.default})[extractor.default] for part in few.split(size)]
        assert_rows_close(torch.cat(parts), whole[: len(few)], f"batches of {size}")


def test_grey_is_repeated_rgb(loaded: tuple[str, Extractor]) -> None:
    _, extractor = loaded
    grey = given(extractor, 2, channels=1)
    assert_rows_close(
        extractor.prepare(grey).flatten(1).float(),
        extractor.prepare(grey.repeat_interleave(3, 1)).flatten(1).float(),
        "grey against RGB",
    )


def test_images_must_be_uint8(loaded: tuple[str, Extractor]) -> None:
    _, extractor = loaded
    with pytest.raises(ImageError, match="uint8"):
        extractor.prepare(given(extractor, 2).to(torch.float64 if of_pairs(extractor) else torch.float32))


def test_pairs_may_be_floats_of_the_same_range(loaded: tuple[str, Extractor]) -> None:
    _, extractor = loaded
    if not of_pairs(extractor):
        pytest.skip("for images before they are rounded, as a path length needs them")
    images = given(extractor, 2)
    assert torch.equal(extractor.prepare(images.float()), extractor.prepare(images))


def test_a_layer_alone_is_the_layer_among_all(loaded: tuple[str, Extractor]) -> None:
    _, extractor = loaded
    prepared = extractor.prepare(given(extractor, 2))
    together = extractor.forward(prepared, deep(extractor))
    for layer, values in together.items():
        alone = extractor.forward(prepared, {layer})
        assert list(alone) == [layer]
        assert torch.equal(alone[layer], values)


def test_the_same_images_give_the_same_rows(loaded: tuple[str, Extractor]) -> None:
    _, extractor = loaded
    images = given(extractor, 2)
    before = images.clone()
    first, second = (extractor(images, {extractor.default})[extractor.default] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(images, before)


def test_different_images_give_different_rows(loaded: tuple[str, Extractor]) -> None:
    _, extractor = loaded
    rows = extractor(given(extractor, 2), {extractor.default})[extractor.default]
    assert not torch.equal(rows[0], rows[1])


def test_images_of_two_sizes_share_a_batch(loaded: tuple[str, Extractor]) -> None:
    name, extractor = loaded
    if name in ONE_SIZE:
        with pytest.raises(ImageError, match="one size"):
            extractor.prepare(given(extractor, 1, height=48, width=40))
        return
    sizes = [given(extractor, 1), given(extractor, 1, height=48, width=40)]
    apart = torch.cat([extractor(images, {extractor.default})[extractor.default] for images in sizes])
    together = extractor.forward(torch.cat([extractor.prepare(images) for images in sizes]), {extractor.default})
    assert_rows_close(together[extractor.default], apart, "two sizes in one batch")


def test_an_unknown_layer_is_an_error_with_the_list(loaded: tuple[str, Extractor]) -> None:
    _, extractor = loaded
    with pytest.raises(GanevalError, match=f"unknown layer.*{extractor.default}"):
        extractor.forward(extractor.prepare(given(extractor, 1)), {extractor.default + "x"})
