"""How a generator from elsewhere is called: its latents, its classes, and the range of what it returns."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from ganeval.errors import GanevalError, unknown

Law: TypeAlias = Literal["normal", "uniform", "sphere"]
OutputRange: TypeAlias = Literal["-1,1", "0,1", "0,255"]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Calling:
    """How a generator from elsewhere is called. Row i of the latents depends on (seed, i) alone.

    Attributes:
        shape: of one latent, (100,) or (100, 1, 1). None takes what the file states.
        law: `normal`: every coordinate N(0, 1). `uniform`: every coordinate uniform on [-1, 1). `sphere`: uniform on
            the unit sphere, radius 1, in all directions: a standard normal vector divided by its length. (What
            torch-fidelity calls `unit` has positive coordinates only; this is not it.)
        truncation: psi: every coordinate N(0, 1) given that it lies in [-psi, psi], the law of resampling whatever
            falls outside (Brock et al. 2019, arXiv:1809.11096, section 3.1). Nothing is clipped to the border,
            nothing rescaled, and no mean latent involved, as in StyleGAN's truncation of w. Normal latents only.
        classes: of a conditional generator, which is called with (latents, labels); image i is of class i % classes.
        label: the class of all images instead.
        output_range: what returned floats mean black and white by: -1 and 1, 0 and 1, or 0 and 255. uint8 is taken as
            it is.

    Raises:
        GanevalError: a value out of its range, or truncation of a law that has none.
    """

    shape: Shape | None = None
    law: Law = "normal"
    truncation: float | None = None
    classes: int = 0
    label: int | None = None
    output_range: OutputRange = "-1,1"

    def __post_init__(self) -> None:
        if self.law not in get_args(Law):
            raise unknown("law of latents in --latent", self.law, get_args(Law))
        if self.output_range not in get_args(OutputRange):
            raise unknown("range in --output-range", self.output_range, get_args(OutputRange))
        if self.shape is not None and (not self.shape or min(self.shape) < 1):
            raise GanevalError(f"--latent-dim must be 1 or more, got {'x'.join(map(str, self.shape)) or 'nothing'}")
        if self.classes < 0:
            raise GanevalError(f"--num-classes must be 0 (unconditional) or more, got {self.classes}")
        if self.label is not None and not 0 <= self.label < self.classes:
            known = f"the model knows classes 0 to {self.classes - 1}" if self.classes else "give --num-classes as well"
            raise GanevalError(f"--label {self.label}: {known}")
        if self.truncation is not None:
            self._check_truncation(self.truncation)

    def _check_truncation(self, psi: float) -> None:
        if not (psi > 0 and math.isfinite(psi)):
            raise GanevalError(f"--truncation must be a number above 0, got {psi}")
        if self.law != "normal":
            raise GanevalError(
                f"--truncation {psi:g} is defined for normal latents, got --latent {self.law}: leave one of them out"
            )

    def latents(self, shape: Shape, seed: int, indices: Sequence[int]) -> Tensor:
        """Latents number `indices`, float32 (n, *shape) on the CPU."""
        rows = [self._latent(np.random.default_rng((seed, index)), math.prod(shape)) for index in indices]
        return torch.from_numpy(np.stack(rows)).reshape(len(indices), *shape)

    def labels(self, indices: Sequence[int]) -> Tensor | None:
        """Classes of images number `indices`, int64 (n,); None for an unconditional generator."""
        if not self.classes:
            return None
        numbers = torch.tensor(indices, dtype=torch.int64)
        return numbers % self.classes if self.label is None else torch.full_like(numbers, self.label)

    def _latent(self, rng: np.random.Generator, width: int) -> npt.NDArray[np.float32]:
        if self.law == "uniform":
            return rng.uniform(-1, 1, width).astype(np.float32)
        if self.truncation is not None:
            return _truncated(rng, width, self.truncation)
        normal = rng.standard_normal(width, dtype=np.float32)
        if self.law == "sphere":
            normal /= np.linalg.norm(normal)
        return normal


USUAL = Calling()


def _truncated(rng: np.random.Generator, width: int, psi: float) -> npt.NDArray[np.float32]:
    """One uniform draw a coordinate through the inverse distribution function, so that a small psi costs no more."""
    tail = ndtr(-psi)
    quantiles: npt.NDArray[np.float64] = ndtri(tail + rng.random(width) * (1 - 2 * tail))
    return quantiles.clip(-psi, psi).astype(np.float32)


def parse_shape(text: str) -> Shape:
    """The shape of one latent as it is typed.

    >>> parse_shape("100"), parse_shape("100x1x1")
    ((100,), (100, 1, 1))
    """
    if not re.fullmatch(r"\d+(x\d+)*", text):
        raise GanevalError(f"--latent-dim {text}: expected a width such as 100, or a shape such as 100x1x1")
    return tuple(map(int, text.split("x")))
