"""Autoencoder: the prior's running moments against direct ones, both penalties, codes there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, kl_divergence

from ganeval.errors import GanevalError
from reference_models.gans.autoencoder import Autoencoder, CodePrior, kl_sparsity
from reference_models.recipe import Batch, DataSpec
from reference_models.state import build_networks

CPU = torch.device("cpu")


def codes(rows: int, seed: int = 0) -> Tensor:
    """Correlated, off centre, (rows, 3)."""
    mixing = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [-1.0, 0.3, 0.1]])
    return torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed)) @ mixing.T + torch.tensor(
        [3.0, -1.0, 0.0]
    )


def test_the_first_hundred_batches_give_the_moments_of_all_their_codes() -> None:
    prior, rows = CodePrior(3), codes(50 * 8)
    for batch in rows.split(8):
        prior.see(batch)
    torch.testing.assert_close(prior.mean, rows.mean(0))
    torch.testing.assert_close(prior.covariance, torch.cov(rows.T, correction=0), rtol=1e-4, atol=1e-4)


def test_later_batches_weigh_a_hundredth() -> None:
    prior = CodePrior(3)
    for batch in codes(150 * 8).split(8):
        prior.see(batch)
    before, batch = prior.mean.clone(), codes(8, seed=1)
    prior.see(batch)
    torch.testing.assert_close(prior.mean, 0.99 * before + 0.01 * batch.mean(0))


def test_samples_of_the_prior_have_the_moments_it_saw() -> None:
    prior, rows = CodePrior(3), codes(4000)
    prior.see(rows)
    drawn = prior(torch.randn(200_000, 3, generator=torch.Generator().manual_seed(2)))
    torch.testing.assert_close(drawn.mean(0), rows.mean(0), atol=0.03, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(rows.T), atol=0.05, rtol=0.02)


def test_whitening_is_the_inverse_even_of_codes_that_stand_still() -> None:
    prior, rows = CodePrior(3), codes(100)
    rows[:, 1] = 0.5  # a dead unit: no variance at all
    prior.see(rows)
    torch.testing.assert_close(prior(prior.whiten(rows)), rows, atol=1e-4, rtol=1e-4)


def test_kl_sparsity_is_that_of_coins() -> None:
    active = torch.rand(10, 4, generator=torch.Generator().manual_seed(0))
    exact = kl_divergence(Bernoulli(torch.full((4,), 0.05)), Bernoulli(active.mean(0))).sum()
    torch.testing.assert_close(kl_sparsity(active, 0.05), exact)
    assert kl_sparsity(torch.full((3, 2), 0.05), 0.05).item() == pytest.approx(0, abs=1e-6)
    assert kl_sparsity(torch.zeros(3, 2), 0.05).isfinite()


def loss(recipe: Autoencoder) -> tuple[dict[str, Tensor], Tensor]:
    """The terms, and the codes they were made of."""
    nets = build_networks(recipe, DataSpec(16, 1), 0, CPU).train()
    images = torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen: list[Tensor] = []
    nets["E"].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    return recipe.loss(nets, Batch(images, torch.zeros(6), torch.Generator().manual_seed(0))), seen[0].detach()


def test_penalties_are_weighted_sums_over_units() -> None:
    plain, _ = loss(Autoencoder(filters=4, latent=5))
    assert set(plain) == {"error", "L1"}
    l1, h = loss(Autoencoder(filters=4, latent=5, sparsity="l1", l1_weight=0.5))
    assert l1["sparsity"].item() == pytest.approx(0.5 * h.abs().sum().item() / 6, rel=1e-5)
    np.testing.assert_allclose(h.var(0, correction=0), 1, rtol=2e-2)
    kl, h = loss(Autoencoder(filters=4, latent=5, sparsity="kl", kl_weight=2.0))
    assert 0 < h.min() < h.max() < 1
    assert kl["sparsity"].item() == pytest.approx(2 * kl_sparsity(h, 0.05).item(), rel=1e-5)


def test_reconstruction_passes_the_codes_through_the_prior_unharmed() -> None:
    recipe = Autoencoder(filters=4, latent=5)
    nets = build_networks(recipe, DataSpec(16, 1), 0, CPU).train()
    images = torch.rand(64, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    recipe.loss(nets, Batch(images, torch.zeros(64), torch.Generator().manual_seed(0)))
    nets.eval()
    with torch.no_grad():
        direct = nets["G"](nets["E"](images))
        torch.testing.assert_close(recipe.reconstruct(nets, images, torch.zeros(64)), direct, atol=1e-3, rtol=1e-3)


def test_activity_is_a_share() -> None:
    with pytest.raises(GanevalError, match="expected between 0 and 1"):
        Autoencoder(activity=1.0)
