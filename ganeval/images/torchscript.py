"""TorchScript archives: operators for torch's own interpreter, not Python; but some operators reach the disk."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.images.archive import Archive, rewritten
from ganeval.images.generated import GeneratedSource, Program, content_of

if TYPE_CHECKING:
    from ganeval.images.opening import Opening

# Operators that read or write files or call other machines, and the namespaces that are known to have no others.
_REACHING = re.compile(r"\b(save|from_file|rpc_async|rpc_sync|rpc_remote)\b")
_NAMESPACES = re.compile(r"\bops\s*\.\s*(?!(?:aten|prim|quantized|torchvision)\b)(\w+)")
_CLASSES = re.compile(r"\btorch\s*\.\s*classes\s*\.\s*(?!quantized\b)(\w+)")


def open_torchscript(path: Path, archive: Archive, opening: Opening) -> GeneratedSource:
    """The images of a TorchScript module, in evaluation mode.

    `torch.jit.load` resolves no Python names: its tensors and constants are read by a parser in C++ that makes only
    plain values and the archive's own classes, and its code is a language of operators. Operators that reach files or
    the network are refused before anything is loaded, and what is loaded is a copy of exactly the entries that were
    looked through. What remains is what torch's maintainers say of any model: a defect of the interpreter itself could
    be abused.

    Raises:
        GanevalError: an operator that reaches outside, or a file that torch cannot load.
    """
    _refuse_reaching(path, archive)
    module = _load(path, archive, opening.device)
    module.eval()
    arguments = module.forward.schema.arguments[1:]  # without self
    needed = sum(not argument.has_default_value() for argument in arguments)

    def run(latents: Tensor, labels: Tensor | None) -> object:
        inputs = (latents,) if labels is None else (latents, labels)
        return module(*(tensor.to(opening.device) for tensor in inputs))

    labelled = True if needed > 1 else None if len(arguments) > 1 else False
    return GeneratedSource(
        Program(str(path), run, content_of(path), labelled=labelled, failures=(RuntimeError,)), opening
    )


def _refuse_reaching(path: Path, archive: Archive) -> None:
    for name, content in archive.entries.items():
        if not name.endswith(".py"):
            continue
        code = content.decode("utf-8", "replace")
        for pattern in (_REACHING, _NAMESPACES, _CLASSES):
            if found := pattern.search(code):
                raise GanevalError(
                    f"{path} calls '{found.group()}' in {name}: expected arithmetic on tensors alone, and this may "
                    "reach files or the network. If you trust it, load it in a module of your own and score "
                    "MODULE:CALLABLE"
                )


def _load(path: Path, archive: Archive, device: torch.device) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # torch advises those who export; this reads what was exported
            load: Callable[..., Any] = torch.jit.load
            return load(io.BytesIO(rewritten(archive)), map_location=device)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise GanevalError(f"{path} is no TorchScript that this torch {torch.__version__} can load: {reason}") from None
