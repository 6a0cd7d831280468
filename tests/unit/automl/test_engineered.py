"""What is told of the features that a model has made."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from jupyter_aml.automl import engineered, features
from jupyter_aml.automl.columns import read
from jupyter_aml.automl.features import Form

AT = np.arange(600)
TABLE = pd.DataFrame(
    {
        "size": AT % 17 * 0.5,
        "gap": np.where(AT % 9 == 0, np.nan, AT % 5 * 1.25),
        "colour": np.array(["red", "green", "blue"])[AT % 3],
        "when": pd.date_range("2026-01-01", periods=600, freq="h"),
        "note": [f"quick foxes number {one} met {['dogs', 'cats', 'birds'][one % 3]} again" for one in AT],
    }
)


def told(form: Form, *, positive: bool = False) -> dict[str, dict[str, object]]:
    """The rows of one model, by the first column of each."""
    columns = read(TABLE)
    made = features.transformer(columns, form, classes=3, positive=positive).fit(TABLE, AT % 3)
    width = made.transform(TABLE).shape[1]
    rows = engineered.summary([SimpleNamespace(name="LightGBM", features=made)])
    assert sum(row["features"] for row in rows) == width
    assert {row["model"] for row in rows} == {"LightGBM"}
    return {row["columns"][0]: row for row in rows}


def test_each_group_of_columns_says_what_became_of_it() -> None:
    rows = told(Form.LINEAR)

    assert rows["size"]["columns"] == ["size", "gap"]
    assert rows["size"]["steps"] == ["numbers", "SimpleImputer", "StandardScaler"]
    assert rows["size"]["names"] == ["size", "gap", "missingindicator_gap"]
    assert rows["colour"]["features"] == 3
    assert rows["colour"]["names"] == ["colour_blue", "colour_green", "colour_red"]
    assert rows["when"]["steps"][0] == "moments"
    assert rows["note"]["steps"] == ["texts", "TfidfVectorizer"]
    assert rows["note"]["names"][:2] == ["0", "0 met"]


def test_trees_and_those_who_count_are_told_of_as_well() -> None:
    rows = told(Form.TREES)

    assert rows["colour"]["steps"] == ["words", "OrdinalEncoder"]
    assert rows["note"]["steps"][-1] == "TruncatedSVD"
    assert told(Form.LINEAR, positive=True)["colour"]["features"] == 3
