"""Guardrails: found, done and advised, on real tables and on tables with one thing wrong each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from jupyter_aml.automl import guardrails
from jupyter_aml.automl.columns import read
from jupyter_aml.automl.guardrails import CLASSIFICATION, Guardrail, Status

REGRESSION = "regression"
RNG = np.random.default_rng(7)
NOISE = RNG.normal(size=400)
BAND = np.digitize(NOISE, [-0.5, 0.5])
CLASS = pd.Series(np.array(["no", "yes"])[RNG.integers(0, 2, 400)])


def looked(frame: pd.DataFrame, target: pd.Series[Any], task: str = CLASSIFICATION) -> dict[str, Guardrail]:
    found = guardrails.look(frame, target, read(frame), task)
    return {one.name: one for one in found}


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_wine, load_diabetes])
def test_clean_data_passes(load: Any) -> None:
    data = load(as_frame=True)
    frame = data.data.drop_duplicates()
    found = looked(frame, data.target[frame.index], REGRESSION if load is load_diabetes else CLASSIFICATION)

    assert {name for name, one in found.items() if one.status is not Status.PASSED} == set()
    assert len(found) == (6 if load is load_diabetes else 7)
    json.dumps([one.plain() for one in found.values()])


def test_gaps_are_imputed() -> None:
    frame = pd.DataFrame({"a": NOISE, "b": NOISE, "c": CLASS})
    frame.loc[:299, "a"], frame.loc[:9, "c"] = np.nan, None
    one = looked(frame, CLASS)["Missing feature values imputation"]

    assert one.status is Status.DONE
    assert one.found == "2 of 3 columns have missing values, which were imputed."
    assert [dict(row) for row in one.details] == [
        {"column": "a", "missing": 300, "imputed with": "mean"},
        {"column": "c", "missing": 10, "imputed with": "a category of their own"},
    ]
    assert one.remedy == "a is empty in 75% of the rows; check its source."


def test_columns_that_tell_nothing_are_named() -> None:
    frame = pd.DataFrame({"id": [f"u{at}" for at in range(400)], "same": 1, "a": NOISE, "none": None})
    one = looked(frame, CLASS)["Columns without information"]

    assert (one.status, one.found) == (Status.DONE, "3 of 4 columns were left out.")
    assert [row["column"] for row in one.details] == ["id", "same", "none"]


def test_many_categories_are_hashed() -> None:
    frame = pd.DataFrame({"town": [f"t{at % 900}" for at in range(4000)]})
    one = looked(frame, pd.Series(np.arange(4000) % 2))["High cardinality feature detection"]

    assert [dict(row) for row in one.details] == [{"column": "town", "categories": 900, "done": "hashed"}]


def test_unbalanced_classes_are_said() -> None:
    target = pd.Series(["rare"] * 10 + ["often"] * 390)
    one = looked(pd.DataFrame({"a": NOISE}), target)["Class balancing detection"]

    assert (one.status, one.found) == (Status.ALERTED, "Class rare has 10 rows, the largest class 390.")
    assert "AUC_weighted" in one.remedy


def test_one_class_is_said() -> None:
    found = looked(pd.DataFrame({"a": NOISE}), pd.Series(["a"] * 400))

    assert found["Class balancing detection"].found == "There are 1 classes; two are needed to tell them apart."
    assert found["Target leakage detection"].status is Status.PASSED


def test_rows_that_repeat_are_counted() -> None:
    frame = pd.DataFrame({"a": NOISE, "b": [[at] for at in range(400)]})
    twice = pd.concat([frame, frame.head(25)], ignore_index=True)
    one = looked(twice, pd.concat([CLASS, CLASS.head(25)], ignore_index=True))["Duplicate rows detection"]

    assert (one.status, one.found) == (Status.ALERTED, "25 of 425 rows repeat an earlier one.")


def test_rows_without_a_target_are_left_out() -> None:
    target = pd.Series(NOISE)
    target[:3] = [np.nan, np.inf, -np.inf]
    one = looked(pd.DataFrame({"a": NOISE}), target, REGRESSION)["Missing target values"]

    assert (one.status, one.found) == (Status.DONE, "3 of 400 rows have no target and were left out.")


@pytest.mark.parametrize(
    ("column", "target", "task"),
    [
        ((CLASS == "yes") * 3.5 + 1, CLASS, CLASSIFICATION),
        (CLASS.str.upper(), CLASS, CLASSIFICATION),
        (BAND * 1.0, pd.Series(np.array(["low", "some", "high"])[BAND]), CLASSIFICATION),
        (np.exp(NOISE), pd.Series(NOISE), REGRESSION),
        (pd.Series(np.array(["x", "y", "z"])[np.arange(400) % 3]), pd.Series(np.arange(400) % 3 * 1.5), REGRESSION),
    ],
)  # fmt: skip
def test_a_column_that_is_the_target_is_found(column: Any, target: pd.Series[Any], task: str) -> None:
    frame = pd.DataFrame({"noise": RNG.normal(size=400), "told": column})
    one = looked(frame, target, task)["Target leakage detection"]

    assert one.status is Status.ALERTED
    assert one.found == "The target follows from told alone."


def test_noise_and_small_categories_are_no_leak() -> None:
    frame = pd.DataFrame({"noise": NOISE, "town": [f"t{at % 150}" for at in range(400)]})

    assert looked(frame, CLASS)["Target leakage detection"].status is Status.PASSED
    few = pd.DataFrame({"a": NOISE[:20]})
    assert looked(few, CLASS.head(20))["Target leakage detection"].found == "Not looked for in 20 rows."
