"""The images of a generator from elsewhere, whatever its format: called in blocks, checked once before it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError, ImageError
from ganeval.images.calling import Calling, Shape
from ganeval.images.paths import Space, part_of
from ganeval.images.returned import checked_images, on_scale, range_warning, shaped
from ganeval.images.source import Images, ImageSource

if TYPE_CHECKING:
    from ganeval.images.opening import Opening

DEFAULT_SAMPLES = 2000
ROWS = 32
"""Generators are called with this many latents, always: the last bit of a convolution depends on the batch's shape."""
LEVELS = 2  # of 255, by which rounding may move a pixel when other latents share the batch


@dataclass(frozen=True)
class Program:
    """A generator from elsewhere, ready to be called.

    Attributes:
        name: for people.
        run: latents float32 (n, *shape) and labels int64 (n,), or None, both on the CPU => what the generator returns.
        content: digest of all that decides what it computes; None where that cannot be known.
        shape: of one latent, where the format states it.
        rows: the only batch size it takes, where the format fixes one.
        labelled: whether it takes labels, where the format states it.
        failures: the errors by which it says that its inputs do not fit; a user's own code keeps its traceback.
        network: the object itself, where it may have a `mapping` and a `synthesis` of its own.
    """

    name: str
    run: Callable[[Tensor, Tensor | None], object]
    content: str | None = None
    shape: Shape | None = None
    rows: int | None = None
    labelled: bool | None = None
    failures: tuple[type[Exception], ...] = ()
    network: object = None


class GeneratedSource(ImageSource):
    """`count` samples of a generator from elsewhere.

    Image i is row i % rows of block i // rows, and a block is always computed whole, with torch's global generator
    seeded by (seed, block) while it runs and put back afterwards. So image i depends on (generator, seed, i) alone,
    noise that the generator draws by itself from torch included.

    Attributes:
        rows: how many latents it is called with, always.
        labels: where the generator is conditional, i % classes unless `calling` names one class.
        warnings: what the first block made suspicious.

    Raises:
        GanevalError: no latent shape, labels that do not fit, or a first block that is no set of images: see
            `checked_images`, and `_check`.
    """

    read_ahead = False

    def __init__(self, program: Program, opening: Opening) -> None:
        super().__init__()
        self.name, self._program, self._calling = program.name, program, opening.calling
        self._count, self._seed, self._device = sample_count(opening), opening.seed, opening.device
        self._shape, self.rows = _latent_shape(program, opening.calling), program.rows or ROWS
        _check_labels(program, opening.calling)
        self.cacheable = program.content is not None
        self.fingerprint = ":".join(
            [
                "generator",
                program.content or program.name,
                repr((self._calling, self._shape)),
                f"{self._count}:{self._seed}",
            ]
        )
        labels = opening.calling.labels(range(self._count))
        self.labels = None if labels is None else labels.numpy()
        self._block = (-1, torch.empty(0, dtype=torch.uint8))
        self._check()

    def __len__(self) -> int:
        return self._count

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """The images at `indices`, from as many calls as the blocks that they lie in."""
        if len(indices):
            yield torch.stack([self._image(index) for index in indices])

    def _image(self, index: int) -> Images:
        block = index // self.rows
        if self._block[0] != block:
            made = self._call(self._members(block), block)
            self._block = block, checked_images(made, self.rows, self.name, self._calling.output_range)
        return self._block[1][index % self.rows]

    def _members(self, block: int) -> range:
        return range(block * self.rows, (block + 1) * self.rows)

    def latents(self, indices: Sequence[int]) -> Tensor:
        """Latents number `indices`, float32 (n, *shape) on the CPU; see `paths.LiveGenerator`."""
        return self._calling.latents(self._shape, self._seed, indices)

    def styles(self, latents: Tensor, indices: Sequence[int]) -> Tensor:
        """Latents (rows, *shape) through the network's `mapping`, float32 (rows, ...) on the CPU."""
        mapping = part_of(self._program.network, "mapping", self.name)
        labels = self._calling.labels(indices)
        inputs = [tensor.to(self._device) for tensor in (latents, labels) if tensor is not None]
        with torch.no_grad():
            styles: Tensor = mapping(*inputs)
        return styles.float().cpu()

    def paint(self, latents: Tensor, indices: Sequence[int], space: Space) -> Tensor:
        """Latents (rows, *shape), or styles => images on the CPU, uint8 or float32 in [0, 255]; see `LiveGenerator`."""
        with torch.no_grad(), _seeded(self._device, self._seed, indices[0]):
            if space == "w":
                made: object = part_of(self._program.network, "synthesis", self.name)(latents.to(self._device))
            else:
                made = self._program.run(latents, self._calling.labels(indices))
        checked_images(made, self.rows, self.name, self._calling.output_range)
        return on_scale(shaped(made, self.rows, self.name), self._calling.output_range)

    def _call(self, members: Sequence[int], block: int) -> object:
        latents = self.latents(members)
        with torch.no_grad(), _seeded(self._device, self._seed, block):
            try:
                return self._program.run(latents, self._calling.labels(members))
            except self._program.failures as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
                raise GanevalError(
                    f"'{self.name}' failed on latents of shape {tuple(latents.shape)}: {reason}. Check --latent-dim "
                    "and --num-classes"
                ) from None

    def _check(self) -> None:
        """Look at the first block before anybody relies on it.

        An image that changes with the company of its latent, or pixels that are all equal, are errors. Images that are
        all equal (a collapsed generator has a score, too) and values that use half of their range only are warnings.
        """
        made = shaped(self._call(self._members(0), 0), self.rows, self.name)
        images = checked_images(made, self.rows, self.name, self._calling.output_range)
        if (images == images.flatten()[0]).all():
            raise ImageError(
                f"'{self.name}' returned {self.rows} images whose pixels all equal {int(images.flatten()[0])}: it is "
                "broken, or --output-range is another"
            )
        self._check_company(images)
        if self.rows > 1 and (images == images[0]).all():
            self.warnings.append(f"makes one and the same image of {self.rows} different latents")
        if warning := range_warning(made, self._calling.output_range):
            self.warnings.append(warning)
        self._block = 0, images

    def _check_company(self, images: Images) -> None:
        """The first latent again, beside copies of itself: batch normalisation in training mode shows by this."""
        alone = checked_images(self._call([0] * self.rows, 0), self.rows, self.name, self._calling.output_range)
        apart = _difference(alone[0], images[0])
        if apart <= LEVELS:
            return
        again = checked_images(self._call(self._members(0), 0), self.rows, self.name, self._calling.output_range)
        if _difference(again[0], images[0]) > LEVELS:
            self.cacheable = False
            self.warnings.append(
                "makes other images of the same latents each time: it draws noise that no seed reaches, so scores "
                "differ from run to run"
            )
            return
        raise ImageError(
            f"'{self.name}' makes another image of a latent when other latents share its batch (up to {apart} of 255 "
            "levels apart): batch normalisation in training mode? Call .eval() before exporting, or within the function"
        )


