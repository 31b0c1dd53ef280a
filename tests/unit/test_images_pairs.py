"""Pairs as image sets: which images they hold, how they are drawn, and that nothing is decoded twice for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError, ImageError
from ganeval.images import Images, ImageSource, Selection
from ganeval.images.arrays import ArraySource
from ganeval.images.pairs import Indices, PairSource, among, class_pairs, paired, random_pairs
from ganeval.images.remembering import Remembering


class Counting(ImageSource):
    """Image i is i everywhere; counts how often each is read."""

    def __init__(self, count: int, *, side: int = 4, channels: int = 3, generator: bool = False) -> None:
        super().__init__()
        self.count, self.shape, self.read_ahead = count, (channels, side, side), not generator
        self.name, self.fingerprint = "counting", f"counting-{count}"
        self.reads: Counter[int] = Counter()

    def __len__(self) -> int:
        return self.count

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        self.reads.update(indices)
        yield torch.stack([torch.full(self.shape, i, dtype=torch.uint8) for i in indices])


def members(pairs: PairSource, batch: int = 7) -> list[tuple[int, int]]:
    """The numbers of the two images of each pair, from the pixels."""
    images = torch.cat(list(pairs.batches(batch)))
    assert images.shape[1] == 6
    assert torch.equal(images[:, :3].amax((1, 2, 3)), images[:, :3].amin((1, 2, 3)))
    return [(int(one[0, 0, 0]), int(one[3, 0, 0])) for one in images]


def test_images_of_two_sets_are_paired_in_order() -> None:
    pairs = paired(Counting(20), Selection(Counting(40), np.arange(20, 40)))
    assert members(pairs) == [(i, 20 + i) for i in range(20)]
    assert len(pairs) == 20


def test_sets_of_different_numbers_cannot_be_paired() -> None:
    with pytest.raises(GanevalError, match=r"has 20 images and counting has 19"):
        paired(Counting(20), Counting(19))


def test_images_of_a_pair_have_one_size_and_grey_joins_colour() -> None:
    with pytest.raises(ImageError, match="pair 0 has images of two sizes, 4x4 in counting and 6x6"):
        list(paired(Counting(3), Counting(3, side=6)).read([0]))
    mixed = next(paired(Counting(3), Counting(3, channels=1)).read([2]))
    assert mixed.shape == (1, 6, 4, 4)
    grey = next(paired(Counting(3, channels=1), Counting(3, channels=1)).read([2]))
    assert grey.shape == (1, 2, 4, 4)


def test_pairs_of_several_sizes_come_in_runs() -> None:
    class TwoSizes(Counting):
        def read(self, indices: Sequence[int]) -> Iterator[Images]:
            for i in indices:
                yield torch.full((1, 3, 4 + i // 3, 4), i, dtype=torch.uint8)

    runs = list(paired(TwoSizes(6), TwoSizes(6)).read(range(6)))
    assert [run.shape for run in runs] == [(3, 6, 4, 4), (3, 6, 5, 4)]


@pytest.mark.parametrize(("count", "pairs", "expected"), [(100, 20, 20), (100, 1000, 50), (7, 1000, 3), (2, 5, 1)])
def test_random_pairs_use_each_image_once_at_most(count: int, pairs: int, expected: int) -> None:
    left, right = random_pairs(count, pairs, 3)
    assert len(left) == len(right) == expected
    assert len({*left.tolist(), *right.tolist()}) == 2 * expected
    again, _ = random_pairs(count, pairs, 3)
    assert again.tolist() == left.tolist()


def test_random_pairs_follow_the_seed_and_are_uniform() -> None:
    assert random_pairs(50, 25, 0)[0].tolist() != random_pairs(50, 25, 1)[0].tolist()
    seen = Counter(frozenset((int(a), int(b))) for seed in range(3000) for a, b in zip(*random_pairs(4, 2, seed)))
    assert len(seen) == 6
    assert min(seen.values()) > 850  # of 1000 expected each


def test_pairs_within_classes() -> None:
    labels = np.array([0] * 30 + [1] * 11 + [2])
    left, right = class_pairs(labels, 1000, 0, "x")
    assert (labels[left] == labels[right]).all()
    assert Counter(labels[left].tolist()) == {0: 15, 1: 5}
    assert len({*left.tolist(), *right.tolist()}) == 40
    few, _ = class_pairs(labels, 8, 0, "x")
    assert len(few) == 8


@pytest.mark.parametrize(
    ("labels", "message"), [(None, "x has none: use a folder"), (np.arange(5), "every class of x has one")]
)
def test_pairs_within_classes_need_classes(labels: Indices | None, message: str) -> None:
    with pytest.raises(GanevalError, match=message):
        class_pairs(labels, 10, 0, "x")


def test_one_image_is_no_pair() -> None:
    with pytest.raises(GanevalError, match="at least 2 images, got 1"):
        random_pairs(1, 10, 0)


def test_fingerprint_is_that_of_the_content_and_the_choice() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 3, 4, 4), dtype=np.uint8)
    other = pixels.copy()
    other[-1] = 0

    def made(images: np.ndarray, seed: int) -> str:
        return among(ArraySource("x", images), random_pairs(10, 5, seed), "r").fingerprint

    assert made(pixels, 0) == made(pixels.copy(), 0)
    assert len({made(pixels, 0), made(pixels, 1), made(other, 0)}) == 3


# ---- remembering


@pytest.mark.parametrize("generator", [False, True])
@pytest.mark.parametrize("first", ["whole", "pairs"])
def test_a_pass_and_its_pairs_read_every_image_once(first: str, generator: bool) -> None:
    source = Counting(60, generator=generator)
    chosen = random_pairs(60, 20, 0)
    kept = Remembering(source, np.concatenate(chosen))
    pairs = among(kept, chosen, "r")
    steps: list[Callable[[], object]] = [lambda: members(pairs), lambda: list(kept.batches(16))]
    for step in steps if first == "pairs" else steps[::-1]:
        step()
    assert set(source.reads.values()) == {1}
    assert len(source.reads) == 60
    assert members(pairs) == list(zip(*(side.tolist() for side in chosen)))
    whole = torch.cat(list(kept.batches(16)))
    assert torch.equal(whole, torch.cat(list(Counting(60).batches(60))))


@pytest.mark.parametrize("generator", [False, True])
def test_beyond_its_limit_it_reads_again(generator: bool) -> None:
    source = Counting(60, generator=generator)
    chosen = random_pairs(60, 30, 0)
    kept = Remembering(source, np.arange(60), limit=20 * 48)
    list(kept.batches(16))
    assert members(among(kept, chosen, "r")) == list(zip(*(side.tolist() for side in chosen)))
    assert sum(source.reads.values()) == 60 + 40


def test_it_is_its_source_in_every_other_respect() -> None:
    source = Counting(9)
    source.labels, source.cacheable = np.arange(9), False
    source.skipped.append("bad.png")
    kept = Remembering(source, np.arange(3))
    assert (kept.name, kept.fingerprint, len(kept), kept.cacheable) == ("counting", "counting-9", 9, False)
    assert kept.fingerprint_of(np.arange(2)) == source.fingerprint_of(np.arange(2))
    assert kept.labels is source.labels
    assert kept.skipped is source.skipped
