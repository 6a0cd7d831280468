"""Predictions as the rows of predictions.csv, whatever a model gives."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.agent import parallel_mlflow as mlflows

CASES: list[tuple[Any, list[Any]]] = [
    (np.array([1, 2]), [1, 2]),
    (np.array([0.1, 1e-7]), [0.1, 1e-7]),
    (np.array([True, False]), ["True", "False"]),
    (np.array(["a", 'b,"c"']), ["a", 'b,"c"']),
    (["x", "y z"], ["x", "y z"]),
    (np.array([[0.25, 0.75], [1.0, 0.0]]), [[0.25, 0.75], [1.0, 0.0]]),
    ([[1, 2], [3]], [[1, 2], [3]]),
    ([{"label": "a", "p": 0.5}, {"label": "b", "p": 1.0}], [{"label": "a", "p": 0.5}, {"label": "b", "p": 1.0}]),
    (pd.Series([3, 4]), [3, 4]),
    (pd.DataFrame({"p": [0.5, 0.25]}), [0.5, 0.25]),
    (pd.DataFrame({"p": [0.5, 0.25], "q": ["a", "b"]}), [{"p": 0.5, "q": "a"}, {"p": 0.25, "q": "b"}]),
    ({"p": np.array([1, 2]), "q": np.array([3, 4])}, [{"p": 1, "q": 3}, {"p": 2, "q": 4}]),
]


@pytest.fixture(params=["polars", "pandas"])
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "pandas":
        monkeypatch.setitem(sys.modules, "polars", None)
    return str(request.param)


@pytest.mark.parametrize(("predicted", "meant"), CASES)
def test_rows_can_be_read_again(writer: str, predicted: Any, meant: list[Any]) -> None:
    del writer
    file = io.BytesIO()
    mlflows.write(file, 7, mlflows.cells(predicted), "my file, 1.csv")
    found = list(csv.reader(io.StringIO(file.getvalue().decode())))

    assert [(row[0], row[2]) for row in found] == [("7", "my file, 1.csv"), ("8", "my file, 1.csv")]
    plain = [
        value if isinstance(value, str) else json.loads(text) for value, (_, text, _) in zip(meant, found, strict=True)
    ]
    assert plain == meant


def test_a_picture_has_no_number(writer: str) -> None:
    del writer
    file = io.BytesIO()
    mlflows.write(file, None, mlflows.cells(np.array([0.5])), "p.png")

    assert file.getvalue() == b"0.5,p.png\n"
