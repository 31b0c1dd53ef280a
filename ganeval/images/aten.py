"""A walk through the graph of an exported program: torch's own operators on tensors, in order, and nothing else."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganeval.errors import GanevalError

# Numbers of torch's export schema, version 8.
DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
MEMORY_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}

_ATEN = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
_REACHING = ("from_file", "save")
_NUMBERS: Mapping[str, Callable[..., Any]] = {
    **{f"_operator.{name}": getattr(operator, name) for name in ("add", "sub", "mul", "floordiv", "truediv", "mod")},
    **{f"_operator.{name}": getattr(operator, name) for name in ("neg", "pow", "eq", "ne", "lt", "le", "gt", "ge")},
    **{f"math.{name}": getattr(math, name) for name in ("ceil", "floor", "trunc")},
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_float": float,
    "torch.sym_not": operator.not_,
}


class Graph:
    """The nodes of a graph, each with the operator that it names.

    Args:
        graph: the `graph` of a program's JSON.
        result: name of the value to return.
        name: of the file, for messages.

    Raises:
        GanevalError: an operator that is not known to be arithmetic, or batch normalisation in training mode.
    """

    def __init__(self, graph: Mapping[str, Any], result: str, name: str) -> None:
        self._result = result
        nodes = [node for node in graph["nodes"] if not node["target"].startswith("torch.ops.aten._assert")]
        self._steps = [(_operator(node["target"], name), node) for node in nodes]
        self._last = _last_uses(nodes, result)
        for node in nodes:
            _refuse_training(node, name)

    def run(self, inputs: Mapping[str, Tensor], device: torch.device) -> Any:
        """The result for these inputs, which are kept as they are unless an operator writes into them."""
        values: dict[str, Any] = dict(inputs)
        for (function, node), over in zip(self._steps, self._last):
            arguments = {given["name"]: _value(given["arg"], values, device) for given in node["inputs"]}
            named = isinstance(function, torch._ops.OpOverload)
            made = function(**arguments) if named else function(*arguments.values())
            values.update((name, one) for name, one in zip(_names(node["outputs"]), _flat(made)) if name)
            for one in over:  # or the activations of all layers would be held at once
                del values[one]
        return values[self._result]


def _operator(target: str, name: str) -> Callable[..., Any]:
    if target in _NUMBERS:
        return _NUMBERS[target]
    match = _ATEN.fullmatch(target)
    if match and match[1] not in _REACHING:
        packet = getattr(torch.ops.aten, match[1], None)
        found = getattr(packet, match[2], None) if isinstance(packet, torch._ops.OpOverloadPacket) else None
        if isinstance(found, torch._ops.OpOverload):
            return found
    raise GanevalError(
        f"{name} uses the operator '{target}'; expected torch's own arithmetic on tensors (torch.ops.aten). Export "
        "without it (such as blocks of torch.no_grad or torch.cond within forward), as TorchScript, or score "
        "MODULE:CALLABLE"
    )


def _refuse_training(node: Mapping[str, Any], name: str) -> None:
    flags = {given["name"]: given["arg"].get("as_bool") for given in node["inputs"]}
    if "batch_norm" in node["target"] and flags.get("training"):
        raise GanevalError(
            f"{name} was exported with batch normalisation in training mode: call .eval(), and export again"
        )


def _value(argument: Mapping[str, Any], values: Mapping[str, Any], device: torch.device) -> Any:
    """What an argument of a node stands for: a value made before, or a constant."""
    kind, content = next(iter(argument.items()))
    if kind in ("as_tensor", "as_name"):
        return values[content["name"] if kind == "as_tensor" else content]
    if kind == "as_tensors":
        return [values[one["name"]] for one in content]
    if kind in ("as_sym_int", "as_sym_float", "as_sym_bool", "as_optional_tensor"):
        return _value(content, values, device)
    if kind in ("as_sym_ints", "as_sym_floats", "as_sym_bools", "as_optional_tensors"):
        return [_value(one, values, device) for one in content]
    return _constant(kind, content, device)


def _constant(kind: str, content: Any, device: torch.device) -> Any:
    if kind == "as_none":
        return None
    if kind == "as_scalar_type":
        return DTYPES[content]
    if kind == "as_memory_format":
        return MEMORY_FORMATS[content]
    if kind == "as_layout":
        return torch.strided
    if kind == "as_device":  # where it was exported does not matter
        return device
    if kind in ("as_float", "as_floats"):  # infinities are written as text
        return float(content) if kind == "as_float" else [float(one) for one in content]
    if kind in ("as_int", "as_ints", "as_bool", "as_bools", "as_string"):
        return content
    raise GanevalError(f"the exported program has an argument of kind '{kind}', which is not known: export TorchScript")


def _last_uses(nodes: Sequence[Mapping[str, Any]], result: str) -> list[list[str]]:
    """For each node, the values that no later node reads."""
    seen, over = {result}, list[list[str]]()
    for node in reversed(nodes):
        touched = dict.fromkeys([*_read(node["inputs"]), *filter(None, _names(node["outputs"]))])
        over.append([name for name in touched if name not in seen])
        seen.update(touched)
    return over[::-1]


def _read(content: Any) -> Iterator[str]:
    """Names of all values that stand anywhere in a node's inputs."""
    if isinstance(content, list):
        for one in content:
            yield from _read(one.get("arg", one))
    elif isinstance(content, dict):
        kind, inner = next(iter(content.items()))
        if kind in ("name", "as_name"):
            yield inner
        elif kind.startswith(("as_tensor", "as_sym", "as_optional")):
            yield from _read(inner)


def _names(outputs: Sequence[Mapping[str, Any]]) -> Iterator[str | None]:
    for output in outputs:
        kind, content = next(iter(output.items()))
        if kind == "as_tensors":
            yield from (one["name"] for one in content)
        elif kind == "as_none":
            yield None
        else:
            yield content["name"] if kind == "as_tensor" else content["as_name"]


def _flat(made: Any) -> Iterator[Any]:
    """The values of an operator's result, lists within tuples opened."""
    if isinstance(made, (tuple, list)):
        for one in made:
            yield from _flat(one)
    else:
        yield made
