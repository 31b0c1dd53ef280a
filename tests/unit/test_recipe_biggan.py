"""BigGAN: orthogonality by hand, standing statistics by hand, chunks of z, the shared embedding, truncation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from scipy.stats import kstest, truncnorm
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.errors import GanevalError
from reference_models.gans.biggan import Generator, StandingNorm, filter_overlap
from reference_models.recipe import Batch, DataSpec, Recipe
from reference_models.registry import make_recipe
from reference_models.seeds import seeded

SPEC = DataSpec(16, 1, classes=3)
TINY = {"batch_size": 5, "filters": 2, "latent": 7, "embedding": 4, "attention": 8, "standing_passes": 3}


@pytest.fixture(autouse=True)
def _weights() -> Iterator[None]:
    with seeded(torch.device("cpu"), 0):
        yield


def tiny(**options: float) -> Recipe:
    return make_recipe("biggan", {**TINY, **options})


def draw(recipe: Recipe, n: int, seed: int = 1) -> Tensor:
    return recipe.latents(n, torch.Generator().manual_seed(seed))


def test_overlap_of_filters_by_hand() -> None:
    # rows (1, 2), (3, 0), (0, 1): dot products 3, 2, 0, each counted twice
    tall = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert filter_overlap(tall).item() == 2 * (9 + 4 + 0)
    # the same rows padded into a convolution (3, 1, 2, 3), wide instead of tall
    wide = torch.cat([tall, torch.zeros(3, 4)], dim=1).view(3, 1, 2, 3)
    assert filter_overlap(wide).item() == 2 * (9 + 4 + 0)


@pytest.mark.parametrize("shape", [(6, 2, 3, 3), (12, 5)])
def test_overlap_is_the_masked_gram_and_leaves_norms_free(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    rows = weight.flatten(1)
    explicit = ((rows @ rows.T) * (1 - torch.eye(len(rows)))).square().sum()
    torch.testing.assert_close(filter_overlap(weight), explicit)
    (found,) = torch.autograd.grad(filter_overlap(weight), weight)
    (expected,) = torch.autograd.grad(explicit, weight)
    torch.testing.assert_close(found, expected)
    scaled_rows = torch.diag(torch.tensor([1.0, 5.0, 0.2]))
    assert filter_overlap(scaled_rows).item() == pytest.approx(0, abs=1e-4)


def test_losses_by_hand() -> None:
    recipe = tiny(orthogonality=0.5)
    nets = ModuleDict({"G": recipe.networks(SPEC)["G"], "D": Constant()})
    batch = Batch(torch.ones(2, 1, 16, 16), torch.tensor([0, 1]), torch.Generator().manual_seed(0))
    terms: dict[str, Tensor] = {}
    for turn in recipe.turns():
        terms |= turn.loss(nets, batch)
    assert terms["loss D"].item() == pytest.approx((0.7 + 1.0) / 2 + (1.2 + 0.6) / 2)
    assert terms["loss G"].item() == pytest.approx(-(0.2 - 0.4) / 2)
    raw = [value.detach() for name, value in nets["G"].named_parameters() if value.ndim > 1 and name != "embed.weight"]
    grams = [value.flatten(1) @ value.flatten(1).T for value in raw]
    explicit = sum(float((gram - gram.diag().diag()).square().sum()) for gram in grams)
    assert explicit > 0.1
    assert terms["overlap"].item() == pytest.approx(0.5 * explicit, rel=1e-4)


class Constant(nn.Module):
    """Scores (0.3, 0) for two real images, (0.2, -0.4) for two generated ones, with a gradient of 0."""

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        fixed = {4: [0.3, 0.0, 0.2, -0.4], 2: [0.2, -0.4]}[len(images)]
        return torch.tensor(fixed) + 0 * images.mean((1, 2, 3))


def test_chunks_of_z_reach_their_own_layers() -> None:
    generator = tiny().networks(SPEC)["G"]
    assert isinstance(generator, Generator)
    assert generator.chunks == [3, 2, 2]  # 7 numbers for the first maps and two blocks
    heard: list[Tensor] = []
    generator.body.project.register_forward_pre_hook(lambda _module, inputs: heard.append(inputs[0]))
    for block in generator.body.blocks:
        for norm in block.norms:
            norm.affine.register_forward_pre_hook(lambda _module, inputs: heard.append(inputs[0]))
    z, labels = draw(tiny(), 2), torch.tensor([2, 0])
    generator(z, labels)
    shared = generator.embed.weight[labels]
    expected = [z[:, :3], *[torch.cat([z[:, 3:5], shared], 1)] * 2, *[torch.cat([z[:, 5:], shared], 1)] * 2]
    assert all(torch.equal(one, other) for one, other in zip(heard, expected, strict=True))
    with pytest.raises(GanevalError, match="option 'latent' is 2: expected 3 or more"):
        tiny(latent=2).networks(SPEC)


def test_standing_statistics_are_means_over_passes() -> None:
    norm = StandingNorm(2).eval()
    batches = [torch.randn(4, 2, 3, 3) * scale + scale for scale in (1.0, 2.0, 5.0)]
    for norm.passes, maps in enumerate(batches, start=1):
        by_batch = (maps - maps.mean((0, 2, 3), keepdim=True)) / maps.std((0, 2, 3), correction=0, keepdim=True)
        torch.testing.assert_close(norm(maps), by_batch, atol=1e-3, rtol=1e-3)
    norm.passes = 0
    mean = torch.stack([maps.mean((0, 2, 3)) for maps in batches]).mean(0).view(2, 1, 1)
    variance = torch.stack([maps.var((0, 2, 3)) for maps in batches]).mean(0).view(2, 1, 1)
    maps = torch.randn(1, 2, 3, 3)
    torch.testing.assert_close(norm(maps), (maps - mean) / (variance + 1e-4).sqrt())


def test_samples_use_statistics_of_fresh_latents_through_the_same_weights() -> None:
    recipe = tiny()
    nets = recipe.networks(SPEC).eval()
    generator = nets["G"]
    assert isinstance(generator, Generator)
    norms = [module for module in generator.modules() if isinstance(module, StandingNorm)]
    inputs: dict[StandingNorm, list[Tensor]] = {norm: [] for norm in norms}
    hooks = [norm.register_forward_pre_hook(lambda norm, maps: inputs[norm].append(maps[0])) for norm in norms]
    with torch.no_grad():
        recipe.generate(nets, draw(recipe, 2), torch.tensor([0, 1]))
    for hook in hooks:
        hook.remove()
    for norm, (*gathered, sampled) in inputs.items():
        assert [len(maps) for maps in gathered] == [5, 5, 5]
        assert len(sampled) == 2
        torch.testing.assert_close(norm.mean, torch.stack([maps.mean((0, 2, 3)) for maps in gathered]).mean(0))
        torch.testing.assert_close(norm.variance, torch.stack([maps.var((0, 2, 3)) for maps in gathered]).mean(0))
    first = next(maps[0] for maps in inputs.values())
    assert not torch.equal(first, inputs[norms[0]][1])  # every pass its own latents


def test_statistics_are_gathered_once_until_weights_may_have_moved() -> None:
    recipe = tiny()
    nets = recipe.networks(SPEC).eval()
    generator = nets["G"]
    counted: list[int] = []
    generator.register_forward_hook(lambda _module, inputs, _output: counted.append(len(inputs[0])))
    z, labels = draw(recipe, 2), torch.tensor([0, 1])
    with torch.no_grad():
        one, again = (recipe.generate(nets, z, labels) for _ in range(2))
        assert counted == [5, 5, 5, 2, 2]
        assert torch.equal(one, again)
        generator.body.project.bias.add_(1.0)
        moved = recipe.generate(nets.eval(), z, labels)
        assert counted == [5, 5, 5, 2, 2, 5, 5, 5, 2]
        assert not torch.equal(one, moved)
        recipe.generate(nets.train(), z, labels)
        assert counted[-2:] == [2, 2]


def test_gathering_leaves_no_trace_in_a_checkpoint() -> None:
    recipe = tiny()
    nets = recipe.networks(SPEC).eval()
    before = {name: value.clone() for name, value in nets.state_dict().items()}
    recipe.generate(nets, draw(recipe, 2), torch.tensor([0, 1]))
    after = nets.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_truncated_latents_follow_the_law_of_drawing_again() -> None:
    z = draw(tiny(truncation=0.5, latent=100), 200)
    assert z.abs().max() <= 0.5
    assert kstest(z.flatten().numpy(), truncnorm(-0.5, 0.5).cdf).pvalue > 0.01
    free = draw(tiny(latent=100), 200)
    assert kstest(free.flatten().numpy(), "norm").pvalue > 0.01
    with pytest.raises(GanevalError, match=r"option 'truncation' is -1\.0"):
        tiny(truncation=-1.0)


def test_truncation_is_for_samples_and_their_statistics_not_for_training() -> None:
    recipe = tiny(truncation=0.1)
    batch = Batch(torch.zeros(50, 1, 16, 16), torch.zeros(50, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert recipe.drawn(batch).abs().max() > 2
    nets = recipe.networks(SPEC).eval()
    z, labels = draw(recipe, 2), torch.tensor([0, 1])
    narrow = recipe.generate(nets, z, labels)
    wide = replace(recipe, truncation=0.0).generate(nets, z, labels)  # same weights and z, other statistics
    assert not torch.allclose(narrow, wide)
    assert torch.equal(narrow, recipe.generate(nets, z, labels))
