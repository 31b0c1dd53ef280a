"""The Inception graph of 2015-12-05 on which FID is defined, as a network.

Szegedy et al. (arXiv 1512.00567), in TensorFlow's released form: average pools leave the padding out of the mean, the
last block pools by maximum, 1008 classes. Built on torchvision's blocks; names of parameters are those of
torch-fidelity's and pytorch-fid's weight files.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import Conv2d, Identity, Linear, Module, functional
from torchvision.models.inception import BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE

from ganeval.extractors.networks.packing import PackedConv2d
from ganeval.extractors.networks.winograd import WinogradConv2d, saves

SIZE = 299
WIDTHS = {"64": 64, "192": 192, "spatial": 2023, "768": 768, "pool": 2048, "logits_unbiased": 1008, "logits": 1008}

Stage: TypeAlias = tuple[str, Callable[[Tensor], Tensor]]


def average(x: Tensor) -> Tensor:
    """3x3 mean over the pixels that exist, as TensorFlow pools; torchvision counts the padding's zeros."""
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def maximum(x: Tensor) -> Tensor:
    """3x3 maximum, halving the sides."""
    return functional.max_pool2d(x, 3, stride=2)


def in_parts(step: Callable[[Tensor], Tensor], x: Tensor, rows: int) -> Tensor:
    """`step` on `rows` images at a time, or on all of them together where `rows` is 0."""
    return torch.cat([step(part) for part in torch.split(x, rows)]) if rows else step(x)


class Convolution(BasicConv2d):  # type: ignore[misc]  # torchvision is untyped
    """Convolution, batch norm and ReLU; `linear` leaves the ReLU to the caller."""

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.conv, PackedConv2d | WinogradConv2d):
            return self.conv(x, relu=True)  # type: ignore[no-any-return]
        return self.linear(x).relu_()

    def linear(self, x: Tensor) -> Tensor:
        """Convolution and batch norm."""
        return self.bn(self.conv(x))  # type: ignore[no-any-return]

    def averaged(self, x: Tensor) -> Tensor:
        """`linear(average(x))` in the cheaper order: a 1x1 convolution commutes with the mean, and narrows x."""
        return average(self.linear(x))

    def pack(self) -> None:
        """For inputs of one shape from here on. After the batch norm has been folded."""
        assert isinstance(self.bn, Identity)
        assert isinstance(self.conv, Conv2d)
        self.conv: Module = WinogradConv2d(self.conv) if saves(self.conv) else PackedConv2d(self.conv)


def joined(*branches: Tensor) -> Tensor:
    """ReLU and concatenation in one pass over memory."""
    first = branches[0]
    widths = [branch.shape[1] for branch in branches]
    shape = (first.shape[0], sum(widths), *first.shape[2:])
    out = torch.empty(shape, dtype=first.dtype, device=first.device, memory_format=torch.channels_last)
    for branch, place in zip(branches, torch.split(out, widths, dim=1)):
        torch.clamp_min(branch, 0, out=place)
    return out


