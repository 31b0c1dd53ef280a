"""Options given as text are closed and typed."""

from __future__ import annotations

from typing import Literal

import pytest

from ganeval.errors import GanevalError
from ganeval.options import parse_options, split_assignment

KINDS = {"k": int, "scale": float, "strict": bool, "loss": Literal["hinge", "minimax"], "name": str}
KINDS |= {"q": float | Literal["inf"]}


def test_values_get_their_declared_types() -> None:
    given = {"k": "3", "scale": "1e-2", "strict": "true", "loss": "hinge", "name": "a"}
    expected = {"k": 3, "scale": 0.01, "strict": True, "loss": "hinge", "name": "a"}
    assert parse_options("m", KINDS, given) == expected


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("kk", "3", r"unknown option of m 'kk': did you mean 'k'\?"),
        ("k", "3.5", r"m.k: expected a whole number, got '3.5'"),
        ("scale", "nan", r"m.scale: expected a finite number, got 'nan'"),
        ("q", "infinite", r"m.q: expected a number, got 'infinite'"),
        ("q", "nan", r"m.q: expected a finite number, got 'nan'"),
        ("strict", "perhaps", r"m.strict: expected true or false, got 'perhaps'"),
        ("loss", "hing", r"unknown value of m.loss 'hing': did you mean 'hinge'\?"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(option: str, value: str, message: str) -> None:
    with pytest.raises(GanevalError, match=message):
        parse_options("m", KINDS, {option: value})


@pytest.mark.parametrize(("value", "expected"), [("inf", "inf"), ("2", 2.0), (0.5, 0.5)])
def test_a_word_may_stand_beside_a_number(value: object, expected: object) -> None:
    assert parse_options("m", KINDS, {"q": value}) == {"q": expected}


@pytest.mark.parametrize("text", ["k", "=3", "k="])
def test_assignments_need_both_sides(text: str) -> None:
    with pytest.raises(GanevalError, match="expected NAME=VALUE"):
        split_assignment(text)
