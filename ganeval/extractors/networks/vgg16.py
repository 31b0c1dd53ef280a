"""VGG16 up to its second fully connected layer, of the widths that a weight file has.

Simonyan and Zisserman (arXiv 1409.1556), configuration D, with torchvision's names of parameters.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import Conv2d, Linear, MaxPool2d, Module, ReLU, Sequential

SIZE = 224
GRID = 7
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512, 4096, 4096)
"""Channels of the thirteen convolutions, and of the two fully connected layers behind them."""
BLOCKS = (2, 2, 3, 3, 3)  # convolutions before each halving of the sides
_CLASSIFIER = "classifier.6."


class VGG16(Module):
    """float32 or bfloat16 (N, 3, 224, 224), normalised => (N, widths[-1]), after the ReLU."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        steps: list[Module] = []
        channels, remaining = 3, iter(widths)
        for length in BLOCKS:
            for width in (next(remaining) for _ in range(length)):
                steps += [Conv2d(channels, width, 3, padding=1), ReLU(inplace=True)]
                channels = width
            steps.append(MaxPool2d(2, 2))
        first, second = remaining
        self.width = second
        self.features = Sequential(*steps)
        # torchvision's dropout takes the places 2 and 5
        self.classifier = Sequential()
        self.classifier.add_module("0", Linear(channels * GRID**2, first))
        self.classifier.add_module("1", ReLU(inplace=True))
        self.classifier.add_module("3", Linear(first, second))
        self.classifier.add_module("4", ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """The rows of `fc2_relu`."""
        return self.classifier(self.features(x).flatten(1))  # type: ignore[no-any-return]


def from_state(state: Mapping[str, Tensor]) -> VGG16:
    """The network of a torchvision state_dict. The last layer, which makes classes of the features, is not needed.

    Raises:
        RuntimeError: the tensors are not VGG16's.
    """
    kept = {name: value for name, value in state.items() if not name.startswith(_CLASSIFIER)}
    widths = tuple(len(value) for name, value in kept.items() if name.endswith(".weight"))
    if len(widths) != len(WIDTHS):
        raise RuntimeError(f"it has {len(widths)} layers before the classes, expected {len(WIDTHS)}")
    with torch.device("meta"):
        network = VGG16(widths)
    network.load_state_dict(kept, assign=True)
    return network
