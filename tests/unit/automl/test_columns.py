"""What columns are taken for: Azure's purposes, found from values as they come in real tables."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from jupyter_aml.automl.columns import Purpose, dates, read

ROWS = 200
AT = np.arange(ROWS)
SENTENCES = [f"The {one % 7} quick foxes met {one} lazy dogs" for one in AT]
HASHES = [hashlib.sha256(str(one).encode()).hexdigest() for one in AT]


def purpose(values: Any, **more: Any) -> Purpose:
    return read(pd.DataFrame({"x": values}), **more)["x"].purpose


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (AT * 0.5, Purpose.NUMERIC),
        (AT[::-1] ** 2, Purpose.NUMERIC),
        ((AT % 3).astype(str), Purpose.NUMERIC),
        ([f" {one}.5 " for one in AT], Purpose.NUMERIC),
        (pd.array([*AT[:-1], None], dtype="Int64"), Purpose.NUMERIC),
        (pd.to_timedelta(AT, unit="h"), Purpose.NUMERIC),
        (AT % 2 == 0, Purpose.CATEGORICAL),
        (np.array(["red", "green", "blue"])[AT % 3], Purpose.CATEGORICAL),
        (pd.Categorical.from_codes(AT % 4, ["a", "b", "c", "d"]), Purpose.CATEGORICAL),
        (np.array(["very nice and warm", "rather cold and wet"])[AT % 2], Purpose.CATEGORICAL),
        (pd.Series([f"town {one % 600}" for one in range(3000)]), Purpose.CATEGORICAL_HASH),
        (pd.date_range("2026-01-01", periods=ROWS), Purpose.DATE_TIME),
        ([f"2026-01-{one % 28 + 1:02}" for one in AT], Purpose.DATE_TIME),
        ([f"{one % 28 + 1:02}/03/2026 {one % 24}:00" for one in AT], Purpose.DATE_TIME),
        ([f"2026-01-{one % 28 + 1:02}T07:00:00+02:00" for one in AT], Purpose.DATE_TIME),
        (SENTENCES, Purpose.TEXT),
        ([None] * ROWS, Purpose.IGNORE),
        ([np.inf, -np.inf] * (ROWS // 2), Purpose.IGNORE),
        (["", "  "] * (ROWS // 2), Purpose.IGNORE),
        ([7] * ROWS, Purpose.IGNORE),
        (AT + 1000, Purpose.IGNORE),
        (AT[::-1], Purpose.IGNORE),
        (HASHES, Purpose.IGNORE),
        ([f"user{one}" for one in AT], Purpose.IGNORE),
    ],
)  # fmt: skip
def test_a_column_is_taken_for_what_it_is(values: Any, expected: Purpose) -> None:
    assert purpose(values) is expected


@pytest.mark.parametrize("load", [load_breast_cancer, load_diabetes, load_iris, load_wine])
def test_measurements_are_numbers(load: Any) -> None:
    frame = load(as_frame=True).data

    assert {one.purpose for one in read(frame).values()} == {Purpose.NUMERIC}


def test_a_column_says_why_and_counts_what_is_missing() -> None:
    frame = pd.DataFrame({"a": [1.0, np.inf, None, 2.0], "b": ["x", " ", None, "y"], "same": [1, 1, 1, 1]})
    found = read(frame)

    assert (found["a"].missing, found["a"].different) == (2, 2)
    assert (found["b"].missing, found["b"].different, found["b"].purpose) == (2, 2, Purpose.CATEGORICAL)
    assert found["same"].why == "has the same value in every row"


def test_few_rows_make_no_identifier() -> None:
    assert purpose(["Ada", "Grace", "Edsger"]) is Purpose.CATEGORICAL
    assert purpose([1, 2, 3]) is Purpose.NUMERIC


def test_one_value_and_gaps_tell_something() -> None:
    assert purpose(["yes", None] * 50) is Purpose.CATEGORICAL


def test_values_of_several_kinds_stand_side_by_side() -> None:
    assert purpose([1, "two", 3.0, True] * 50) is Purpose.CATEGORICAL
    assert purpose([1, "2", 3.0] * 50) is Purpose.NUMERIC
    assert purpose([["a"], {"b": 1}] * 50) is Purpose.CATEGORICAL


def test_a_sentence_or_two_among_dates_do_not_matter() -> None:
    values = ["2026-05-01"] * 98 + ["2026-05-02", "tomorrow"]

    assert purpose(values) is Purpose.DATE_TIME
    assert dates(pd.Series(values)).isna().sum() == 1


def test_what_the_user_says_counts() -> None:
    frame = pd.DataFrame({"zip": ["10115", "80331"] * 50, "note": SENTENCES[:100]})
    found = read(frame, {"zip": "Categorical"}, drop=["note"])

    assert (found["zip"].purpose, found["zip"].why) == (Purpose.CATEGORICAL, "as asked")
    assert found["note"].purpose is Purpose.IGNORE


def test_what_is_wrong_is_said() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    with pytest.raises(ValueError, match="'Number' is no purpose of a column; expected one of Numeric, Categorical"):
        read(frame, {"a": "Number"})
    with pytest.raises(ValueError, match="There is no column c; the table has a, b"):
        read(frame, drop=["c"])
    with pytest.raises(ValueError, match="more than one column a; rename them"):
        read(frame.rename(columns={"b": "a"}))
