"""What a summary of feature rows is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

import torch
from torch import Tensor

from ganeval.errors import GanevalError


class Summary(ABC):
    """What is kept of one image set's rows at one tap.

    Attributes:
        kind: the name of the class of summary in cache keys and files.
        count: rows seen so far.
        width: columns D, 0 before the first row.
    """

    kind: ClassVar[str]
    count: int
    width: int = 0

    @abstractmethod
    def update(self, rows: Tensor) -> None:
        """Take in float32 rows (N, D). The result does not depend on how rows are cut into batches.

        Raises:
            GanevalError: a value that is not finite.
        """

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Take in another summary, as if its rows had come after one's own."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """Everything, as tensors; `from_state` gives an equal summary back."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """The summary that `state_dict` described."""

    def require(self, least: int, what: str) -> None:
        """Raise GanevalError unless at least `least` rows are here."""
        if self.count < least:
            raise GanevalError(f"{what} needs at least {least} samples, got {self.count}: use more images")


def finite(rows: Tensor) -> Tensor:
    """The rows as float32.

    Raises:
        GanevalError: NaN or infinity among them.
    """
    rows = rows.to(torch.float32)
    finite = torch.isfinite(rows)
    if not bool(finite.all()):
        bad = int((~finite).any(1).sum())
        raise GanevalError(
            f"{bad} of {len(rows)} rows of features hold NaN or infinity: look at the images, or at the network"
        )
    return rows
