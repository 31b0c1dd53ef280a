"""DCGAN: the shapes of the authors' networks for ImageNet at 32x32, and of Figure 1's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d

from ganeval.errors import GanevalError
from reference_models.gans.dcgan import DCGAN, Discriminator, Generator
from reference_models.recipe import DataSpec
from reference_models.seeds import seeded
from reference_models.state import build_networks

CPU = torch.device("cpu")


def built(recipe: DCGAN, spec: DataSpec) -> tuple[Generator, Discriminator]:
    nets = build_networks(recipe, spec, 0, CPU)
    generator, discriminator = nets["G"], nets["D"]
    assert isinstance(generator, Generator)
    assert isinstance(discriminator, Discriminator)
    return generator, discriminator


def test_the_authors_networks_for_imagenet() -> None:
    generator, discriminator = built(DCGAN(layout="paired", kernel=3, filters=128, latent=256), DataSpec(32, 3))
    down = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in down] == [128, 128, 256, 256, 512, 512]
    assert [layer.stride[0] for layer in down] == [1, 2, 1, 2, 1, 2]
    assert {(layer.kernel_size, layer.padding) for layer in down} == {((3, 3), (1, 1))}
    normed = [any(isinstance(part, nn.BatchNorm2d) for part in stage.children()) for stage in discriminator.stages]
    assert normed == [False, True, True, True, True, True]
    assert discriminator.judge.in_features == 512 * 4 * 4
    up = [layer for layer in generator.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert [layer.stride[0] for layer in up] == [2, 1, 2, 1, 2, 1]
    assert [layer.in_channels for layer in up] == [512, 512, 256, 256, 128, 128]
    assert up[-1].out_channels == 3
    assert generator.project[0].in_features == 256


@torch.no_grad()
def test_every_layer_pooled_to_4x4_gives_the_papers_28672_features() -> None:
    _, discriminator = built(DCGAN(layout="paired", kernel=3, filters=128, latent=256), DataSpec(32, 3))
    maps, features = torch.zeros(1, 3, 32, 32), list[Tensor]()
    for stage in discriminator.stages:
        maps = stage.eval()(maps)
        features.append(adaptive_max_pool2d(maps, 4).flatten(1))
    assert torch.cat(features, 1).shape == (1, 28_672)
    assert maps.shape == (1, 512, 4, 4)


@pytest.mark.parametrize("size", [16, 64])
def test_paired_layers_go_there_and_back_at_any_size(size: int) -> None:
    generator, discriminator = built(DCGAN(layout="paired", kernel=3, filters=4, latent=5), DataSpec(size, 1))
    with seeded(CPU, 0):
        images = generator(torch.rand(2, 5))
    assert images.shape == (2, 1, size, size)
    assert discriminator(images).shape == (2,)


def test_figure_1s_generator() -> None:
    generator, _ = built(DCGAN(filters=128), DataSpec(64, 3))
    up = [layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert [layer.in_channels for layer in up] == [1024, 512, 256, 128]
    assert {layer.stride for layer in up} == {(2, 2)}
    assert {layer.kernel_size for layer in up} == {(5, 5)}


def test_paired_layers_need_an_odd_kernel() -> None:
    with pytest.raises(GanevalError, match="option 'kernel' is 4"):
        DCGAN(layout="paired", kernel=4)
