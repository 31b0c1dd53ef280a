"""VAE: both likelihoods against torch.distributions, and the bound against exact integration."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal
from torch.nn import ModuleDict

from reference_models.codes import NormalCodes
from reference_models.gans.vae import VAE, bernoulli_surprise, gaussian_surprise
from reference_models.recipe import Batch

RNG = torch.Generator().manual_seed(0)
IMAGES = torch.rand(4, 1, 16, 16, generator=RNG) * 2 - 1
ANSWERS = torch.randn(4, 1, 16, 16, generator=RNG)


def test_gaussian_surprise_is_the_density_at_the_best_deviation() -> None:
    best = (IMAGES - ANSWERS.tanh()).square().mean().sqrt()
    found = gaussian_surprise(ANSWERS, IMAGES)

    def exact(deviation: Tensor) -> Tensor:
        return -Normal(ANSWERS.tanh(), deviation).log_prob(IMAGES).flatten(1).sum(1).mean()

    torch.testing.assert_close(found, exact(best))
    assert exact(best * 1.01) > found
    assert exact(best * 0.99) > found


def test_bernoulli_surprise_is_that_of_coins() -> None:
    binary = (IMAGES > 0).float() * 2 - 1
    coins = Bernoulli(probs=(ANSWERS.tanh() + 1) / 2)
    exact = -coins.log_prob((binary + 1) / 2).flatten(1).sum(1).mean()
    torch.testing.assert_close(bernoulli_surprise(ANSWERS, binary), exact)


def test_bernoulli_surprise_still_teaches_where_tanh_is_flat() -> None:
    answers = torch.full((1, 1, 1, 1), 40.0, requires_grad=True)
    bernoulli_surprise(answers, -torch.ones(1, 1, 1, 1)).backward()
    assert answers.grad is not None
    assert answers.grad.item() == pytest.approx(2.0)


class Constant(nn.Module):
    """The same answers for every input."""

    def __init__(self, answers: Tensor) -> None:
        super().__init__()
        self.answers = nn.Parameter(answers)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.answers.expand(len(inputs), *self.answers.shape)


def terms(recipe: VAE) -> dict[str, Tensor]:
    nets = ModuleDict({"E": Constant(torch.tensor([1.0, 0.0])), "G": Constant(ANSWERS[0])})
    return recipe.loss(nets, Batch(IMAGES, torch.zeros(4), torch.Generator().manual_seed(0)))


def test_the_loss_is_the_negative_bound_in_nats() -> None:
    found = terms(VAE(latent=1))
    surprise = gaussian_surprise(ANSWERS[:1].expand(4, -1, -1, -1), IMAGES).item()
    assert found["KL"].item() == pytest.approx(0.5)  # KL(N(1, 1) || N(0, 1)) = 1/2
    assert found["ELBO"].item() == pytest.approx(-surprise - 0.5)
    assert found["loss"].item() == pytest.approx(surprise + 0.5)
    assert [name for name, term in found.items() if term.requires_grad] == ["loss"]


def test_beta_weighs_the_divergence_in_the_loss_alone() -> None:
    one, four = terms(VAE(latent=1)), terms(VAE(latent=1, beta=4.0))
    assert (four["loss"] - one["loss"]).item() == pytest.approx(1.5, abs=1e-3)
    assert four["ELBO"].item() == one["ELBO"].item()


def test_the_bound_lies_below_the_evidence() -> None:
    """One pixel, G(z) = z, s = 1: p(x) = N(0, 2), and the true posterior N(x/2, 1/2) makes the bound tight."""
    x = 0.8
    z = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    evidence = torch.trapezoid(torch.exp(Normal(0.0, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(torch.tensor(x))), z)
    assert evidence.item() == pytest.approx(math.exp(-(x**2) / 4) / math.sqrt(4 * math.pi), rel=1e-5)

    def bound(mean: float, deviation: float) -> float:
        q = Normal(torch.tensor(mean, dtype=torch.float64), deviation)
        likelihood = torch.trapezoid(q.log_prob(z).exp() * Normal(z, 1.0).log_prob(torch.tensor(x)), z)
        codes = NormalCodes(torch.tensor([[mean]]), torch.tensor([[2 * math.log(deviation)]]))
        return float(likelihood - codes.divergence()[0])

    assert bound(x / 2, math.sqrt(0.5)) == pytest.approx(math.log(evidence.item()), abs=1e-5)
    assert bound(0.0, 1.0) < math.log(evidence.item())
