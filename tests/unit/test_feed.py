"""Training data: which images come when, and at which size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.errors import GanevalError
from ganeval.images import open_images
from ganeval.images.grid import by_class, grid, save_grid
from reference_models.feed import Feed, TrainingImages
from reference_models.preparing import packing_size, training_images
from reference_models.seeds import number, sample_generator

CPU = torch.device("cpu")


def levels(count: int) -> TrainingImages:
    """Image i is of grey level i."""
    pixels = np.broadcast_to(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1), (count, 1, 14, 14))
    return TrainingImages(pixels, np.arange(count), margin=1)


def test_every_epoch_is_a_permutation_and_no_image_is_left_out() -> None:
    feed = Feed(levels(10), 4, 0, CPU)
    drawn = np.concatenate([feed.indices(draw) for draw in range(5)])
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10].tolist() != drawn[10:].tolist()
    assert feed.indices(3).tolist() == Feed(levels(10), 4, 0, CPU).indices(3).tolist()
    assert feed.indices(3).tolist() != Feed(levels(10), 4, 1, CPU).indices(3).tolist()


def test_batches_may_be_larger_than_the_data() -> None:
    drawn = Feed(levels(3), 7, 0, CPU).indices(0)
    assert sorted(drawn[:3]) == sorted(drawn[3:6]) == [0, 1, 2]


def test_a_batch_is_scaled_padded_and_labelled() -> None:
    batch = Feed(levels(256), 256, 0, CPU).batch(0)
    assert batch.real.shape == (256, 1, 16, 16)
    assert torch.equal(batch.real[:, 0, 5, 5], batch.labels.float() / 127.5 - 1)
    assert (batch.real[:, :, 0] == -1).all()
    assert (batch.real[:, :, :, -1] == -1).all()
    assert batch.real.min() == -1
    assert batch.real.max() == 1


def test_what_cannot_be_trained_on() -> None:
    for pixels in (np.zeros((2, 1, 16, 17), np.uint8), np.zeros((0, 1, 16, 16), np.uint8), np.zeros((2, 1, 16, 16))):
        with pytest.raises(GanevalError, match="expected uint8"):
            TrainingImages(pixels)
    with pytest.raises(GanevalError, match="power of two"):
        TrainingImages(np.zeros((2, 1, 28, 28), np.uint8)).spec()
    with pytest.raises(GanevalError, match="channels"):
        TrainingImages(np.zeros((2, 4, 16, 16), np.uint8)).spec()


@pytest.mark.parametrize(
    ("sides", "size", "expected"),
    [
        ({28}, None, (28, 2)),
        ({28}, 32, (28, 2)),
        ({32}, None, (32, 0)),
        ({16}, None, (16, 0)),
        ({14}, None, (14, 1)),
        ({27}, None, (16, 0)),  # padding would be uneven and below 85 %
        ({31}, None, (16, 0)),
        ({96}, None, (64, 0)),
        ({178, 218}, None, (128, 0)),
        ({178, 218}, 64, (64, 0)),
        ({28}, 64, (64, 0)),
        ({8}, 16, (16, 0)),
    ],
)
def test_sizes(sides: set[int], size: int | None, expected: tuple[int, int]) -> None:
    assert packing_size(sides, size) == expected


def test_images_too_small() -> None:
    with pytest.raises(GanevalError, match="--size 16"):
        packing_size({9})


def test_a_folder_of_mixed_images_becomes_training_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    for name, shape in {"a": (40, 30), "b": (33, 50, 3)}.items():
        Image.fromarray(np.full(shape, 9, np.uint8)).save(tmp_path / f"{name}.png")
    data = training_images(open_images(tmp_path))
    assert data.pixels.shape == (2, 3, 16, 16)
    assert not data.pixels.flags.writeable
    assert data.spec().size == 16
    assert data.labels is None


def test_features_are_not_images(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.zeros((4, 2), np.float32))
    with pytest.raises(GanevalError, match="training needs images"):
        training_images(open_images(f"features:{tmp_path / 'rows.npy'}"))


def test_samples_of_a_seed_never_share_a_generator_state() -> None:
    seeds = {sample_generator(0, index).initial_seed() for index in range(100_000)}
    assert len(seeds) == 100_000
    assert number(0, "a") != number(0, "b") != number(1, "b")


def test_pairs_come_together_and_others_in_an_order_of_their_own() -> None:
    source = replace(levels(10), labels=None)
    together = Feed(replace(levels(10), source=source, pairing="paired"), 4, 0, CPU).batch(2)
    assert torch.equal(together.source, together.real)
    fewer = Feed(replace(levels(10), source=replace(source, pixels=source.pixels[:7]), pairing="unpaired"), 4, 0, CPU)
    drawn = [fewer.batch(draw) for draw in range(7)]
    seen = torch.cat([batch.source[:, 0, 5, 5] for batch in drawn])
    assert seen[:7].sort().values.tolist() == seen[7:14].sort().values.tolist() == seen[:7].unique().tolist()
    assert torch.equal(torch.cat([batch.real for batch in drawn]), batches(Feed(levels(10), 4, 0, CPU)))
    assert not torch.equal(drawn[0].source, drawn[0].real)


def batches(feed: Feed) -> torch.Tensor:
    return torch.cat([feed.batch(draw).real for draw in range(7)])


def test_two_sets_get_one_shape(tmp_path: Path) -> None:
    for name, channels, side in (("grey", 1, 32), ("colour", 3, 48)):
        np.save(tmp_path / f"{name}.npy", np.zeros((4, channels, side, side), np.uint8))
    grey, colour = (open_images(tmp_path / f"{name}.npy") for name in ("grey", "colour"))
    data = training_images(grey, source=colour, pairing="paired")
    assert data.source is not None
    assert data.pixels.shape == data.source.pixels.shape == (4, 3, 32, 32)
    assert data.spec().source == "paired"
    with pytest.raises(GanevalError, match="pairs need image i"):
        replace(data, source=replace(data.source, pixels=data.source.pixels[:3]))
    with pytest.raises(GanevalError, match="translation needs one shape"):
        replace(data, source=replace(data.source, pixels=data.source.pixels[:, :1]))


def test_images_in_the_order_of_their_classes() -> None:
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 1, 2, 2)
    assert by_class(images, 3)[:, 0, 0, 0].tolist() == [0, 3, 1, 4, 2, 5]


def test_a_grid_fills_row_by_row(tmp_path: Path) -> None:
    images = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 1, 2, 2)
    assert grid(images, columns=3, gap=1)[1::3, 1::3, 0].tolist() == [[0, 1, 2], [3, 4, 255]]
    save_grid(images.expand(5, 3, 2, 2), tmp_path / "grid.png", columns=5)
    with Image.open(tmp_path / "grid.png") as file:
        assert (file.mode, file.size) == ("RGB", (22, 6))
