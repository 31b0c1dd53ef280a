"""`module:callable`: the user's own code as a generator. The only form that executes what it names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.images.generated import GeneratedSource, Program

if TYPE_CHECKING:
    from ganeval.images.opening import Opening


def open_callable(text: str, opening: Opening) -> GeneratedSource:
    """The images of `module:callable`, called with latents, and with labels if `opening.calling` has classes.

    Importing the module executes it. That is what the user asks for by writing this form; it is reached by no other.
    A `torch.nn.Module` is moved to the device and put into evaluation mode. What the code computes cannot be known
    from its name, so nothing of it is cached.
    """
    generate = import_callable(text)
    if isinstance(generate, torch.nn.Module):
        generate.to(opening.device).eval()

    def run(latents: Tensor, labels: Tensor | None) -> object:
        inputs = (latents,) if labels is None else (latents, labels)
        return generate(*(tensor.to(opening.device) for tensor in inputs))

    return GeneratedSource(Program(text, run, network=generate), opening)


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
