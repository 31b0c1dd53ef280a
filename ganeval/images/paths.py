"""Pairs of images at two near points of a path through a generator's latent space: what a path length is taken of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.images.source import Images, ImageSource

Space = Literal["z", "w"]


@runtime_checkable
class LiveGenerator(Protocol):
    """An image set whose images can be made of any latents, not only of those it consists of.

    Attributes:
        rows: how many latents it wants together, always.
    """

    name: str
    fingerprint: str
    cacheable: bool
    rows: int

    def latents(self, indices: Sequence[int]) -> Tensor:
        """Latents number `indices`, float32 (n, ...) on the CPU; more of them than the set has images."""

    def styles(self, latents: Tensor, indices: Sequence[int]) -> Tensor:
        """Latents (rows, ...) through the mapping network, float32 (rows, ...); image `indices[i]` decides the class.

        Raises:
            GanevalError: the generator has no mapping network.
        """

    def paint(self, latents: Tensor, indices: Sequence[int], space: Space) -> Tensor:
        """Latents of either space (rows, ...) => images (rows, C, H, W) on the CPU, of the classes of `indices`.

        uint8, or float32 in [0, 255] before rounding. Noise of the generator's own depends on `indices` alone.
        """


@dataclass(frozen=True)
class PathRule:
    """How paths go and how far the two images of a pair lie apart on them; see `perceptual_path_length`."""

    epsilon: float = 1e-4
    space: Space = "z"
    sampling: Literal["full", "end"] = "full"
    interpolation: Literal["slerp", "lerp"] = "slerp"
    pixels: Literal["float", "uint8"] = "float"

    def __str__(self) -> str:
        way = f"{self.interpolation} in z" if self.space == "z" else "lerp in w"
        return f"random paths, {way}, {self.sampling}, epsilon {self.epsilon:g}, {self.pixels}"

    def points(self, start: Tensor, end: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Where the paths from `start` to `end`, (n, ...), are at t and at t + epsilon, (n,)."""
        between = slerp if self.space == "z" and self.interpolation == "slerp" else lerp
        return between(start, end, t), between(start, end, t + self.epsilon)


class PathSource(ImageSource):
    """G(z_t) beside G(z_(t+epsilon)), stacked along the channels: uint8, or float32 in [0, 255] (N, 2 or 6, H, W).

    Path i leads from latent 2i to latent 2i + 1 of the generator and keeps the class of image i.

    Attributes:
        rule: what paths these are, in words.

    Raises:
        GanevalError: `source` makes its images of nothing that a path could lead through.
    """

    read_ahead = False

    def __init__(self, source: object, path: PathRule, count: int, seed: int) -> None:
        super().__init__()
        if not isinstance(source, LiveGenerator):
            raise GanevalError(
                f"a path length is measured in the latents of a generator, and {getattr(source, 'name', source)} is "
                "none: score a run folder, a checkpoint, an exported network or MODULE:CALLABLE"
            )
        if not path.epsilon > 0:
            raise GanevalError(f"epsilon is {path.epsilon:g}, expected a small step such as 1e-4")
        self.generator, self.path, self._count, self._seed = source, path, count, seed
        self.name, self.cacheable = source.name, source.cacheable
        self.rule = str(path)
        self.fingerprint = f"path/1:{source.fingerprint}:{count}:{seed}:{path}"

    def __len__(self) -> int:
        return self._count

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """The pairs at `indices`, in full calls of the generator: the last bit of a network depends on its batch."""
        rows = self.generator.rows
        for first in range(0, len(indices), rows):
            members = list(indices[first : first + rows])
            filled = members + members[:1] * (rows - len(members))
            sides = [self._painted(latents, filled) for latents in self._points(filled)]
            yield torch.cat(sides, 1)[: len(members)]

    def _points(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        start, end = (self.generator.latents([2 * index + side for index in indices]) for side in (0, 1))
        if self.path.space == "w":
            start, end = (self.generator.styles(latents, indices) for latents in (start, end))
        return self.path.points(start, end, self._times(indices))

    def _times(self, indices: Sequence[int]) -> Tensor:
        """float64 (n,), of (seed, index) alone."""
        if self.path.sampling == "end":
            return torch.zeros(len(indices), dtype=torch.float64)
        drawn = [np.random.default_rng([self._seed, index, 1]).random() for index in indices]
        return torch.tensor(drawn, dtype=torch.float64)

    def _painted(self, latents: Tensor, indices: Sequence[int]) -> Tensor:
        images = self.generator.paint(latents, indices, self.path.space)
        if self.path.pixels == "uint8":
            return images if images.dtype == torch.uint8 else images.round().clamp(0, 255).to(torch.uint8)
        if images.dtype == torch.uint8:
            raise GanevalError(
                f"{self.name} returns uint8, whose rounding drowns small steps: let it return floats, or ask for "
                "--set ppl.pixels=uint8 with a larger ppl.epsilon"
            )
        return images


def part_of(network: object, part: str, name: str) -> Callable[..., Tensor]:
    """The `mapping` or the `synthesis` of a generator.

    Raises:
        GanevalError: it has no such part.
    """
    found = getattr(network, part, None)
    if not callable(found):
        raise GanevalError(
            f"{name} has no `{part}`: paths in w need a generator with a mapping and a synthesis network, as "
            "StyleGAN has them; ask for space=z"
        )
    return found  # type: ignore[no-any-return]


def lerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Along the line from `start` to `end`, (n, ...), at t (n,): computed in float64, since steps are small."""
    share = t.double().view(-1, *[1] * (start.ndim - 1))
    return (start.double() + (end.double() - start.double()) * share).float()


def slerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Along the arc from `start` to `end`, (n, ...), at t (n,): sin((1-t)w)/sin(w) start + sin(tw)/sin(w) end.

    w is the angle between the two (Shoemake 1985); lengths in between are between theirs. In high dimensions normal
    latents stay normal on the way. For generators that scale z to length 1 first, the path is StyleGAN's.
    """
    a, b = start.double().flatten(1), end.double().flatten(1)
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=1).clamp(-1, 1)
    angle, share = cosine.acos()[:, None], t.double()[:, None]
    arc = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()
    straight = angle.sin().abs() < 1e-6  # no plane to turn in: parallel latents, as all are in one dimension
    return torch.where(straight, a + (b - a) * share, arc).float().view(start.shape)
