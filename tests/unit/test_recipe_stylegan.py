"""StyleGAN: AdaIN and its losses by hand, depth that grows, path lengths in w of a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import ModuleDict
from torch.nn.functional import softplus

from ganeval.images import Opening, open_images
from ganeval.images.paths import LiveGenerator, PathRule, PathSource
from reference_models.checkpoint import load_checkpoint
from reference_models.feed import TrainingImages
from reference_models.gans.stylegan import StyledLayer, StyleGAN
from reference_models.growing import advance
from reference_models.penalties import r1
from reference_models.recipe import Batch, DataSpec
from reference_models.registry import make_recipe
from reference_models.trainer import TrainOptions, train

TINY = StyleGAN(batch_size=4, latent=8, mapping_layers=2, widest=4, stable_images=4, fade_images=4)

pytestmark = pytest.mark.usefixtures("seeded_globally")


def made(recipe: StyleGAN = TINY, size: int = 16) -> ModuleDict:
    return recipe.networks(DataSpec(size, 1))


def test_a_styled_layer_sets_mean_and_deviation_of_every_map() -> None:
    layer, maps, w = StyledLayer(3, 5, 8, 4), torch.randn(2, 3, 8, 8), torch.randn(2, 4)
    out, (scale, shift) = layer(maps, w), layer.style(w).chunk(2, 1)
    assert torch.allclose(out.mean((2, 3)), shift, atol=1e-5)
    assert torch.allclose(out.std((2, 3), correction=0), (1 + scale).abs(), rtol=1e-3)


def test_losses_are_the_papers() -> None:
    nets, real = made(), torch.rand(4, 1, 16, 16) * 2 - 1
    batch = Batch(real, torch.zeros(4, dtype=torch.int64), torch.Generator().manual_seed(0))
    terms = TINY.discriminator_loss(nets, batch) | TINY.generator_loss(nets, batch)
    small = torch.nn.functional.avg_pool2d(real, 2)  # the first size is 8
    scores, fake = nets["D"](small), nets["D"](TINY.fake(nets, batch))
    assert terms["loss D"].item() == pytest.approx((softplus(-scores).mean() + softplus(fake).mean()).item(), rel=1e-5)
    assert terms["R1"].item() == pytest.approx(5 * r1(nets["D"], small).item(), rel=1e-5)
    assert terms["loss G"].item() == pytest.approx(softplus(-fake).mean().item(), rel=1e-5)
    assert terms["size"].item() == 8


def test_layers_take_part_as_the_network_grows() -> None:
    synthesis = made(size=32)["G"].synthesis
    depths = []
    for _ in range(6):
        depths.append(synthesis.depth())
        advance([synthesis.growth], 4)
    assert depths == [4, 6, 6, 8, 8, 8]
    assert synthesis.layers == 8


def test_later_styles_leave_earlier_layers_alone() -> None:
    synthesis = made(size=32)["G"].synthesis.eval()
    w = torch.randn(2, 8)
    styles = w[:, None].repeat(1, 8, 1)
    assert torch.equal(synthesis(styles), synthesis(w))
    changed = styles.clone()
    changed[:, 4:] += 1  # sizes that have not come yet
    assert torch.equal(synthesis(changed), synthesis(w))
    changed[:, 3] += 1
    assert not torch.equal(synthesis(changed), synthesis(w))


@pytest.mark.parametrize("name", ["stylegan", "stylegan2"])
def test_a_checkpoint_has_paths_in_w(name: str, tmp_path: Path) -> None:
    options = {"batch_size": 4, "latent": 8, "mapping_layers": 2, "widest": 4}
    pixels = np.random.default_rng(0).integers(0, 256, (12, 3, 12, 12), dtype=np.uint8)
    train(make_recipe(name, options), TrainingImages(pixels, None, "noise", "f", 2), tmp_path, TrainOptions(steps=2))
    source = open_images(tmp_path, Opening(num_samples=40))
    assert isinstance(source, LiveGenerator)
    indices = range(source.rows)
    z = source.latents(indices)
    w = source.styles(z, indices)
    assert w.shape == (source.rows, 8)
    assert torch.equal(source.paint(w, indices, "w"), source.paint(z, indices, "z"))
    pair = next(iter(PathSource(source, PathRule(space="w", epsilon=0.1), 5, 0).read([0, 3])))
    assert pair.shape == (2, 6, 12, 12)
    assert not torch.equal(pair[:, :3], pair[:, 3:])


def test_truncation_is_an_option_of_sampling(tmp_path: Path) -> None:
    nets = made(StyleGAN(latent=8, mapping_layers=2, widest=4, truncation=0.0)).eval()
    images: Tensor = nets["G"](torch.randn(3, 8))
    assert torch.equal(images[0], images[1])
    with pytest.raises(Exception, match="no checkpoint"):
        load_checkpoint(tmp_path)
