"""ONNX graphs, run by onnxruntime (`pip install 'ganeval[onnx]'`)."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.images.calling import Shape
from ganeval.images.generated import GeneratedSource, Program

if TYPE_CHECKING:
    import torch

    from ganeval.images.opening import Opening

_DTYPES = {"float": np.float32, "float16": np.float16, "double": np.float64, "int64": np.int64, "int32": np.int32}


def open_onnx(path: Path, opening: Opening) -> GeneratedSource:
    """The images of an ONNX graph: one input of latents, or latents and labels, and one output.

    A graph is data: standard operators and weights. Operators of other domains are not loaded, and weights in files
    beside it must lie in its folder. What runs is the very bytes that the fingerprint is taken of.

    Raises:
        GanevalError: onnx or onnxruntime are not installed, the file is damaged, or its inputs and outputs are others.
    """
    onnx, onnxruntime = _library("onnx"), _library("onnxruntime")
    content = _content(onnx, path)
    session = _session(onnxruntime, path, content, opening.device)
    inputs, outputs = session.get_inputs(), [output.name for output in session.get_outputs()]
    if len(inputs) not in (1, 2) or len(outputs) != 1:
        raise GanevalError(
            f"{path} has inputs {', '.join(i.name for i in inputs)} and outputs {', '.join(outputs)}; expected "
            "latents, or latents and labels, and the images alone. Export it so"
        )

    def run(latents: Tensor, labels: Tensor | None) -> object:
        given = (latents,) if labels is None else (latents, labels)
        return session.run(outputs, {i.name: _cast(path, i, tensor) for i, tensor in zip(inputs, given)})[0]

    shape, rows = _stated(inputs[0].shape)
    digest = f"onnx:{hashlib.sha256(content).hexdigest()}"
    return GeneratedSource(
        Program(str(path), run, digest, shape, rows, labelled=len(inputs) == 2, failures=(Exception,)), opening
    )


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise GanevalError(f"an .onnx file needs {name}: pip install 'ganeval[onnx]'") from None


def _content(onnx: Any, path: Path) -> bytes:
    """The graph with all its weights, those in files beside it too, as one run of bytes."""
    try:
        content: bytes = onnx.load(str(path)).SerializeToString(deterministic=True)
    except Exception as error:  # protobuf's errors, and onnx's own, share no class
        raise GanevalError(f"{path} cannot be read as ONNX: {_first_line(error)}. Export it again") from None
    return content


def _session(onnxruntime: Any, path: Path, content: bytes, device: torch.device) -> Any:
    wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    providers = [one for one in [*wanted, "CPUExecutionProvider"] if one in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(content, providers=providers)
    except Exception as error:  # onnxruntime's errors share no class
        raise GanevalError(f"onnxruntime {onnxruntime.__version__} cannot run {path}: {_first_line(error)}") from None


def _stated(sizes: list[int | str | None]) -> tuple[Shape | None, int | None]:
    """(shape of one latent, batch size), each None where the graph leaves it open."""
    first, *rest = [size if isinstance(size, int) else None for size in sizes] or [None]
    shape = tuple(size for size in rest if size is not None)
    return (shape if shape and len(shape) == len(rest) else None), first


def _cast(path: Path, declared: Any, tensor: Tensor) -> Any:
    kind = declared.type.removeprefix("tensor(").removesuffix(")")
    if kind not in _DTYPES:
        raise GanevalError(f"{path} takes {declared.type} as '{declared.name}'; expected one of {', '.join(_DTYPES)}")
    return tensor.numpy().astype(_DTYPES[kind])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
