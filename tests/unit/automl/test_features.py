"""Featurization: a table of everything becomes numbers, in both forms, and rows that were never seen do too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from jupyter_aml.automl import features, steps
from jupyter_aml.automl.columns import Purpose, read
from jupyter_aml.automl.features import Form

ROWS = 1200
AT = np.arange(ROWS)
TARGET = AT % 3


def table() -> pd.DataFrame:
    """A column of each purpose, with gaps."""
    frame = pd.DataFrame(
        {
            "size": np.where(AT % 10 == 0, np.nan, AT * 0.25 % 7),
            "wrong": np.where(AT % 50 == 0, np.inf, AT % 13 * 1.5),
            "colour": np.where(AT % 7 == 0, None, np.array(["red", "green", "blue"])[TARGET]),
            "flag": AT % 2 == 0,
            "town": [f"t{one % 600}" for one in AT],
            "when": [f"2026-{one % 12 + 1:02}-{one % 28 + 1:02} {one % 24:02}:30" for one in AT],
            "note": [f"quick foxes number {one} met {['dogs', 'cats', 'birds'][one % 3]} again" for one in AT],
            "id": [f"user{one}" for one in AT],
        }
    )
    frame.loc[3, ["when", "note"]] = None
    return frame


def dense(found: Any) -> Any:
    return found.toarray() if sparse.issparse(found) else found


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_every_purpose_becomes_numbers(form: Form, classes: int) -> None:
    frame = table()
    columns = read(frame)
    assert {one.purpose for one in columns.values()} == set(Purpose)
    target = TARGET if classes == 3 else TARGET % 2 if classes == 2 else TARGET * 1.5

    made = features.transformer(columns, form, classes=classes)
    found = dense(made.fit_transform(frame, target))

    assert len(found) == ROWS
    assert found.dtype.kind == "f"
    assert np.isfinite(found).all() == (form is Form.LINEAR)
    assert not np.isinf(found).any()
    unseen = frame.head(2).assign(colour="violet", town="nowhere", note="", when="no day", size=None)
    assert dense(made.transform(unseen)).shape == (2, found.shape[1])


def test_features_have_names() -> None:
    frame = table()[["size", "colour", "when"]]
    made = features.transformer(read(frame), Form.LINEAR)
    made.fit(frame, TARGET)
    names = list(made.get_feature_names_out())

    assert names[:2] == ["numbers__size", "numbers__missingindicator_size"]
    assert "categories__colour_red" in names
    assert "categories__colour_(missing)" in names
    assert "dates__when weekday" in names


def test_nothing_to_learn_from_is_said() -> None:
    frame = pd.DataFrame({"id": [f"u{at}" for at in range(50)], "one": 1})
    with pytest.raises(ValueError, match="No column is left to learn from: id has another value in almost every row"):
        features.transformer(read(frame), Form.TREES)


def test_numbers_of_many_kinds() -> None:
    frame = pd.DataFrame(
        {
            "text": ["1", " 2.5 ", "x"],
            "gap": pd.array([1, None, 3], dtype="Int64"),
            "span": pd.to_timedelta(["1h", None, "1D"]),
            "month": pd.PeriodIndex(["1970-02", "1970-03", None], freq="M"),
            "none": [np.inf, -np.inf, 1],
        }
    )
    expected = [[1, 1, 3600, 1, np.nan], [2.5, np.nan, np.nan, 2, np.nan], [np.nan, 3, 86400, np.nan, 1]]

    np.testing.assert_array_equal(steps.numbers(frame), expected)


def test_a_category_is_the_same_however_it_is_written() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan, 2.5], "b": ["x ", "", None]})

    assert steps.words(frame).tolist() == [["1", "x"], ["(missing)", "(missing)"], ["2.5", "(missing)"]]
    assert steps.words(pd.DataFrame({"a": [1, 2]})).tolist() == [["1"], ["2"]]


def test_moments_with_and_without_a_zone() -> None:
    frame = pd.DataFrame({"a": ["2026-03-01T01:30:00+02:00", "2026-02-28 23:30", None]})
    found = steps.moments(frame)

    np.testing.assert_array_equal(found[0], found[1])
    assert found[0, :6].tolist() == [2026, 2, 28, 5, 59, 23]
    assert np.isnan(found[2]).all()


def test_what_is_pickled_loads_without_us(tmp_path: Path) -> None:
    frame = table()
    made = features.transformer(read(frame), Form.TREES).fit(frame, TARGET)
    cloudpickle.register_pickle_by_value(steps)
    try:
        (tmp_path / "made.pkl").write_bytes(cloudpickle.dumps((made, frame.head())))
    finally:
        cloudpickle.unregister_pickle_by_value(steps)
    code = (
        "import pickle, sys\n"
        "sys.modules['jupyter_aml'] = None\n"
        "made, frame = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(made.transform(frame).shape[0])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "made.pkl")], capture_output=True, text=True, check=False
    )

    assert (run.returncode, run.stdout.strip()) == (0, "5"), run.stderr
