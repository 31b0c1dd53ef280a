"""cGAN: the label reaches both networks, at the place and in the form that the paper says; its losses by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.gans.cgan import Apart
from reference_models.layers import Maxout, WithClass
from reference_models.recipe import Batch, DataSpec
from reference_models.registry import make_recipe

built = pytest.mark.usefixtures("seeded_globally")


class Echo(nn.Module):
    """What it was given."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


class LabelScore(nn.Module):
    """D(x|y): the image's grey level, plus the label's number."""

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return images.mean((1, 2, 3)) + labels


class LabelGrey(nn.Module):
    """G(z|y): images whose grey level is `level` x label, with a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.25))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return (self.level * labels).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)


def test_losses_compare_images_of_the_same_labels() -> None:
    nets = ModuleDict({"G": LabelGrey(), "D": LabelScore()})
    real = torch.tensor([0.5, -1.0]).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)
    batch = Batch(real, torch.tensor([0, 2]), torch.Generator().manual_seed(0))
    terms: dict[str, Tensor] = {}
    for turn in make_recipe("cgan").turns():
        terms |= turn.loss(nets, batch)
    on_real, on_fake = (1 / (1 + np.exp(-np.array(scores))) for scores in ([0.5, 1.0], [0.0, 2.5]))
    assert terms["loss D"].item() == pytest.approx(-np.log(on_real).mean() - np.log(1 - on_fake).mean(), abs=1e-6)
    assert terms["loss G"].item() == pytest.approx(-np.log(on_fake).mean(), abs=1e-6)
    assert terms["loss G"].requires_grad
    assert not terms["D(x)"].requires_grad


def test_labels_are_joined_to_features_and_to_maps() -> None:
    told = WithClass(Echo(), 3)
    labels = torch.tensor([2, 0])
    assert told(torch.tensor([[0.5], [7.0]]), labels).tolist() == [[0.5, 0, 0, 1], [7, 1, 0, 0]]
    maps = told(torch.zeros(2, 1, 4, 4), labels)
    assert maps.shape == (2, 4, 4, 4)
    assert maps.mean((2, 3)).tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
    assert (maps == maps[:, :, :1, :1]).all()


def test_without_a_label_all_classes_count_alike() -> None:
    assert WithClass(Echo(), 4)(torch.zeros(1, 1)).tolist() == [[0, 0.25, 0.25, 0.25, 0.25]]


@built
def test_a_maxout_unit_is_the_largest_of_its_pieces() -> None:
    layer, inputs = Maxout(3, 2, 4), torch.randn(5, 3)
    weight, bias = layer.linear.weight.detach(), layer.linear.bias.detach()
    expected = [
        [max((weight[u * 4 + k] @ x + bias[u * 4 + k]).item() for k in range(4)) for u in (0, 1)] for x in inputs
    ]
    assert torch.allclose(layer(inputs), torch.tensor(expected), atol=1e-6)


@built
def test_image_and_label_pass_layers_of_their_own() -> None:
    apart = Apart(nn.Linear(2, 3), nn.Linear(4, 5), classes=4)
    one, other = torch.randn(1, 6), torch.randn(1, 6)
    one[:, 2:] = other[:, 2:]
    assert apart(one).shape == (1, 8)
    assert torch.equal(apart(one)[:, 3:], apart(other)[:, 3:])
    assert not torch.equal(apart(one)[:, :3], apart(other)[:, :3])


@built
def test_the_papers_widths() -> None:
    """Section 4.1: z to 200 and y to 1000, 1200 together, 784; x to 240 x 5 and y to 50 x 5, both to 240 x 4."""
    nets = make_recipe("cgan").networks(DataSpec(32, 1, classes=10))
    shapes = {
        name: sorted((layer.in_features, layer.out_features) for layer in net.modules() if isinstance(layer, nn.Linear))
        for name, net in nets.items()
    }
    assert shapes["G"] == [(10, 1000), (100, 200), (1200, 1024), (1200, 1200)]
    assert shapes["D"] == [(10, 50 * 5), (240, 1), (290, 240 * 4), (1024, 240 * 5)]


@built
@pytest.mark.parametrize("size", [16, 64])
def test_both_networks_heed_the_label_when_convolutional(size: int) -> None:
    recipe = make_recipe("cgan", {"architecture": "conv", "filters": 4})
    nets = recipe.networks(DataSpec(size, 3, classes=5)).eval()
    latents = recipe.latents(2, torch.Generator().manual_seed(0))
    labels, others = torch.tensor([0, 4]), torch.tensor([1, 4])
    images, changed = (recipe.generate(nets, latents, chosen) for chosen in (labels, others))
    assert images.shape == (2, 3, size, size)
    assert not torch.equal(images[0], changed[0])
    assert torch.allclose(images[1], changed[1], atol=1e-6)
    scores, swapped = nets["D"](images, labels), nets["D"](images, others)
    assert scores.shape == (2,)
    assert scores[0] != swapped[0]
