"""Blocks of a generator from elsewhere, and what is refused before the first image is used."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganeval.errors import GanevalError, ImageError
from ganeval.images import Opening, Subset
from ganeval.images.calling import Calling
from ganeval.images.generated import ROWS, GeneratedSource, Program, check_called

Run = Callable[[Tensor, Tensor | None], object]
SIXTEEN = Calling(shape=(16,))


def grey(latents: Tensor, labels: Tensor | None) -> Tensor:
    return (latents[:, :16].reshape(-1, 1, 4, 4) / 10).clamp(-1, 1)


def source(run: Run = grey, calling: Calling = SIXTEEN, **options: object) -> GeneratedSource:
    program = {name: options.pop(name) for name in ("content", "shape", "rows", "labelled") if name in options}
    return GeneratedSource(Program("net", run, **program), Opening(calling=calling, **options))  # type: ignore[arg-type]


def all_pixels(made: GeneratedSource, size: int) -> Tensor:
    return torch.cat(list(made.batches(size)))


def test_images_are_the_generators_of_these_latents() -> None:
    made = source(num_samples=40, seed=5)
    expected = grey(Calling().latents((16,), 5, range(40)), None)
    np.testing.assert_allclose(all_pixels(made, 7).numpy(), (expected.numpy() + 1) * 127.5, atol=0.501)


@pytest.mark.parametrize("rows", [None, 1, 5])
def test_images_depend_on_seed_and_index_alone(rows: int | None) -> None:
    def noisy(latents: Tensor, labels: Tensor | None) -> Tensor:
        return (latents.view(-1, 1, 4, 4) + torch.randn(len(latents), 1, 4, 4)).tanh()

    whole = all_pixels(source(noisy, num_samples=70, rows=rows), 70)
    for size in (1, 7, 64):
        assert torch.equal(all_pixels(source(noisy, num_samples=70, rows=rows), size), whole)
    again = source(noisy, num_samples=70, rows=rows)
    assert torch.equal(torch.cat(list(again.read([66, 13, 2]))), whole[[66, 13, 2]])
    assert torch.equal(all_pixels(source(noisy, num_samples=90, rows=rows), 90)[:70], whole)
    assert not torch.equal(all_pixels(source(noisy, num_samples=70, rows=rows, seed=1), 70), whole)
    assert not torch.equal(whole[0], whole[ROWS])


def test_every_call_has_the_same_number_of_latents_and_none_is_needless() -> None:
    sizes = list[int]()

    def counting(latents: Tensor, labels: Tensor | None) -> Tensor:
        sizes.append(len(latents))
        return grey(latents, labels)

    made = source(counting, num_samples=70)
    sizes.clear()
    all_pixels(made, 3)
    assert sizes == [ROWS] * 2  # of three blocks, the first was made when it was checked


def test_labels_reach_the_generator_and_the_source() -> None:
    def by_class(latents: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        assert labels.dtype == torch.int64
        return (labels.view(-1, 1, 1, 1).expand(-1, 1, 2, 2) * 20).byte()

    made = source(by_class, Calling(shape=(4,), classes=10), num_samples=45)
    assert made.labels is not None
    assert made.labels.dtype == np.int64
    assert (all_pixels(made, 45)[:, 0, 0, 0] // 20).tolist() == made.labels.tolist() == [i % 10 for i in range(45)]
    assert Subset(made, 5, 0).labels is not None


def test_fingerprint_holds_everything_that_decides_the_images() -> None:
    kinds = [
        source(content="a", num_samples=5),
        source(content="b", num_samples=5),
        source(content="a", num_samples=6),
        source(content="a", num_samples=5, seed=1),
        source(content="a", num_samples=5, calling=Calling(shape=(17,))),
        source(content="a", num_samples=5, calling=Calling(shape=(16,), law="uniform")),
        source(content="a", num_samples=5, calling=Calling(shape=(16,), truncation=0.5)),
        source(
            content="a",
            num_samples=5,
            calling=Calling(shape=(16,), output_range="0,255"),
            run=lambda z, y: 100 + z.view(-1, 1, 4, 4),
        ),
        source(content="a", num_samples=5, calling=Calling(shape=(16,), classes=3)),
    ]
    assert len({made.fingerprint for made in kinds}) == len(kinds)
    assert source(content="a", num_samples=5).fingerprint == kinds[0].fingerprint
    assert kinds[0].cacheable
    assert not source(num_samples=5).cacheable


def test_the_shape_of_latents_comes_from_the_file_or_from_the_user() -> None:
    with pytest.raises(GanevalError, match="give --latent-dim"):
        source(calling=Calling())
    assert len(source(calling=Calling(), shape=(16,), num_samples=3)) == 3
    assert len(source(calling=Calling(shape=(16,)), shape=(16,), num_samples=3)) == 3
    with pytest.raises(GanevalError, match=r"latents of shape 16x1x1, got --latent-dim 16: leave"):
        source(calling=Calling(shape=(16,)), shape=(16, 1, 1))
    seen = set[tuple[int, ...]]()

    def shapes(latents: Tensor, labels: Tensor | None) -> Tensor:
        seen.add(tuple(latents.shape))
        return grey(latents.flatten(1), labels)

    source(shapes, Calling(shape=(16, 1, 1)))
    assert seen == {(ROWS, 16, 1, 1)}


def test_labels_that_do_not_fit_the_file() -> None:
    with pytest.raises(GanevalError, match="takes labels beside its latents: give --num-classes"):
        source(labelled=True)
    with pytest.raises(GanevalError, match="takes latents alone, got --num-classes 10"):
        source(labelled=False, calling=Calling(shape=(16,), classes=10))


def test_batch_statistics_are_refused_and_running_ones_are_not() -> None:
    with torch.random.fork_rng():
        net = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))
    with pytest.raises(ImageError, match=r"other latents share its batch .* batch normalisation in training mode\?"):
        source(lambda z, y: net(z))
    net.eval()
    assert source(lambda z, y: net(z)).warnings == []


def test_pixels_that_are_all_equal_are_an_error_and_images_that_are_all_equal_a_warning() -> None:
    with pytest.raises(ImageError, match="32 images whose pixels all equal 7: it is broken"):
        source(lambda z, y: torch.full((len(z), 3, 2, 2), 7, dtype=torch.uint8))
    one = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)
    made = source(lambda z, y: one.expand(len(z), -1, -1, -1))
    assert made.warnings == ["makes one and the same image of 32 different latents"]
    assert Subset(made, 3, 0).warnings == made.warnings


def test_noise_that_no_seed_reaches_is_a_warning_and_not_cached() -> None:
    rng = np.random.default_rng(0)
    made = source(lambda z, y: torch.from_numpy(rng.uniform(-1, 1, (len(z), 1, 4, 4))), content="a")
    assert "noise that no seed reaches" in made.warnings[0]
    assert not made.cacheable


def test_a_range_that_must_be_another_is_a_warning() -> None:
    made = source(lambda z, y: z.view(-1, 1, 4, 4).sigmoid())
    assert "if they mean [0, 1], give --output-range 0,1" in made.warnings[0]
    assert source(lambda z, y: z.view(-1, 1, 4, 4).sigmoid(), Calling(shape=(16,), output_range="0,1")).warnings == []


def test_what_goes_wrong_later_is_found_too() -> None:
    calls = list[int]()

    def breaking(latents: Tensor, labels: Tensor | None) -> Tensor:
        calls.append(1)
        return grey(latents, labels) * (1.0 if len(calls) < 3 else float("nan"))

    made = source(breaking, num_samples=64)
    with pytest.raises(ImageError, match="NaN in 32 of 32 images"):
        all_pixels(made, 64)


def test_how_many_samples_a_generator_makes() -> None:
    assert len(source()) == 2000
    assert len(source(generate=30)) == 30
    assert len(source(generate=30, num_samples=7)) == 7
    with pytest.raises(GanevalError, match="ask for 1 or more"):
        source(num_samples=0)


def test_options_for_generators_need_one() -> None:
    check_called([source()], Calling(law="uniform"))
    check_called([object()], Calling())
    with pytest.raises(GanevalError, match="for generators from elsewhere"):
        check_called([object()], Calling(law="uniform"))


def test_the_global_random_state_is_not_touched() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    all_pixels(source(lambda z, y: torch.rand(len(z), 1, 4, 4) * 2 - 1, num_samples=40), 8)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
