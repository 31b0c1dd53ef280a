"""Image sets made by a generator: a checkpoint of ours, or a callable of the user's."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganeval.errors import GanevalError, ImageError
from ganeval.images.source import Images, ImageSource

if TYPE_CHECKING:
    from ganeval.images.opening import Opening

DEFAULT_SAMPLES = 2000
TOLERANCE = 1e-3  # beyond [-1, 1]: what rounding in half precision explains


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a run folder or a checkpoint of `ganeval train`."""
    from reference_models import checkpoint

    return checkpoint.is_checkpoint(path)


def open_checkpoint(path: Path, opening: Opening) -> CheckpointSource:
    """The images of the generator in `path`, as many as the opening says."""
    return CheckpointSource(path, _count(opening), opening.seed, opening.device)


def _count(opening: Opening) -> int:
    wishes = (opening.num_samples, opening.generate, DEFAULT_SAMPLES)
    count = next(wish for wish in wishes if wish is not None)
    if count < 1:
        raise GanevalError(f"asked for {count} samples of a generator: ask for 1 or more")
    return count


class CheckpointSource(ImageSource):
    """`count` samples of a trained generator. Image i depends on the weights and (seed, i) alone.

    Labels of a conditional model are i modulo the number of classes, so that any run of images is balanced.
    """

    read_ahead = False

    def __init__(self, path: Path, count: int, seed: int, device: torch.device) -> None:
        from reference_models.checkpoint import load_checkpoint

        super().__init__()
        self.name, self._count, self._seed = str(path), count, seed
        self._checkpoint = load_checkpoint(path, device)
        self.fingerprint = f"generator:{self._checkpoint.fingerprint}:{count}:{seed}"
        classes = self._checkpoint.spec.classes
        if classes and getattr(self._checkpoint.recipe, "conditional", False):
            self.labels = np.arange(count) % classes

    def __len__(self) -> int:
        return self._count

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """One batch, generated together."""
        from reference_models.checkpoint import generate_images

        if len(indices):
            yield generate_images(self._checkpoint, indices, self._seed)


def open_callable(text: str, opening: Opening) -> CallableSource:
    """The images of `module:callable`.

    Importing the module executes it. That is what the user asks for by writing this form; it is reached by no other.
    """
    if opening.latent_dim is None:
        raise GanevalError(f"'{text}' needs the width of its latents: give --latent-dim, such as --latent-dim 100")
    if opening.latent_dim < 1:
        raise GanevalError(f"--latent-dim must be 1 or more, got {opening.latent_dim}")
    generate = import_callable(text)
    return CallableSource(text, generate, opening)


def import_callable(text: str) -> Callable[..., Any]:
    """The object behind `module:attribute.path`; modules in the current folder are found, as with `python -m`."""
    module_name, _, path = text.partition(":")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise GanevalError(
            f"cannot import '{module_name}' for '{text}': {error}. Start in the folder that holds the module"
        ) from error
    try:
        for part in path.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise GanevalError(f"'{text}': {error}") from None
    if not callable(found) or isinstance(found, type):
        raise GanevalError(f"'{text}' is {type(found).__name__}; expected a function or a module object to call")
    return found  # type: ignore[no-any-return]


class CallableSource(ImageSource):
    """Samples of the user's function or network; `latent_dim` and the rest come from `opening`.

    It gets latents float32 (n, latent_dim) on the opening's device, row i standard normal noise from (seed, i) alone,
    and returns uint8 (n, C, H, W), or floats in [-1, 1]. A `torch.nn.Module` is moved to the device and put into
    evaluation mode. What the code computes cannot be known from its name, so nothing of it is cached.
    """

    cacheable = False
    read_ahead = False

    def __init__(self, name: str, generate: Callable[[Tensor], object], opening: Opening) -> None:
        super().__init__()
        self.name, self._generate = name, generate
        self._count, self._seed, self._device = _count(opening), opening.seed, opening.device
        self._latent_dim = opening.latent_dim or 0
        self.fingerprint = f"callable:{name}:{self._latent_dim}:{self._count}:{self._seed}"
        if isinstance(generate, torch.nn.Module):
            generate.to(self._device).eval()

    def __len__(self) -> int:
        return self._count

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        """One batch, from one call."""
        if len(indices):
            latents = torch.from_numpy(np.stack([latent(self._seed, i, self._latent_dim) for i in indices]))
            with torch.no_grad():
                made = self._generate(latents.to(self._device))
            yield checked_images(made, len(indices), self.name)


def latent(seed: int, index: int, width: int) -> npt.NDArray[np.float32]:
    """Row `index` of the latents of a callable: standard normal float32 (width,) from (seed, index) alone."""
    return np.random.default_rng((seed, index)).standard_normal(width, dtype=np.float32)


def checked_images(made: object, count: int, name: str) -> Images:
    """What a callable returned as uint8 (count, C, H, W) on the CPU.

    Raises:
        ImageError: not a tensor, a wrong shape, number of channels or type, NaN, or values outside [-1, 1].
    """
    if isinstance(made, np.ndarray):
        made = torch.from_numpy(made)
    if not isinstance(made, Tensor):
        raise ImageError(f"'{name}' returned {type(made).__name__}; expected a tensor (n, C, H, W)")
    if made.ndim != 4 or made.shape[0] != count or 0 in made.shape:
        raise ImageError(
            f"'{name}' returned shape {tuple(made.shape)} for {count} latents; expected ({count}, C, H, W)"
        )
    if made.shape[1] not in (1, 3):
        raise ImageError(f"'{name}' returned {made.shape[1]} channels; expected 1 (grey) or 3 (RGB), as (n, C, H, W)")
    made = made.detach().cpu()
    return made if made.dtype == torch.uint8 else _from_floats(made, name)


def _from_floats(made: Tensor, name: str) -> Images:
    if not made.is_floating_point():
        raise ImageError(f"'{name}' returned {made.dtype}; expected torch.uint8, or floats in [-1, 1]")
    made = made.float()
    if made.isnan().any():
        raise ImageError(f"'{name}' returned NaN in {int(made.isnan().flatten(1).any(1).sum())} of {len(made)} images")
    low, high = made.min().item(), made.max().item()
    if low < -1 - TOLERANCE or high > 1 + TOLERANCE:
        raise ImageError(
            f"'{name}' returned floats from {low:.4g} to {high:.4g}; expected [-1, 1]. "
            "Rescale them (2x - 1 for [0, 1]), or return uint8"
        )
    pixels: Images = ((made + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels
