"""InfoGAN: the bound in nats against closed forms, the layout of its latents, sweeps of one code."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.nn import ModuleDict

from ganeval.errors import GanevalError
from reference_models.gans.infogan import InfoGAN
from reference_models.recipe import Batch, DataSpec
from reference_models.registry import make_recipe

built = pytest.mark.usefixtures("seeded_globally")
RECIPE = InfoGAN(latent=3, categories=4, continuous=2)


def drawn(n: int) -> Tensor:
    return RECIPE.latents(n, torch.Generator().manual_seed(0))


class Fixed(nn.Module):
    """D and Q: the same outputs whatever the images."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self.outputs = nn.Parameter(outputs)

    def forward(self, images: Tensor) -> Tensor:
        return self.outputs + 0 * images.mean((1, 2, 3))[:, None]


class Grey(nn.Module):
    """G: grey images."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.5))

    def forward(self, z: Tensor) -> Tensor:
        return self.level.expand(len(z), 1, 16, 16)


def test_latents_are_category_codes_and_noise() -> None:
    latents = drawn(4000)
    assert latents.shape == (4000, 4 + 2 + 3)
    hot, rest = latents[:, :4], latents[:, 4:]
    assert hot.sum(1).eq(1).all()
    assert set(hot.flatten().tolist()) == {0, 1}
    assert hot.mean(0) == pytest.approx([0.25] * 4, abs=0.03)
    assert rest.abs().max() <= 1
    assert rest.std(0) == pytest.approx([1 / math.sqrt(3)] * 5, abs=0.02)
    category, continuous = RECIPE.codes(latents)
    assert torch.equal(category, hot.argmax(1))
    assert torch.equal(continuous, rest[:, :2])


@built
def test_the_bounds_are_entropy_plus_expected_log_likelihood() -> None:
    latents, guesses = drawn(50), torch.randn(50, 4 + 2 * 2)
    category, continuous = RECIPE.codes(latents)
    of_category, of_continuous = RECIPE.bounds(guesses, latents)
    log_q: Tensor = Categorical(logits=guesses[:, :4]).log_prob(category)  # type: ignore[no-untyped-call]
    expected = math.log(4) + log_q.mean()
    assert of_category.item() == pytest.approx(expected.item(), abs=1e-5)
    log_q = Normal(guesses[:, 4:6], guesses[:, 6:8].exp()).log_prob(continuous)  # type: ignore[no-untyped-call]
    expected = 2 * math.log(2) + log_q.sum(1).mean()
    assert of_continuous.item() == pytest.approx(expected.item(), abs=1e-4)


def test_the_bound_is_tight_for_a_certain_guess_and_nothing_for_none() -> None:
    latents = drawn(50)
    certain = torch.cat([100 * latents[:, :4], torch.zeros(50, 4)], 1)
    assert RECIPE.bounds(certain, latents)[0].item() == pytest.approx(math.log(4), abs=1e-5)
    assert RECIPE.bounds(torch.zeros(50, 8), latents)[0].item() == pytest.approx(0, abs=1e-5)


@built
def test_losses_raise_the_bound_with_both_weights() -> None:
    recipe = InfoGAN(latent=3, categories=4, continuous=2, batch_size=6, information=0.5, continuous_weight=0.25)
    nets = ModuleDict({"G": Grey(), "D": Fixed(torch.randn(6, 1 + 4 + 4))})
    batch = Batch(torch.zeros(6, 1, 16, 16), torch.zeros(6), torch.Generator().manual_seed(0))
    terms: dict[str, Tensor] = {}
    for turn in recipe.turns():
        terms |= turn.loss(nets, batch)
    outputs = nets["D"].get_parameter("outputs").detach()
    category, continuous = recipe.bounds(outputs[:, 1:], recipe.drawn(batch))
    expected = -0.5 * category - 0.25 * continuous
    assert terms["loss Q"].item() == pytest.approx(expected.item(), abs=1e-5)
    assert terms["code loss G"].item() == pytest.approx(expected.item(), abs=1e-5)
    assert terms["I(category)"].item() == pytest.approx(category.item(), abs=1e-5)
    assert terms["I(continuous)"].item() == pytest.approx(continuous.item(), abs=1e-5)
    probabilities = outputs[:, 0].sigmoid()
    assert terms["loss G"].item() == pytest.approx(-probabilities.log().mean().item(), abs=1e-5)
    both = -(probabilities.log() + (1 - probabilities).log()).mean()
    assert terms["loss D"].item() == pytest.approx(both.item(), abs=1e-5)
    logged = {name for name, term in terms.items() if not term.requires_grad}
    assert logged == {"I(category)", "I(continuous)", "D(x)", "D(G(z))"}


def test_a_sweep_changes_one_code_and_nothing_else() -> None:
    latents = drawn(3)
    categories, second = RECIPE.sweep(latents, 0), RECIPE.sweep(latents, 2, steps=5)
    assert categories.shape == (3, 4, 9)
    assert torch.equal(categories[1, :, :4], torch.eye(4))
    assert torch.equal(categories[:, 2, 4:], latents[:, 4:])
    assert second[0, :, 5].tolist() == [-2, -1, 0, 1, 2]
    kept = [0, 1, 2, 3, 4, 6, 7, 8]
    assert torch.equal(second[:, 3][:, kept], latents[:, kept])
    with pytest.raises(GanevalError, match="code 3: this model has 0"):
        RECIPE.sweep(latents, 3)


@built
def test_the_networks_guess_every_code() -> None:
    recipe = InfoGAN(filters=4, hidden=8, categories=5, continuous=3)
    nets = recipe.networks(DataSpec(32, 1)).eval()
    assert nets["D"](torch.zeros(2, 1, 32, 32)).shape == (2, 1 + 5 + 2 * 3)
    chances = recipe.recognise(nets, torch.zeros(2, 1, 32, 32)).exp()
    assert chances.shape == (2, 5)
    assert chances.detach().sum(1) == pytest.approx([1, 1], abs=1e-5)


def test_the_papers_settings_for_mnist() -> None:
    recipe = make_recipe("infogan")
    assert recipe.latents(1, torch.Generator()).shape == (1, 74)
    parameters = [nn.Parameter(torch.zeros(1))]
    assert [recipe.optimizer(name, parameters).param_groups[0]["lr"] for name in ("G", "D")] == [1e-3, 2e-4]


@built
def test_fading_cuts_the_contrast_of_each_image_and_in_training_only() -> None:
    nets = InfoGAN(filters=2, hidden=4, fading=0.6).networks(DataSpec(size=16, channels=1))
    seen: list[Tensor] = []
    nets["D"].body.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    images = torch.full((500, 1, 16, 16), 0.5)
    images[:, :, 0] = -1
    nets["D"](images)
    nets["D"].eval()(images)
    assert torch.equal(seen[1], images)
    assert seen[0][:, :, 0].eq(-1).all()
    kept = (seen[0][:, 0, 1:] + 1).flatten(1) / 1.5
    assert torch.equal(kept.amin(1), kept.amax(1))
    assert 0.4 <= float(kept.min()) < 0.42
    assert 0.98 < float(kept.max()) <= 1


def test_no_more_than_all_contrast_can_be_cut() -> None:
    with pytest.raises(GanevalError, match="between 0 and 1"):
        InfoGAN(fading=1.5)
