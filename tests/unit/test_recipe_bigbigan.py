"""BigBiGAN: three scores with three hinges, softplus deviations, spectral norms against singular values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict
from torch.nn.functional import softplus

from reference_models.gans.bigbigan import BigBiGAN, Discriminator
from reference_models.recipe import Batch, DataSpec
from reference_models.seeds import seeded
from reference_models.state import build_networks

CPU = torch.device("cpu")
TINY = BigBiGAN(filters=4, latent=3, units=8, attention=8)


class Fixed(nn.Module):
    """The same rows whatever comes in."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.rows


SCORES = torch.tensor([[0.5, -2.0, 3.0], [1.5, 0.0, -0.5], [0.25, -3.0, 1.0], [-0.5, 2.0, 0.0]])
"""Of two pairs (x, E(x)), then of two pairs (G(z), z)."""


def terms() -> dict[str, Tensor]:
    nets = ModuleDict({"E": Fixed(torch.zeros(2, 6)), "G": Fixed(torch.zeros(2, 1, 16, 16)), "D": Fixed(SCORES)})
    batch = Batch(torch.zeros(2, 1, 16, 16), torch.zeros(2), torch.Generator().manual_seed(0))
    first, second = (turn.loss(nets, batch) for turn in TINY.turns())
    return first | second


def test_the_discriminator_minimises_a_hinge_on_each_score() -> None:
    y, s = np.array([[1], [1], [-1], [-1]]), SCORES.numpy()
    hinges = np.maximum(0, 1 - y * s)
    assert terms()["loss D"].item() == pytest.approx(hinges[:2].sum(1).mean() + hinges[2:].sum(1).mean())


def test_encoder_and_generator_minimise_the_sum_of_scores() -> None:
    y, s = np.array([[1], [1], [-1], [-1]]), SCORES.numpy()
    linear = (y * s).sum(1)
    found = terms()
    assert found["loss EG"].item() == pytest.approx(linear[:2].mean() + linear[2:].mean())
    gaps = [found[f"gap {name}"].item() for name in ("s_x", "s_z", "s_xz")]
    np.testing.assert_allclose(gaps, s[:2].mean(0) - s[2:].mean(0), rtol=1e-6)
    assert not any(found[name].requires_grad for name in found if name.startswith(("gap", "L1")))


def test_each_score_depends_on_what_its_part_sees() -> None:
    with seeded(CPU, 0):
        judge = Discriminator(DataSpec(16, 1), 3, 4, 8, 8)
    rng = torch.Generator().manual_seed(0)
    images, codes = torch.rand(2, 1, 16, 16, generator=rng), torch.randn(2, 3, generator=rng)
    scores, other_codes, other_images = judge(images, codes), judge(images, codes + 1), judge(images.flip(3), codes)
    assert scores.shape == (2, 3)
    assert [torch.allclose(scores[:, at], other_codes[:, at]) for at in range(3)] == [True, False, False]
    assert [torch.allclose(scores[:, at], other_images[:, at]) for at in range(3)] == [False, True, False]


def test_deviations_are_softplus_and_encoding_answers_the_mean() -> None:
    nets = build_networks(TINY, DataSpec(16, 1), 0, CPU).eval()
    images = torch.linspace(-1, 1, 2 * 256).view(2, 1, 16, 16)
    mean, spread = nets["E"](images).chunk(2, 1)
    posterior = TINY.posterior(nets, images)
    torch.testing.assert_close((posterior.log_variance / 2).exp(), softplus(spread))
    assert torch.equal(TINY.encode(nets, images), mean)


def test_all_matrices_of_discriminator_and_generator_are_spectrally_normalised() -> None:
    nets = build_networks(TINY, DataSpec(16, 1), 0, CPU).train()
    both = [*nets["D"].modules(), *nets["G"].modules()]
    layers = [layer for layer in both if isinstance(layer, nn.Linear | nn.Conv2d)]
    with seeded(CPU, 0), torch.no_grad():
        for _ in range(40):  # power iterations
            nets["D"](nets["G"](torch.randn(2, 3)), torch.zeros(2, 3))
    largest = [torch.linalg.svd(layer.weight.flatten(1)).S[0].item() for layer in layers]
    np.testing.assert_allclose(largest, 1, atol=5e-2)


def test_all_of_z_reaches_every_block() -> None:
    with seeded(CPU, 0):
        generator = build_networks(TINY, DataSpec(16, 1), 0, CPU)["G"].eval()
    norms = [norm for block in generator.body.blocks for norm in block.norms]
    assert len(norms) == 4
    assert {norm.affine.in_features for norm in norms} == {3}
