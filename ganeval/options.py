"""Options given as text (`--set kid.subsets=100`), checked against the annotations they are declared with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from ganeval.errors import GanevalError, unknown

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def parse_options(owner: str, annotations: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Each given option, converted to the type it is declared with. A name outside `annotations` is an error.

    >>> parse_options("kid", {"subsets": int}, {"subsets": "100"})
    {'subsets': 100}
    """
    for name in given:
        if name not in annotations:
            raise unknown(f"option of {owner}", name, annotations)
    return {name: _convert(f"{owner}.{name}", annotations[name], value) for name, value in given.items()}


def split_assignment(text: str) -> tuple[str, str]:
    """`name=value` => (name, value).

    >>> split_assignment("kid.subsets=100")
    ('kid.subsets', '100')
    """
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise GanevalError(f"expected NAME=VALUE, got '{text}'")
    return name, value


def _convert(name: str, kind: Any, value: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):  # a type or a few words besides: float | Literal["inf"]
        usual, words = get_args(kind)
        return value if value in get_args(words) else _convert(name, usual, value)
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if value not in choices:
            raise unknown(f"value of {name}", str(value), map(str, choices))
        return value
    try:
        if kind is bool:
            return value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]
        if kind is int and isinstance(value, float):
            raise ValueError
        converted = kind(value)
    except (KeyError, ValueError, TypeError):
        raise GanevalError(f"{name}: expected {_words(kind)}, got '{value}'") from None
    if isinstance(converted, float) and not math.isfinite(converted):
        raise GanevalError(f"{name}: expected a finite number, got '{value}'")
    return converted


def _words(kind: Any) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return words.get(kind, str(kind))