class BlockA(InceptionA):  # type: ignore[misc]  # torchvision is untyped
    """35x35 block with TensorFlow's average pool."""

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2.linear(self.branch5x5_1(x))
        double = self.branch3x3dbl_3.linear(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return joined(self.branch1x1.linear(x), five, double, self.branch_pool.averaged(x))


class BlockB(InceptionB):  # type: ignore[misc]  # torchvision is untyped
    """35x35 => 17x17."""

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3.linear(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return joined(self.branch3x3.linear(x), double, maximum(x))


class BlockC(InceptionC):  # type: ignore[misc]  # torchvision is untyped
    """17x17 block with TensorFlow's average pool."""

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3.linear(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5.linear(self.branch7x7dbl_4(double))
        return joined(self.branch1x1.linear(x), seven, double, self.branch_pool.averaged(x))


class BlockD(InceptionD):  # type: ignore[misc]  # torchvision is untyped
    """17x17 => 8x8."""

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return joined(self.branch3x3_2.linear(self.branch3x3_1(x)), self.branch7x7x3_4.linear(seven), maximum(x))


class BlockE(InceptionE):  # type: ignore[misc]  # torchvision is untyped
    """8x8 block with TensorFlow's average pool."""

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return joined(
            self.branch1x1.linear(x),
            self.branch3x3_2a.linear(three),
            self.branch3x3_2b.linear(three),
            self.branch3x3dbl_3a.linear(double),
            self.branch3x3dbl_3b.linear(double),
            self.pooled(x),
        )

    def pooled(self, x: Tensor) -> Tensor:
        """The pooling branch."""
        return self.branch_pool.averaged(x)  # type: ignore[no-any-return]


class LastBlock(BlockE):
    """8x8 block with a maximum where the paper has a mean: a quirk of the released graph."""

    def pooled(self, x: Tensor) -> Tensor:
        return self.branch_pool.linear(functional.max_pool2d(x, 3, stride=1, padding=1))  # type: ignore[no-any-return]


class Inception2015(Module):
    """float32 or bfloat16 (N, 3, 299, 299) in [-1, 1] => rows per layer. See `WIDTHS`."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = Convolution(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = Convolution(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, kernel_size=3)
        self.Mixed_5b = BlockA(192, pool_features=32, conv_block=Convolution)
        self.Mixed_5c = BlockA(256, pool_features=64, conv_block=Convolution)
        self.Mixed_5d = BlockA(288, pool_features=64, conv_block=Convolution)
        self.Mixed_6a = BlockB(288, conv_block=Convolution)
        self.Mixed_6b = BlockC(768, channels_7x7=128, conv_block=Convolution)
        self.Mixed_6c = BlockC(768, channels_7x7=160, conv_block=Convolution)
        self.Mixed_6d = BlockC(768, channels_7x7=160, conv_block=Convolution)
        self.Mixed_6e = BlockC(768, channels_7x7=192, conv_block=Convolution)
        self.Mixed_7a = BlockD(768, conv_block=Convolution)
        self.Mixed_7b = BlockE(1280, conv_block=Convolution)
        self.Mixed_7c = LastBlock(2048, conv_block=Convolution)
        self.fc = Linear(2048, 1008)
        self.together = 0

    def pack(self) -> None:
        """Prepare for a CPU, and for batches of one size. After the batch norms have been folded.

        The widest maps are made for two images at a time: they then stay in the cache, and below the size from which on
        the C library asks the system for fresh, empty pages at every allocation.
        """
        self.together = 2
        for module in self.modules():
            if isinstance(module, Convolution):
                module.pack()

    def stages(self) -> tuple[Stage, ...]:
        """The step up to each layer that can be read, in the order in which they run."""
        return (
            ("64", self._stem),
            ("192", self._narrow),
            ("spatial", self._middle),
            ("768", self.Mixed_6e),
            ("pool", self._top),
        )

    def _stem(self, x: Tensor) -> Tensor:
        """299x299 => 73x73."""

        def step(x: Tensor) -> Tensor:
            return maximum(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))

        return in_parts(step, x, self.together)

    def _narrow(self, x: Tensor) -> Tensor:
        """73x73 => 35x35."""
        return in_parts(lambda x: maximum(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))), x, 2 * self.together)

    def _middle(self, x: Tensor) -> Tensor:
        """35x35 => 17x17."""
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        return self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x)))  # type: ignore[no-any-return]

    def _top(self, x: Tensor) -> Tensor:
        """17x17 => 8x8."""
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # type: ignore[no-any-return]

    def forward(self, x: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        """Float32 rows of the layers asked for; nothing deeper than the deepest of them is computed."""
        rows: dict[str, Tensor] = {}
        for name, step in self.stages():
            x = step(x)
            if name in layers:
                rows[name] = _spatial(x) if name == "spatial" else x.float().mean((2, 3))
            if layers <= rows.keys():
                return rows
        return rows | self._logits(x.float().mean((2, 3)))

    def _logits(self, pooled: Tensor) -> dict[str, Tensor]:
        """With the classifier's bias, and without it as the Inception Score wants them."""
        unbiased = functional.linear(pooled, self.fc.weight)
        return {"logits_unbiased": unbiased, "logits": unbiased + self.fc.bias}


def _spatial(x: Tensor) -> Tensor:
    """The first 7 channels of `mixed_6/conv`, which opens this block's output, flattened in TensorFlow's order.

    sFID of Nash et al. (arXiv 2103.03841), as the ADM evaluator computes it: (N, 768, 17, 17) => (N, 2023).
    """
    return x[:, :7].permute(0, 2, 3, 1).flatten(1).float()


def on_meta() -> Inception2015:
    """The network without storage, to be filled by `load_state_dict(..., assign=True)`: no time spent on, and no
    random numbers drawn for, weights that are replaced at once."""
    with torch.device("meta"):
        return Inception2015()
