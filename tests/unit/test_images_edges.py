"""Edges as an image set, and subsets of classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opening, open_images
from ganeval.images.edges import edges

MINI = "dataset:fashion-mnist-mini:test"


def opened(location: str, **options: int) -> ImageSource:
    source = open_images(location, Opening(**options))  # type: ignore[arg-type]
    assert isinstance(source, ImageSource)
    return source


def pixels(source: ImageSource) -> torch.Tensor:
    return torch.cat(list(source.batches(7)))


@pytest.mark.parametrize("turns", range(4))
def test_a_step_has_one_line(turns: int) -> None:
    image = torch.zeros(1, 1, 12, 12, dtype=torch.uint8)
    image[..., 6:] = 200
    found = torch.rot90(edges(torch.rot90(image, turns, (2, 3))), -turns, (2, 3)) > 0
    columns = found[0, 0].nonzero()[:, 1].unique().tolist()
    assert len(columns) == 1
    assert columns[0] in (5, 6)
    assert found.sum() == 12


def test_a_diagonal_has_a_line_of_one_pixel_in_each_row() -> None:
    for image in (torch.ones(16, 16).tril(), torch.ones(16, 16).tril().flip(1)):
        found = edges((image * 255).to(torch.uint8)[None, None])[0, 0] > 0
        assert set(found[2:-2].sum(1).tolist()) <= {1, 2}
        assert found[2:-2].any(1).all()


def test_what_is_too_flat_has_none_and_colour_counts_by_brightness() -> None:
    ramp = torch.arange(0, 240, 15, dtype=torch.uint8).expand(1, 1, 16, 16)
    assert not edges(ramp).any()
    assert edges(ramp, threshold=100).any()
    colours = torch.zeros(1, 3, 12, 12, dtype=torch.uint8)
    colours[:, 0, :, 6:] = 255
    assert edges(colours).shape == (1, 1, 12, 12)
    assert edges(colours).any()


def test_edges_of_a_set_are_a_set_in_its_order() -> None:
    source, plain = opened(f"edges:{MINI}[0:20]"), opened(f"{MINI}[0:20]")
    assert torch.equal(pixels(source), edges(pixels(plain)))
    assert torch.equal(torch.cat(list(source.read([3, 1]))), edges(torch.cat(list(plain.read([3, 1])))))
    assert source.name == f"edges:{MINI}[0:20]"
    assert source.labels is not None
    assert plain.labels is not None
    assert np.array_equal(source.labels, plain.labels)
    part, same = opened(f"edges:{MINI}", num_samples=9, seed=2), opened(MINI, num_samples=9, seed=2)
    assert torch.equal(pixels(part), edges(pixels(same)))
    assert len({source.fingerprint, plain.fingerprint, part.fingerprint, opened(f"edges:{MINI}").fingerprint}) == 4


def test_edges_need_images(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("rows") / "rows.npy"
    np.save(file, np.zeros((3, 4), np.float32))
    with pytest.raises(GanevalError, match="holds no images to find edges in"):
        open_images(f"edges:features:{file}")


def test_classes_keep_their_images_numbers_and_order() -> None:
    whole, some = opened(MINI), opened(f"{MINI}@7,0")
    assert whole.labels is not None
    assert some.labels is not None
    indices = np.flatnonzero(np.isin(whole.labels, (0, 7)))
    assert np.array_equal(some.labels, whole.labels[indices])
    assert torch.equal(pixels(some), torch.cat(list(whole.read(indices.tolist()))))
    assert some.name == f"{MINI}@7,0"
    first = opened(f"{MINI}@7,0[0:30]")
    assert torch.equal(pixels(first), pixels(some)[:30])
    assert len(opened("dataset:fashion-mnist-mini@3")) == 600
    assert some.fingerprint == opened(f"{MINI}@0,7").fingerprint != opened(f"{MINI}@0").fingerprint


@pytest.mark.parametrize("text", ["@", "@1,", "@a", "@-1", "@1[2]"])
def test_classes_that_cannot_be_read(text: str) -> None:
    with pytest.raises(GanevalError, match=r"expected dataset:NAME.*@0,2"):
        open_images(f"{MINI}{text}")


def test_classes_that_are_not_there() -> None:
    with pytest.raises(GanevalError, match="asks for class 10, but there are 0 to 9"):
        open_images(f"{MINI}@1,10")
