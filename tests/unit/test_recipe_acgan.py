"""AC-GAN: L_S and L_C by hand, what each network moves, and the layers of the paper."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.recipe import Batch, DataSpec, Recipe
from reference_models.registry import make_recipe

Rows = npt.NDArray[np.float64]
LABELS = torch.tensor([0, 2])
REAL = np.array([[0.5, 1.0, 0.0, -1.0], [-0.25, 0.0, 0.5, 2.0]])
FAKE = np.array([[1.0, 0.2, 0.1, 0.0], [0.0, 1.0, -1.0, 0.5]])
"""D's outputs for two images each: the logit of being real, then those of three classes."""
built = pytest.mark.usefixtures("seeded_globally")


class Numbers(nn.Module):
    """D(X): the numbers of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.scale * images.flatten(1)


class Fixed(nn.Module):
    """G: fixed images, with a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs = nn.Parameter(torch.tensor(FAKE, dtype=torch.float32))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.outputs.view(2, 1, 2, 2)


def losses(recipe: Recipe) -> dict[str, Tensor]:
    nets = ModuleDict({"G": Fixed(), "D": Numbers()})
    batch = Batch(torch.tensor(REAL, dtype=torch.float32).view(2, 1, 2, 2), LABELS, torch.Generator().manual_seed(0))
    terms: dict[str, Tensor] = {}
    for turn in recipe.turns():
        terms |= turn.loss(nets, batch)
    return terms


def log_real(outputs: Rows) -> Rows:
    """log P(S = real|X)."""
    logarithms: Rows = -np.log(1 + np.exp(-outputs[:, 0]))
    return logarithms


def log_class(outputs: Rows) -> Rows:
    """log P(C = c|X)."""
    powers = np.exp(outputs[:, 1:])
    logarithms: Rows = np.log(powers[np.arange(2), LABELS.numpy()] / powers.sum(1))
    return logarithms


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_the_losses_of_the_paper(weight: float) -> None:
    terms = losses(make_recipe("acgan", {"class_weight": weight}))
    log_fake = np.log(1 - np.exp(log_real(FAKE)))
    expected = {
        "loss D": -log_real(REAL).mean() - log_fake.mean(),
        "class loss D": -weight * (log_class(REAL).mean() + log_class(FAKE).mean()),
        "loss G": -log_real(FAKE).mean(),
        "class loss G": -weight * log_class(FAKE).mean(),
        "accuracy": 1.0,
    }
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, abs=1e-6), name
    assert {name for name, term in terms.items() if not term.requires_grad} == {"accuracy", "D(x)", "D(G(z))"}


@built
def test_the_papers_layers_for_cifar10() -> None:
    nets = make_recipe("acgan").networks(DataSpec(32, 3, classes=10))
    ups = [layer for layer in nets["G"].modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in ups] == [(384, 192), (192, 96), (96, 3)]
    downs = [layer for layer in nets["D"].modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in downs] == [16, 32, 64, 128, 256, 512]
    assert [layer.stride[0] for layer in downs] == [2, 1, 2, 1, 2, 1]
    assert nets["D"].eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 11)


@built
def test_the_discriminator_does_not_see_the_label_and_the_generator_does() -> None:
    recipe = make_recipe("acgan", {"filters": 4, "discriminator_filters": 2})
    nets = recipe.networks(DataSpec(16, 1, classes=3)).eval()
    latents = recipe.latents(1, torch.Generator().manual_seed(0))
    zero, one = (recipe.generate(nets, latents, torch.tensor([label])) for label in (0, 1))
    assert not torch.equal(zero, one)
    with pytest.raises(TypeError):
        nets["D"](zero, torch.tensor([0]))
