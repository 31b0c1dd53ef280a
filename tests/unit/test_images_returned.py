"""What generators return, checked and turned into pixels."""

from __future__ import annotations

import pytest
import torch

from ganeval.errors import ImageError
from ganeval.images.calling import OutputRange
from ganeval.images.returned import checked_images, range_warning


def pair(*values: float) -> torch.Tensor:
    """One image of one pixel per value."""
    return torch.tensor(values).view(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([1, 2], "returned list; expected a tensor"),
        (torch.zeros(2, 3, 4), r"returned shape \(2, 3, 4\) for 2 latents"),
        (torch.zeros(3, 3, 4, 4), "returned 3 images for 2 latents; expected one for each"),
        (torch.zeros(2, 3, 0, 4), r"returned shape \(2, 3, 0, 4\)"),
        (torch.zeros(2, 4, 4, 4), r"returned 4 channels; expected 1 \(grey\) or 3 \(RGB\), as \(n, C, H, W\)\.$"),
        (torch.zeros(2, 4, 4, 3), "returned 4 channels; .* The last axis would fit"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.int64), "returned torch.int64; expected torch.uint8 or floats"),
        (pair(0.0, float("nan")), "returned NaN in 1 of 2 images"),
        (pair(0.0, float("inf")), "returned infinite values in 1 of 2 images"),
        (pair(0.0, 255.0), r"floats from 0 to 255; expected \[-1, 1\]. Is it --output-range 0,255\?"),
        (pair(-1.1, 0.5), r"floats from -1.1 to 0.5; expected \[-1, 1\]. Rescale them"),
    ],
)
def test_each_fault_has_its_message(made: object, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        checked_images(made, 2, "m:f")


def test_a_range_that_is_left_names_the_one_that_fits() -> None:
    with pytest.raises(ImageError, match=r"expected \[0, 1\]. Is it --output-range -1,1\?"):
        checked_images(pair(-0.5, 0.5), 2, "m:f", "0,1")


@pytest.mark.parametrize(
    ("output_range", "values"),
    [("-1,1", (-1.0, 0.0, 1.0, 1.0008)), ("0,1", (0.0, 0.5, 1.0, 1.0004)), ("0,255", (0.0, 127.5, 255.0, 255.1))],
)
def test_floats_map_linearly_to_bytes(output_range: OutputRange, values: tuple[float, ...]) -> None:
    made = pair(*values)
    assert checked_images(made, 4, "m:f", output_range).flatten().tolist() == [0, 128, 255, 255]
    assert checked_images(made.double().numpy(), 4, "m:f", output_range).flatten().tolist() == [0, 128, 255, 255]


def test_uint8_is_taken_as_it_is_whatever_the_range() -> None:
    made = torch.arange(6, dtype=torch.uint8).view(2, 3, 1, 1)
    assert torch.equal(checked_images(made, 2, "m:f", "0,1"), made)


@pytest.mark.parametrize(
    ("made", "output_range", "meant"),
    [
        (pair(0.0, 1.0), "-1,1", "0,1"),
        (pair(0.0, 1.0), "0,255", "0,1"),
        (pair(-0.1, 1.0), "-1,1", None),
        (pair(0.0, 1.0), "0,1", None),
        (pair(0.0, 200.0), "0,255", None),
        (pair(0.0, 1.0).byte(), "0,255", None),
    ],
)
def test_values_in_half_of_their_range_are_suspicious(
    made: torch.Tensor, output_range: OutputRange, meant: str | None
) -> None:
    warning = range_warning(made, output_range)
    assert (warning or "None").endswith(f"give --output-range {meant}" if meant else "None")
