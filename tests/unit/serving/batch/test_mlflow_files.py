"""Files that MLflow models score: in chunks where rows are known to be independent, else as a whole."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from jupyter_aml.agent import parallel_frames, parallel_mlflow

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints
CHUNK, ROWS = 100, 350


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_frames, "ROWS", CHUNK)


@pytest.fixture
def data(tmp_path: Path) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=ROWS), "b": draw.random(ROWS), "kind": draw.choice(["x", "y"], ROWS)})
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame[["a", "b"]].to_csv(tmp_path / "numbers.csv", index=False)
    frame[["a", "b"]].to_parquet(tmp_path / "numbers.parquet", index=False)
    return frame


def scored(scorer: parallel_mlflow.Scorer, *paths: Path) -> list[list[str]]:
    file = io.BytesIO()
    count = scorer.score([str(path) for path in paths]).write_rows(file)
    found = list(csv.reader(io.StringIO(file.getvalue().decode())))
    assert len(found) == count
    return found


def kinds(frame: pd.DataFrame) -> Any:
    columns = ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("k", OneHotEncoder(), ["kind"])])
    return make_pipeline(columns, LogisticRegression()).fit(frame, np.where(frame["a"] > 0, "yes", "no"))


def numbers(model: Any) -> Callable[[pd.DataFrame], Any]:
    return lambda frame: model.fit(frame[["a", "b"]], (frame["a"] > 0).astype(int))


@pytest.mark.parametrize(
    ("fit", "by_rows"),
    [
        (kinds, True),
        (numbers(LogisticRegression()), True),
        (numbers(LinearRegression()), True),
        (numbers(RandomForestClassifier(5, random_state=0)), True),
        (numbers(KNeighborsClassifier(algorithm="brute")), False),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_chunks_give_what_the_whole_file_gives(
    tmp_path: Path, data: pd.DataFrame, fit: Callable[[pd.DataFrame], Any], by_rows: bool, signed: bool
) -> None:
    import mlflow

    model = fit(data)
    own = data if "kind" in getattr(model, "feature_names_in_", []) else data[["a", "b"]]
    signature = mlflow.models.infer_signature(own, model.predict(own)) if signed else None
    mlflow.sklearn.save_model(
        model, tmp_path / "m", signature=signature, serialization_format="cloudpickle", pip_requirements=["mlflow"]
    )
    scorer = parallel_mlflow.Scorer(str(tmp_path / "m"))
    files = ["x.csv"] if len(own.columns) > 2 else ["numbers.csv", "numbers.parquet"]
    expected = mlflow.pyfunc.load_model(str(tmp_path / "m")).predict(own)

    assert scorer._row_by_row is by_rows
    for name in files:
        found = scored(scorer, tmp_path / name)
        assert [(row[0], row[2]) for row in found] == [(str(number), name) for number in range(ROWS)]
        told = [row[1] for row in found]
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(np.array(told, float), expected, rtol=1e-9)
        else:
            assert told == [str(one) for one in expected]


def test_a_model_of_unknown_kind_gets_whole_files(tmp_path: Path, data: pd.DataFrame) -> None:
    import mlflow

    class Centred(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            del context, params
            return model_input["a"] - model_input["a"].mean()

    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Centred(), pip_requirements=["mlflow"])
    scorer = parallel_mlflow.Scorer(str(tmp_path / "m"))
    found = np.array([row[1] for row in scored(scorer, tmp_path / "numbers.csv")], float)

    assert not scorer._row_by_row
    np.testing.assert_allclose(found, data["a"] - data["a"].mean(), rtol=1e-9)


def test_a_column_of_another_type_is_told_by_its_name(tmp_path: Path, data: pd.DataFrame) -> None:
    import mlflow

    model = numbers(LogisticRegression())(data)
    signature = mlflow.models.infer_signature(data[["a", "b"]], model.predict(data[["a", "b"]]))
    mlflow.sklearn.save_model(
        model, tmp_path / "m", signature=signature, serialization_format="cloudpickle", pip_requirements=["mlflow"]
    )
    scorer = parallel_mlflow.Scorer(str(tmp_path / "m"))
    (tmp_path / "bad.parquet").unlink(missing_ok=True)
    pd.DataFrame({"a": ["x"], "b": [1.0]}).to_parquet(tmp_path / "bad.parquet")

    with pytest.raises(mlflow.exceptions.MlflowException, match="column a"):
        scored(scorer, tmp_path / "bad.parquet")
    with pytest.raises(ValueError, match=r"File type 'txt' is not supported"):
        scorer.score([str(tmp_path / "a.txt")])


@pytest.mark.parametrize("kind", ["float64", "float32", "int64"])
def test_a_model_of_numbers_is_scored_without_mlflow(tmp_path: Path, data: pd.DataFrame, kind: str) -> None:
    import mlflow

    table = pd.DataFrame({name: (data[name] * 9).astype(kind) for name in ("a", "b")})
    model = RandomForestClassifier(5, random_state=0).fit(table, (data["a"] > 0).astype(int))
    signature = mlflow.models.infer_signature(table, model.predict(table))
    mlflow.sklearn.save_model(
        model, tmp_path / "m", signature=signature, serialization_format="cloudpickle", pip_requirements=["mlflow"]
    )
    table.to_parquet(tmp_path / "x.parquet", index=False)
    script = (
        "import io, sys\nfrom jupyter_aml.agent import parallel_mlflow\nfile = io.BytesIO()\n"
        "parallel_mlflow.Scorer(sys.argv[1]).score(sys.argv[2:]).write_rows(file)\n"
        "assert 'mlflow' not in sys.modules\nprint(file.getvalue().decode(), end='')"
    )

    command = [sys.executable, "-c", script, str(tmp_path / "m"), str(tmp_path / "x.parquet")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)

    found = [line.split(",") for line in ran.stdout.splitlines()]
    assert [int(line[1]) for line in found] == model.predict(table).tolist()


def test_columns_in_another_order_are_put_in_the_models(tmp_path: Path, data: pd.DataFrame) -> None:
    import mlflow

    table = data[["a", "b"]]
    model = LogisticRegression().fit(table, (data["a"] > 0).astype(int))
    signature = mlflow.models.infer_signature(table, model.predict(table))
    mlflow.sklearn.save_model(
        model, tmp_path / "m", signature=signature, serialization_format="cloudpickle", pip_requirements=["mlflow"]
    )
    table[["b", "a"]].assign(more=1.5).to_csv(tmp_path / "turned.csv", index=False)

    found = scored(parallel_mlflow.Scorer(str(tmp_path / "m")), tmp_path / "turned.csv")

    assert [int(row[1]) for row in found] == model.predict(table).tolist()
