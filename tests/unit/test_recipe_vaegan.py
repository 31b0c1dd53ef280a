"""VAE/GAN: losses on networks of one number each, and the routes of the gradients in Algorithm 1."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.gans.vaegan import VAEGAN, Discriminator, dissimilarity
from reference_models.recipe import Batch, DataSpec
from reference_models.seeds import seeded

REAL = torch.tensor([0.5, -0.25]).view(2, 1, 1, 1)


class Scale(nn.Module):
    """Values times one weight, (N, ...) => (N, 1, 1, 1) or what `shape` says."""

    def __init__(self, weight: float, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.shape = shape

    def forward(self, values: Tensor) -> Tensor:
        return self.weight * values.flatten(1).mean(1).view(-1, *[1] * len(self.shape)).expand(-1, *self.shape)


class Judge(nn.Module):
    """Dis_l = weight x, score = 2 weight x."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.weight * images.flatten(1)
        return seen, 2 * seen.squeeze(1)


def game(weights: tuple[float, float, float]) -> tuple[ModuleDict, Batch]:
    encoder, generator, judge = weights
    nets = ModuleDict({"E": Scale(encoder, 2), "G": Scale(generator, 1, 1, 1), "D": Judge(judge)})
    return nets, Batch(REAL, torch.zeros(2), torch.Generator().manual_seed(0))


def by_hand(weights: Tensor, gamma: float) -> dict[str, Tensor]:
    """The paper's three losses from the draws that the recipe makes, differentiable in (E, G, D)."""
    e, g, d = weights
    rng = torch.Generator().manual_seed(0)
    x = REAL.flatten()
    mean = log_variance = e * x
    z = mean + (log_variance / 2).exp() * torch.randn(2, 1, generator=rng).flatten()
    z_p = torch.randn(2, 1, generator=rng).flatten()
    llike = ((d * x - d * g * z) ** 2 / 2).mean()
    prior = ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).mean()

    def log(score: Tensor) -> Tensor:
        return torch.sigmoid(score).log().mean()

    gan = log(2 * d * x) + log(-2 * d * g * z) + log(-2 * d * g * z_p)
    fooling = log(2 * d * g * z) + log(2 * d * g * z_p)
    return {"E": prior + llike, "G": gamma * llike - fooling, "D": -gan}


@pytest.mark.parametrize("at", [0, 1, 2])
def test_each_turn_minimises_the_papers_loss_for_its_network_alone(at: int) -> None:
    recipe, values = VAEGAN(latent=1, gamma=0.3), (0.7, -1.2, 0.9)
    nets, batch = game(values)
    turn = recipe.turns()[at]
    found = sum(term for term in turn.loss(nets, batch).values() if term.requires_grad)
    weights = torch.tensor(values, requires_grad=True)
    exact = by_hand(weights, 0.3)[turn.name]
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, exact)
    (gradient,) = torch.autograd.grad(exact, weights)
    name = turn.trains[0]
    (own,) = torch.autograd.grad(found, [nets[name].weight])
    torch.testing.assert_close(own, gradient["EGD".index(name)])


def test_no_other_loss_reaches_the_encoder() -> None:
    recipe, (nets, batch) = VAEGAN(latent=1), game((0.7, -1.2, 0.9))
    for turn in recipe.turns()[1:]:
        total = torch.stack([term for term in turn.loss(nets, batch).values() if term.requires_grad]).sum()
        assert torch.autograd.grad(total, [nets["E"].weight], allow_unused=True, retain_graph=True) == (None,)


def test_one_pass_of_the_encoder_serves_all_turns() -> None:
    recipe, (nets, batch) = VAEGAN(latent=1), game((0.7, -1.2, 0.9))
    counts = {"E": 0, "G": 0}

    def counter(name: str) -> None:
        def count(*_: object) -> None:
            counts[name] += 1

        nets[name].register_forward_hook(count)

    counter("E")
    counter("G")
    for turn in recipe.turns():
        turn.loss(nets, batch)
    assert counts == {"E": 1, "G": 2}  # G once with E's part of the graph, once without


def test_dissimilarity_is_a_gaussians_surprise() -> None:
    one, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]])
    exact = -torch.distributions.Normal(other, 1.0).log_prob(one).sum() - math.log(2 * math.pi)
    torch.testing.assert_close(dissimilarity(one, other), exact)


def test_the_features_are_those_the_score_is_made_of() -> None:
    with seeded(torch.device("cpu"), 0):
        judge = Discriminator(DataSpec(32, 3), 4).eval()
    images = torch.linspace(-1, 1, 2 * 3 * 32 * 32).view(2, 3, 32, 32)
    seen, scores = judge(images)
    assert seen.shape == (2, 4 * 4 * 4 * 4)  # filters, doubled twice, on 4 x 4
    assert isinstance(judge.see[-1], nn.Conv2d)
    torch.testing.assert_close(judge.judge(seen.view(2, 16, 4, 4)), scores)
