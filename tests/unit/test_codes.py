"""Codes drawn from normal distributions, against torch.distributions and their own statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import ModuleDict

from reference_models.codes import NormalCodes, absolute_error, image_encoder, watched_error
from reference_models.recipe import Batch, DataSpec
from reference_models.registry import make_recipe
from reference_models.seeds import seeded
from reference_models.state import build_networks


def test_divergence_is_that_of_torch_distributions() -> None:
    rng = torch.Generator().manual_seed(0)
    codes = NormalCodes(torch.randn(5, 3, generator=rng), torch.randn(5, 3, generator=rng))
    normal = Normal(codes.mean, (codes.log_variance / 2).exp())
    torch.testing.assert_close(codes.divergence(), kl_divergence(normal, Normal(0.0, 1.0)).sum(1))


def test_draws_have_the_mean_and_variance_they_are_of() -> None:
    mean, log_variance = torch.tensor([3.0, -1.0]), torch.tensor([0.0, -2.0])
    codes = NormalCodes(mean.expand(40_000, 2), log_variance.expand(40_000, 2))
    drawn = codes.draw(torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.var(0).log(), log_variance, atol=0.03, rtol=0)
    assert torch.equal(drawn, codes.draw(torch.Generator().manual_seed(0)))


def test_gradients_pass_through_a_draw_to_mean_and_deviation() -> None:
    mean, log_variance = torch.zeros(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    drawn = NormalCodes(mean, log_variance).draw(torch.Generator().manual_seed(0))
    drawn.sum().backward()
    assert mean.grad is not None
    assert log_variance.grad is not None
    torch.testing.assert_close(mean.grad, torch.ones(1, 2))
    torch.testing.assert_close(log_variance.grad, drawn.detach() / 2)  # d exp(v/2) e / dv = e/2 at v = 0


def test_answers_are_means_then_log_variances() -> None:
    codes = NormalCodes.of(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert codes.mean.tolist() == [[1, 2]]
    assert codes.log_variance.tolist() == [[3, 4]]
    with seeded(torch.device("cpu"), 0):
        encoder = image_encoder(DataSpec(16, 3), 4, 6)
    assert encoder(torch.zeros(2, 3, 16, 16)).shape == (2, 6)


def test_absolute_error_is_logged_only() -> None:
    images = torch.tensor([[1.0, -1.0]], requires_grad=True)
    error = absolute_error(images, torch.tensor([[0.5, 0.5]]))
    assert error.item() == 1.0
    assert not error.requires_grad


def test_watching_the_error_moves_nothing() -> None:
    recipe = make_recipe("bigan", {"filters": 4, "latent": 3, "units": 4})
    nets = build_networks(recipe, DataSpec(16, 1), 0, torch.device("cpu")).train()
    before = {key: value.clone() for key, value in nets.state_dict().items()}
    rng = torch.Generator().manual_seed(0)
    batch = Batch(torch.linspace(-1, 1, 2560).view(10, 1, 16, 16), torch.zeros(10, dtype=torch.int64), rng)
    error = watched_error(recipe, nets, batch)  # type: ignore[arg-type]
    assert 0 < error.item() < 2
    assert all(torch.equal(before[key], value) for key, value in nets.state_dict().items())
    assert all(net.training for net in nets.modules())
    assert torch.equal(rng.get_state(), torch.Generator().manual_seed(0).get_state())


def test_an_encoder_reconstructs_by_its_own_latents() -> None:
    class Halved(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return values / 2

    recipe = make_recipe("vaegan")
    images = torch.ones(2, 4)
    nets = ModuleDict({"E": Halved(), "G": Halved()})
    again = recipe.reconstruct(nets, images, torch.zeros(2))  # type: ignore[attr-defined]
    assert torch.equal(again, torch.full((2, 2), 0.25))  # the first half of E's answers is the mean
