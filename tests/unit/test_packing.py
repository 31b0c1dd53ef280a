"""Packed convolutions are the same function as the ones they came from."""

from __future__ import annotations

import pytest
import torch
from torch.nn import Conv2d

from ganeval.extractors.networks.inception import in_parts
from ganeval.extractors.networks.packing import PackedConv2d, can_pack

CPU = torch.device("cpu")


@pytest.mark.skipif(not can_pack(CPU, torch.float32), reason="this build of torch has no oneDNN")
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(1, 1, 0), (3, 2, 0), ((1, 7), 1, (0, 3)), (5, 1, 2)])
@torch.no_grad()
def test_a_packed_convolution_is_the_same_function(
    kernel: int | tuple[int, int], stride: int, padding: int | tuple[int, int]
) -> None:
    with torch.random.fork_rng(devices=[]):
        plain = Conv2d(16, 24, kernel, stride=stride, padding=padding)
    x = torch.randn(4, 16, 19, 17, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    expected = plain(x)
    packed = PackedConv2d(plain)
    for _ in range(2):  # the first call lays out, the second reuses
        assert torch.allclose(packed(x), expected, rtol=1e-5, atol=1e-5)
        assert torch.allclose(packed(x, relu=True), expected.relu(), rtol=1e-5, atol=1e-5)
    assert (packed(x) < 0).any()


def test_only_float32_on_a_cpu_is_packed() -> None:
    assert not can_pack(CPU, torch.bfloat16)
    assert not can_pack(torch.device("cuda"), torch.float32)


def test_parts_are_put_together_in_order() -> None:
    seen: list[int] = []

    def step(x: torch.Tensor) -> torch.Tensor:
        seen.append(len(x))
        return 2 * x

    x = torch.arange(5.0)[:, None]
    assert torch.equal(in_parts(step, x, 2), 2 * x)
    assert torch.equal(in_parts(step, x, 0), 2 * x)
    assert seen == [2, 2, 1, 5]
