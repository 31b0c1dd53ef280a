"""Convolutions with fewer products are the same function, to the digits they promise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import Conv2d

from ganeval.extractors.networks.winograd import OUTPUTS, WinogradConv2d, saves, transform

KERNELS = [(1, 7), (7, 1), (1, 3), (3, 1), (3, 3), (5, 5)]


def drawn(kernel: tuple[int, int], padding: tuple[int, int], rows: int = 5) -> tuple[Conv2d, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = Conv2d(96, 160, kernel, padding=padding).requires_grad_(False)
    x = torch.randn(rows, 96, 19, 17, generator=torch.Generator().manual_seed(1)).relu_()
    return plain, x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_function_is_that_of_the_convolution(kernel: tuple[int, int], padded: bool) -> None:
    plain, x = drawn(kernel, (kernel[0] // 2, kernel[1] // 2) if padded else (0, 0))
    winograd = WinogradConv2d(plain)
    expected = plain.double()(x.double())
    made = winograd(x)
    assert made.shape == expected.shape
    assert (made - expected).abs().max() < 1e-5 * expected.abs().max()
    assert torch.equal(winograd(x, relu=True), made.relu())
    assert (made < 0).any()


def test_rows_do_not_depend_on_their_neighbours() -> None:
    plain, x = drawn((1, 7), (0, 3), rows=8)
    winograd = WinogradConv2d(plain)
    assert torch.equal(winograd(x)[3:5], winograd(x.flip(0))[3:5].flip(0))


@pytest.mark.parametrize("taps", OUTPUTS)
def test_a_tile_takes_fewer_products_and_is_exact_in_float64(taps: int) -> None:
    axis = transform(taps)
    rng = torch.Generator().manual_seed(taps)
    w = torch.randn(taps, dtype=torch.float64, generator=rng)
    x = torch.randn(axis.tile + taps - 1, dtype=torch.float64, generator=rng)
    expected = [(w * x[first : first + taps]).sum() for first in range(axis.tile)]
    made = axis.outputs @ ((axis.filters @ w) * (axis.inputs @ x))
    assert torch.allclose(made, torch.stack(expected), rtol=0, atol=1e-12)
    assert len(x) < axis.tile * taps


@pytest.mark.parametrize(
    ("convolution", "expected"),
    [
        (Conv2d(160, 192, (1, 7), padding=(0, 3)), True),
        (Conv2d(80, 192, (3, 1), padding=(1, 0)), True),
        (Conv2d(160, 192, 1), False),
        (Conv2d(160, 192, (1, 3), stride=2), False),
        (Conv2d(160, 192, (1, 3), dilation=2), False),
        (Conv2d(192, 192, (1, 3), groups=192), False),
        (Conv2d(160, 192, (1, 2)), False),
        (Conv2d(80, 192, 3), True),
        (Conv2d(48, 64, 5, padding=2), True),
        (Conv2d(32, 64, 3), False),
        (Conv2d(80, 192, (3, 5)), False),
    ],
)
def test_only_where_it_can_and_pays(convolution: Conv2d, expected: bool) -> None:
    assert saves(convolution) is expected
