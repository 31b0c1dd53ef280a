"""Programs of `torch.export.save` (.pt2), read without torch's own loader, which unpickles and evaluates text."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.images.aten import DTYPES, Graph
from ganeval.images.calling import Shape
from ganeval.images.generated import GeneratedSource, Program, content_of

if TYPE_CHECKING:
    from ganeval.images.archive import Archive
    from ganeval.images.opening import Opening

_STATE = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
_CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")


def open_exported(path: Path, archive: Archive, opening: Opening) -> GeneratedSource:
    """The images of an exported program.

    Its graph is JSON and its weights are raw bytes. The graph is walked operator by operator (`aten.Graph`), so nothing
    in the file is evaluated as Python; pickled weights are read by torch's reader of plain tensors.

    Raises:
        GanevalError: not the layout of a current torch, operators that are not arithmetic on tensors, batch
            normalisation in training mode, or inputs other than latents, or latents and labels.
    """
    try:
        program = json.loads(archive.entries["models/model.json"])["graph_module"]
        weights = _weights(archive)
        given = _user_inputs(program["signature"])
        state = _state(program["signature"], weights, opening.device)
        graph = Graph(program["graph"], _result(program["signature"]), str(path))
        latent = program["graph"]["tensor_values"][given[0]]
        kinds = [DTYPES[program["graph"]["tensor_values"][name]["dtype"]] for name in given]
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise GanevalError(
            f"{path} is not laid out as a current torch.export.save does it ({type(error).__name__}: "
            f"{reason}). Export it again, with one tensor of latents, or latents and labels, going in and "
            "the images coming out"
        ) from None

    def run(latents: Tensor, labels: Tensor | None) -> object:
        tensors = (latents,) if labels is None else (latents, labels)
        inputs = {name: tensor.to(opening.device, kind) for name, tensor, kind in zip(given, tensors, kinds)}
        return graph.run(state | inputs, opening.device)

    shape, rows = _stated(latent["sizes"])
    made = Program(str(path), run, content_of(path), shape, rows, labelled=len(given) == 2, failures=(RuntimeError,))
    return GeneratedSource(made, opening)


def _weights(archive: Archive) -> dict[str, Tensor]:
    """Parameters, buffers and constants by name."""
    found: dict[str, Tensor] = {}
    for config in _CONFIGS:
        folder = config.rpartition("/")[0]
        for name, about in json.loads(archive.entries[config])["config"].items():
            found[name] = _tensor(archive.entries[f"{folder}/{about['path_name']}"], about)
    return found


def _tensor(content: bytes, about: Mapping[str, Any]) -> Tensor:
    if about["use_pickle"]:
        loaded: Tensor = torch.load(io.BytesIO(content), weights_only=True)
        return loaded
    meta = about["tensor_meta"]
    sizes, strides = ([size["as_int"] for size in meta[axis]] for axis in ("sizes", "strides"))
    dtype = DTYPES[meta["dtype"]]
    if not content:
        return torch.zeros(sizes, dtype=dtype)
    flat = torch.frombuffer(bytearray(content), dtype=dtype)
    return flat.as_strided(sizes, strides, meta["storage_offset"]["as_int"])


def _user_inputs(signature: Mapping[str, Any]) -> list[str]:
    """Names of the tensors that go in, first the latents."""
    specs = [spec["user_input"]["arg"] for spec in signature["input_specs"] if "user_input" in spec]
    names = [spec["as_tensor"]["name"] for spec in specs]
    if len(names) not in (1, 2):
        raise ValueError(f"{len(names)} inputs")
    return names


def _state(signature: Mapping[str, Any], weights: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The graph's other inputs by the names that it knows them by."""
    state = {}
    for spec in signature["input_specs"]:
        kind, content = next(iter(spec.items()))
        if kind != "user_input":
            state[content["arg"]["name"]] = weights[content[_STATE[kind]]].detach().to(device)
    return state


def _result(signature: Mapping[str, Any]) -> str:
    """Name of the one tensor that comes out."""
    outputs = [spec["user_output"]["arg"] for spec in signature["output_specs"] if "user_output" in spec]
    if len(outputs) != 1:
        raise ValueError(f"{len(outputs)} outputs")
    name: str = outputs[0]["as_tensor"]["name"]
    return name


def _stated(sizes: list[Mapping[str, Any]]) -> tuple[Shape | None, int | None]:
    """(shape of one latent, batch size), each None where the program leaves it open."""
    first, *rest = [size.get("as_int") for size in sizes]
    shape = tuple(size for size in rest if size is not None)
    return (shape if shape and len(shape) == len(rest) else None), first
