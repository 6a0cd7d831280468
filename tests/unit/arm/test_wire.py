"""JSON as bytes."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aml.local.arm import wire

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


class Colour(StrEnum):
    RED = "red"


class Name(str):
    """A string of another class, as libraries have them."""

    __slots__ = ()


@given(VALUES)
def test_what_is_written_is_read_again_by_both_libraries(value: Any) -> None:
    written = wire.dumps(value)

    assert json.loads(written) == value
    assert wire.loads(written) == value
    assert wire.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": Colour.RED, Name("b"): Name("ü")}, '{"a":"red","b":"ü"}'),
        ({1: [math.nan, math.inf]}, '{"1":[null,null]}'),
    ],
)
def test_enums_strings_of_other_classes_and_missing_numbers_are_written(value: Any, written: str) -> None:
    assert wire.dumps(value) == written.encode()


def test_words_that_json_lacks_are_read_all_the_same() -> None:
    read = wire.loads(b'{"a": NaN, "b": -Infinity, "c": "\\ud800"}')

    assert math.isnan(read["a"])
    assert (read["b"], read["c"]) == (-math.inf, "\ud800")


@pytest.mark.parametrize("content", [b"", b"[", b"\xff", "{'a': 1}"])
def test_what_is_not_json_is_a_value_error(content: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"char 0|char 1|invalid start byte"):
        wire.loads(content)
