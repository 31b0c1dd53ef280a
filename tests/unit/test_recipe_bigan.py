"""BiGAN: the swapped game on pairs with known scores; both encoders; decay of matrices alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.gans.bigan import BiGAN, Discriminator
from reference_models.recipe import Batch, DataSpec
from reference_models.seeds import seeded
from reference_models.state import build_networks

CPU = torch.device("cpu")


class Linear(nn.Module):
    """(N, ...) => the mean times a weight, in the wanted shape."""

    def __init__(self, weight: float, *shape: int) -> None:
        super().__init__()
        self.weight, self.shape = nn.Parameter(torch.tensor(weight)), shape

    def forward(self, values: Tensor) -> Tensor:
        return self.weight * values.flatten(1).mean(1).view(-1, *[1] * len(self.shape)).expand(-1, *self.shape)


class PairScore(nn.Module):
    """D(x, z) = 3 x - z, of an image's and a code's means."""

    def forward(self, images: Tensor, codes: Tensor) -> Tensor:
        return 3 * images.flatten(1).mean(1) - codes.mean(1)


def test_consistency_is_the_reconstructions_error_and_reaches_the_encoder() -> None:
    recipe = BiGAN(filters=4, latent=3, units=8, consistency=2.0)
    nets = build_networks(recipe, DataSpec(16, 1), 0, torch.device("cpu")).train()
    images = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    terms = recipe.swapping_loss(nets, Batch(images, torch.zeros(4), torch.Generator().manual_seed(1)))
    again = nets["G"](nets["E"](images).tanh())
    assert terms["consistency"].item() == pytest.approx(2 * (images - again).abs().mean().item(), rel=1e-4)
    (gradient,) = torch.autograd.grad(terms["consistency"], [next(nets["E"].parameters())])
    assert gradient.abs().sum() > 0
    plain = BiGAN(filters=4, latent=3, units=8)
    assert "consistency" not in plain.swapping_loss(nets, Batch(images, torch.zeros(4), torch.Generator()))


def test_losses_are_cross_entropies_of_swapped_pairs() -> None:
    recipe = BiGAN(latent=2)
    nets = ModuleDict({"E": Linear(0.8, 2), "G": Linear(-0.6, 1, 16, 16), "D": PairScore()})
    x = torch.tensor([0.5, -0.25])
    batch = Batch(x.view(2, 1, 1, 1).expand(2, 1, 16, 16), torch.zeros(2), torch.Generator().manual_seed(0))
    z = (torch.rand(2, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1).mean(1).numpy()
    real = 3 * x.numpy() - np.tanh(0.8 * x.numpy())
    fake = 3 * -0.6 * z - z

    def log_probability(scores: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
        return float(np.log(1 / (1 + np.exp(-scores))).mean())

    first, second = (turn.loss(nets, batch) for turn in recipe.turns())
    assert first["loss D"].item() == pytest.approx(-log_probability(real) - log_probability(-fake), abs=1e-6)
    assert second["loss EG"].item() == pytest.approx(-log_probability(-real) - log_probability(fake), abs=1e-6)
    again = -0.6 * np.tanh(0.8 * x.numpy())
    assert second["L1"].item() == pytest.approx(np.abs(x.numpy() - again).mean(), abs=1e-6)
    assert not second["L1"].requires_grad


def test_encoder_and_generator_meet_only_in_the_discriminator() -> None:
    """The loss of the pairs (x, E(x)) does not depend on G, nor that of (G(z), z) on E."""
    recipe = BiGAN(latent=2)
    nets = ModuleDict({"E": Linear(0.8, 2), "G": Linear(-0.6, 1, 16, 16), "D": PairScore()})
    batch = Batch(torch.full((2, 1, 16, 16), 0.5), torch.zeros(2), torch.Generator().manual_seed(0))
    encoded = nets["D"](batch.real, recipe.codes(nets, batch)).sum()
    generated = nets["D"](recipe.fake(nets, batch), recipe.drawn(batch)).sum()
    unused = {"allow_unused": True, "retain_graph": True}
    assert torch.autograd.grad(encoded, [nets["G"].weight], **unused) == (None,)
    assert torch.autograd.grad(generated, [nets["E"].weight], **unused) == (None,)


def test_codes_of_both_encoders_fit_their_priors() -> None:
    options = {"filters": 4, "latent": 6, "units": 8}
    images = torch.linspace(-1, 1, 4 * 256).view(4, 1, 16, 16)
    for encoder, stochastic in (("deterministic", False), ("stochastic", True)):
        recipe = BiGAN(encoder=encoder, **options)  # type: ignore[arg-type]
        nets = build_networks(recipe, DataSpec(16, 1), 0, CPU).eval()
        one, other = (Batch(images, torch.zeros(4), torch.Generator().manual_seed(seed)) for seed in (0, 1))
        assert recipe.encode(nets, images).shape == (4, 6)
        assert torch.equal(recipe.codes(nets, one), recipe.codes(nets, other)) != stochastic
        z = recipe.latents(2000, torch.Generator().manual_seed(0))
        assert z.var().item() == pytest.approx(1 if stochastic else 1 / 3, rel=0.03)
        assert (z.abs().max() > 1).item() == stochastic


def test_the_discriminator_sees_whether_code_and_image_belong_together() -> None:
    with seeded(CPU, 0):
        judge = Discriminator(DataSpec(16, 1), 3, 4, 8).eval()
    images, codes = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)), torch.eye(4, 3)
    paired, shifted = judge(images, codes), judge(images, codes.roll(1, 0))
    assert paired.shape == (4,)
    assert not torch.allclose(paired, shifted)


def test_only_matrices_and_kernels_decay() -> None:
    recipe = BiGAN(filters=4, latent=3, units=4)
    nets = build_networks(recipe, DataSpec(16, 1), 0, CPU)
    decayed, others = recipe.optimizer("D", nets["D"].parameters()).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (2.5e-5, 0)
    assert all(p.ndim > 1 for p in decayed["params"])
    assert all(p.ndim == 1 for p in others["params"])
    assert len(decayed["params"]) + len(others["params"]) == len(list(nets["D"].parameters()))