def check_called(sources: Sequence[object], calling: Calling) -> None:
    """Refuse a `calling` that none of the sources heeds: it would be ignored without a word.

    Runs of `ganeval train` heed a truncation and nothing else.

    Raises:
        GanevalError: latents, classes or a range were given, but no generator from elsewhere.
    """
    if any(getattr(source, "truncation", None) is not None for source in sources):
        calling = replace(calling, truncation=None)
    if calling != Calling() and not any(isinstance(source, GeneratedSource) for source in sources):
        raise GanevalError(
            "--latent-dim, --latent, --truncation, --num-classes and --output-range are for generators from elsewhere "
            "(TorchScript, .pt2, .onnx, MODULE:CALLABLE; --truncation for runs, too), and there is none: leave them out"
        )


def sample_count(opening: Opening) -> int:
    """How many images a generator makes."""
    wishes = (opening.num_samples, opening.generate, DEFAULT_SAMPLES)
    count = next(wish for wish in wishes if wish is not None)
    if count < 1:
        raise GanevalError(f"asked for {count} samples of a generator: ask for 1 or more")
    return count


def content_of(path: Path) -> str:
    """sha256 of a file's bytes, with its kind."""
    with path.open("rb") as file:
        return f"{path.suffix.lstrip('.')}:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _latent_shape(program: Program, calling: Calling) -> Shape:
    if program.shape is None and calling.shape is None:
        raise GanevalError(
            f"'{program.name}' needs the width of its latents: give --latent-dim, such as --latent-dim 100"
        )
    if program.shape and calling.shape and program.shape != calling.shape:
        raise GanevalError(
            f"'{program.name}' takes latents of shape {_typed(program.shape)}, got --latent-dim "
            f"{_typed(calling.shape)}: leave --latent-dim out"
        )
    return calling.shape or program.shape or ()


def _typed(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _check_labels(program: Program, calling: Calling) -> None:
    if program.labelled and not calling.classes:
        raise GanevalError(f"'{program.name}' takes labels beside its latents: give --num-classes")
    if program.labelled is False and calling.classes:
        raise GanevalError(
            f"'{program.name}' takes latents alone, got --num-classes {calling.classes}: leave --num-classes out"
        )


def _difference(one: Images, other: Images) -> int:
    return int((one.int() - other.int()).abs().max()) if one.shape == other.shape else 255


@contextmanager
def _seeded(device: torch.device, seed: int, block: int) -> Iterator[None]:
    """Torch's global generators seeded by (seed, block), and put back afterwards."""
    number = int(np.random.SeedSequence((seed, block)).generate_state(1)[0])
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(cuda):
        torch.default_generator.manual_seed(number)
        for one in cuda:
            with torch.cuda.device(one):
                torch.cuda.manual_seed(number)
        yield
