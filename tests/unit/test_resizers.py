"""Every resizer next to the operation of the tool that it stands for, and the networks that take a choice of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import Tensor
from torch.nn import Module
from torchvision import transforms

from ganeval.errors import GanevalError
from ganeval.extractors import Extractor, load_extractor
from ganeval.extractors.networks.classifier import Preprocessing
from ganeval.extractors.networks.positions import dinov2_positions
from ganeval.extractors.preparing import RESIZERS, half_pixel_bilinear, parse_resize, pillow_bicubic_float
from ganeval.testing.random_weights import random_inception_weights

DINOV2 = "timm:vit_small_patch14_dinov2.lvd142m"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_inception_weights(tmp_path_factory.mktemp("inception") / "random.pth")


def noise(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    rng = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=rng)


@pytest.mark.parametrize(("height", "width"), [(5, 7), (32, 32), (41, 30), (1, 3)])
def test_half_pixel_is_the_formula_pixel_by_pixel(height: int, width: int) -> None:
    image, size = noise(1, height, width, channels=1), 11
    values = image[0, 0].double().numpy()

    def between(length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, None)
        low = np.floor(place).astype(int)
        return low, np.minimum(low + 1, length - 1), place - low

    (top, bottom, down), (left, right, across) = between(height), between(width)
    upper = values[top][:, left] * (1 - across) + values[top][:, right] * across
    lower = values[bottom][:, left] * (1 - across) + values[bottom][:, right] * across
    expected = upper * (1 - down)[:, None] + lower * down[:, None]
    np.testing.assert_allclose(half_pixel_bilinear(image, size)[0, 0].numpy(), expected, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(20, 30), (32, 32), (64, 50)])
def test_clean_fids_resize_channel_by_channel(height: int, width: int) -> None:
    images, size = noise(2, height, width), 40
    got = pillow_bicubic_float(images, size)
    for image, ours in zip(images, got):
        for channel, own in zip(image, ours):
            floats = Image.fromarray(channel.numpy().astype(np.float32), mode=None)
            expected = np.asarray(floats.resize((size, size), resample=Image.Resampling.BICUBIC)).clip(0, 255)
            np.testing.assert_array_equal(own.numpy(), expected)
    assert (got != got.round()).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_dgm_evals_preparation_is_torchvisions_on_pillow_images(channels: int) -> None:
    images = noise(3, 50, 70, channels)
    theirs = transforms.Compose(
        [
            transforms.Resize((224, 224), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    colour = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()
    expected = torch.stack([theirs(Image.fromarray(image)) for image in colour])
    usual = Preprocessing(
        (518, 518), tuple(255 * value for value in MEAN), tuple(255 * value for value in STD), "bicubic", 0.9, "center"
    )
    torch.testing.assert_close(usual.resized_by("pillow:224")(images), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("resize", list(RESIZERS))
def test_inception_by_any_resizer(resize: str, weights: Path) -> None:
    network = load_extractor("inception", weights={"inception": weights}, resize=resize)
    images = noise(2, 40, 30)
    assert f":{resize}/1:" in network.fingerprint
    assert RESIZERS[resize].words in network.resizer
    centre = 127.5 if resize == "half-pixel" else 128
    expected = (RESIZERS[resize].resize(images, 299) - centre) / centre
    assert torch.equal(network.prepare(images), expected)


def first_input(network: Module, layer: Module, images: Tensor) -> Tensor:
    """What reaches the first layer."""
    seen: list[Tensor] = []

    def stop(_module: Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])
        raise InterruptedError

    handle = layer.register_forward_pre_hook(stop)
    with pytest.raises(InterruptedError):
        network(images)
    handle.remove()
    return seen[0]


@pytest.mark.filterwarnings("ignore")  # the peer's warnings are not ours
def test_torchmetrics_input_is_ours(weights: Path) -> None:
    peer = pytest.importorskip("torchmetrics.image.fid")
    with torch.random.fork_rng(devices=[]):
        theirs = peer.NoTrainInceptionV3("peer", ["2048"], str(weights))
    ours = load_extractor("inception", weights={"inception": weights}, resize="antialiased")
    for side in (32, 400):
        images = noise(2, side, side)
        expected = first_input(theirs, theirs.Conv2d_1a_3x3.conv, images)
        torch.testing.assert_close(ours.prepare(images), expected, rtol=0, atol=1e-6)


def test_a_resizer_is_named_right_or_refused(weights: Path) -> None:
    with pytest.raises(GanevalError, match="unknown resizer 'half_pixel': did you mean 'half-pixel'"):
        parse_resize("half_pixel")
    with pytest.raises(GanevalError, match="the size is 'big', expected 1 or more"):
        parse_resize("pillow:big")
    with pytest.raises(GanevalError, match="takes images of 299 pixels"):
        load_extractor("inception", weights={"inception": weights}, resize="pillow:224")
    with pytest.raises(GanevalError, match="pixels has a resizer of its own"):
        load_extractor("pixels", resize="tf1")


def test_any_classifier_takes_the_choice() -> None:
    usual, other = load_extractor("efficientnet_lite0"), load_extractor("efficientnet_lite0", resize="pillow:64")
    assert usual.fingerprint != other.fingerprint
    assert usual.resizer == "torch bilinear, antialiased, to 112x112"
    assert other.resizer == "Pillow bicubic on 8 bits, rounded, to 64x64"
    assert other.prepare(noise(2, 30, 40)).shape == (2, 3, 64, 64)


# --- DINOv2 at another size -------------------------------------------------------------------------------------------


def cubic(distance: np.ndarray) -> np.ndarray:
    """torch's cubic kernel (Keys 1981 with a = -3/4)."""
    x = np.abs(distance)
    near = 1.25 * x**3 - 2.25 * x**2 + 1
    far = -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def test_positions_move_as_dinov2_moves_them() -> None:
    """37 patches a side become 16, read at (i + 1/2) * 37 / 16.1 - 1/2: with the 0.1 of the published features."""
    patches = torch.randn(37, 37, generator=torch.Generator().manual_seed(0))
    flat = torch.cat([torch.full((1, 1, 1), -7.0), patches.reshape(1, -1, 1)], dim=1)
    moved = dinov2_positions(flat, 1, (16, 16))
    assert moved.shape == (1, 257, 1)
    assert moved[0, 0].item() == -7.0
    places = (np.arange(16) + 0.5) * 37 / 16.1 - 0.5
    kernel = cubic(places[:, None] - np.arange(-2, 39))
    padded = np.pad(patches.double().numpy(), 2, mode="edge")
    expected = kernel @ padded @ kernel.T
    np.testing.assert_allclose(moved[0, 1:].view(16, 16).numpy(), expected, atol=1e-4)


@pytest.fixture
def dinov2(monkeypatch: pytest.MonkeyPatch) -> Extractor:
    """DINOv2 small with two of its blocks and random weights, at 224 pixels."""
    create = timm.create_model

    def short(name: str, pretrained: bool = False, **options: Any) -> Module:
        return create(name, pretrained=False, depth=2, **options)

    monkeypatch.setattr(timm, "create_model", short)
    return load_extractor(DINOV2, resize="pillow:224")


def test_a_network_that_knows_places_is_brought_to_the_size(dinov2: Extractor) -> None:
    rows = dinov2(noise(2, 50, 60), {"pool"})["pool"]
    assert rows.shape == (2, 384)
    network = dinov2.network  # type: ignore[attr-defined]
    assert network.pos_embed.shape == (1, 1 + 16 * 16, 384)
    pixels = dinov2.prepare(noise(2, 50, 60))
    tokens = network.forward_features(pixels)
    torch.testing.assert_close(rows, tokens[:, 0], rtol=0, atol=1e-5)  # the class token
    assert not torch.equal(rows[0], rows[1])
