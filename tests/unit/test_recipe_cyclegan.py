"""CycleGAN: its losses by hand, its pool, its falling learning rate and its shapes."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter

from reference_models.gans.cyclegan import CycleGAN, FallingAdam, Pool
from reference_models.recipe import Batch, DataSpec
from reference_models.seeds import seeded

CPU = torch.device("cpu")


class Affine(nn.Module):
    """a x + b."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(float(a))), b

    def forward(self, images: Tensor) -> Tensor:
        return self.a * images + self.b


def nets(size: int = 5) -> ModuleDict:
    """G(x) = x + 0.5, F(y) = y - 0.25, D_Y(y) = y, D_X(x) = 2 x, scores by the pixel."""
    spec = DataSpec(16, 1)
    made = {"G": Affine(1, 0.5), "F": Affine(1, -0.25), "D_Y": Affine(1, 0), "D_X": Affine(2, 0)}
    return ModuleDict({**made, "pool_Y": Pool(size, spec), "pool_X": Pool(size, spec)})


def batch(x: float = 0.125, y: float = 0.75) -> Batch:
    real, source = torch.full((2, 1, 16, 16), y), torch.full((2, 1, 16, 16), x)
    return Batch(real, torch.zeros(2, dtype=torch.int64), torch.Generator().manual_seed(0), source)


def test_the_generators_loss_by_hand() -> None:
    found = CycleGAN().generator_loss(nets(), batch())
    # G(x) = 0.625, F(y) = 0.5; both cycles are off by 0.25; G(y) is off by 0.5 and F(x) by 0.25
    assert found["fooling"].item() == pytest.approx((0.625 - 1) ** 2 + (2 * 0.5 - 1) ** 2)
    assert found["cycle"].item() == pytest.approx(10 * 0.5)
    assert found["identity"].item() == pytest.approx(10 * 0.5 * 0.75)
    assert found["cycle L1"].item() == pytest.approx(0.25)
    assert not found["cycle L1"].requires_grad
    assert "identity" not in CycleGAN(identity_weight=0.0).generator_loss(nets(), batch())


def test_the_discriminators_loss_by_hand() -> None:
    found = CycleGAN().discriminator_loss(nets(), batch())
    assert found["loss D_Y"].item() == pytest.approx(((0.75 - 1) ** 2 + 0.625**2) / 2)
    assert found["loss D_X"].item() == pytest.approx(((2 * 0.125 - 1) ** 2 + (2 * 0.5) ** 2) / 2)


def test_there_and_back_uses_both_generators() -> None:
    images = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    recipe, made = CycleGAN(), nets()
    torch.testing.assert_close(recipe.translate(made, images), images + 0.5)
    torch.testing.assert_close(recipe.translate(made, images, "back"), images - 0.25)
    for direction in recipe.directions:
        torch.testing.assert_close(recipe.there_and_back(made, images, direction), images + 0.25)


def levels(*values: float) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)


def test_a_pool_that_is_not_full_gives_back_what_it_gets() -> None:
    pool, rng = Pool(4, DataSpec(16, 1)), torch.Generator().manual_seed(0)
    assert torch.equal(pool.exchange(levels(1, 2, 3), rng), levels(1, 2, 3))
    assert pool.filled == 3
    assert torch.equal(pool.images[:3], levels(1, 2, 3))


def test_a_full_pool_exchanges_half_of_the_time_and_loses_nothing() -> None:
    pool, rng = Pool(50, DataSpec(16, 1)), torch.Generator().manual_seed(0)
    given = [float(number) for number in range(2050)]
    got = [value for at in range(0, 2050, 5) for value in pool.exchange(levels(*given[at : at + 5]), rng)[:, 0, 0, 0]]
    kept = pool.images[:, 0, 0, 0].tolist()
    # each image is given back once or still in the pool, except that the first 50 filled it as well
    assert sorted([*map(float, got[50:]), *kept]) == given
    newest = sum(float(value) == number for value, number in zip(got[50:], given[50:])) / 2000
    assert newest == pytest.approx(0.5, abs=0.05)
    assert not pool.exchange(levels(1.0).requires_grad_(), rng).requires_grad


def test_the_learning_rate_stays_and_then_falls_to_nothing_also_when_resumed() -> None:
    def fresh() -> FallingAdam:
        return FallingAdam([Parameter(torch.zeros(1))], 0.5, 0.5, steady=2, falling=4)

    def steps(optimizer: FallingAdam, count: int) -> list[float]:
        rates = []
        for _ in range(count):
            optimizer.param_groups[0]["params"][0].grad = torch.ones(1)
            optimizer.step()
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    whole = steps(fresh(), 8)
    assert whole == [0.5, 0.5, 0.5, 0.375, 0.25, 0.125, 0.0, 0.0]
    begun = fresh()
    first = steps(begun, 4)
    resumed = fresh()
    resumed.load_state_dict(begun.state_dict())
    assert first + steps(resumed, 4) == whole


def test_images_are_what_the_schedule_counts() -> None:
    made = CycleGAN(batch_size=4, steady_images=8, falling_images=16).optimizer("G", [Parameter(torch.zeros(1))])
    assert isinstance(made, FallingAdam)
    assert (made.steady, made.falling) == (2, 4)


@pytest.mark.parametrize(("size", "channels"), list(product((16, 32, 64, 128), (1, 3))))
def test_shapes(size: int, channels: int) -> None:
    with seeded(CPU, 0), torch.no_grad():
        made = CycleGAN(filters=2, blocks=2, pool=1).networks(DataSpec(size, channels))
        images = torch.rand(2, channels, size, size) * 2 - 1
        translated = made["G"](images)
        assert made["D_Y"](translated).shape[:2] == (2, 1)
    assert translated.shape == images.shape
    assert translated.abs().max() <= 1
