"""`invoke`: what a value becomes as the body of a request."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from jupyter_aml.commands.actions import invoking
from jupyter_aml.errors import UsageError

FRAME = pd.DataFrame({"a": [1.0, None], "b": ["x", "y"]}, index=[4, 7])


def sent(value: Any, key: str | None = None, *, bare: bool = True) -> Any:
    """What goes over the wire, read again."""
    return json.loads(json.dumps(invoking.payload(value, key, lambda: bare), default=invoking.plain_value))


def test_a_frame_goes_in_the_split_form_of_mlflow_deployments() -> None:
    expected = {"columns": ["a", "b"], "index": [4, 7], "data": [[1.0, "x"], [None, "y"]]}

    assert sent(FRAME) == {"input_data": expected}
    assert sent(FRAME, "dataframe_split") == {"dataframe_split": expected}


def test_below_any_other_key_a_frame_is_a_list_of_records() -> None:
    assert sent(FRAME, "data") == {"data": [{"a": 1.0, "b": "x"}, {"a": None, "b": "y"}]}


def test_a_frame_of_polars_goes_the_same_way() -> None:
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"]})

    assert sent(frame) == {"input_data": {"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [None, "y"]]}}


def test_numbers_keep_all_their_digits() -> None:
    frame = pd.DataFrame({"a": [0.1 + 0.2, 1e-17]})

    assert sent(frame)["input_data"]["data"] == [[0.1 + 0.2], [1e-17]]


def test_times_and_numbers_of_numpy_have_a_form() -> None:
    frame = pd.DataFrame({"at": pd.to_datetime(["2026-01-02", None]), "n": np.array([1, 2], dtype="int32")})

    assert sent(frame)["input_data"]["data"] == [["2026-01-02T00:00:00", 1], [None, 2]]
    assert sent({"day": dt.date(2026, 1, 2), "x": np.float32(0.5)}) == {"day": "2026-01-02", "x": 0.5}


def test_a_list_goes_bare_to_a_script_and_with_its_key_to_a_model() -> None:
    assert sent([[1, 2]]) == [[1, 2]]
    assert sent([[1, 2]], bare=False) == {"input_data": [[1, 2]]}
    assert sent(np.array([[1, 2]]), bare=False) == {"input_data": [[1, 2]]}
    assert sent([[1, 2]], "data") == {"data": [[1, 2]]}


def test_a_dict_goes_as_it_is() -> None:
    assert sent({"data": FRAME.head(1)}, bare=False) == {
        "data": {"columns": ["a", "b"], "index": [4], "data": [[1.0, "x"]]}
    }


def test_what_json_has_no_form_for_is_refused() -> None:
    with pytest.raises(UsageError, match="a value of type object cannot be sent") as caught:
        sent(object())

    assert "%aml invoke" in caught.value.remedy
    with pytest.raises(UsageError, match="a value of type PosixPath cannot be sent"):
        sent({"x": Path("a")})
