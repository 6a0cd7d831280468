"""The best model's training as a command and as a notebook, run of an MLTable where jupyter_aml cannot be imported."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from sklearn.datasets import load_wine

from jupyter_aml.automl import reading, working
from jupyter_aml.automl.code import writing
from jupyter_aml.automl.family import Done, Order, Proposal
from jupyter_aml.automl.metrics import CLASSIFICATION
from jupyter_aml.automl.tabular import FAMILY

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of pickles
TABLE = """paths:
- file: ./wine.csv
transformations:
- read_delimited: {delimiter: ';', header: all_files_same_headers}
- drop_columns: [hue]
- convert_column_types: [{columns: seen, column_type: datetime}]
"""
ABSENT = "import sys\nsys.modules['jupyter_aml'] = None\n"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an MLTable, and the end of a search in it."""
    folder = tmp_path_factory.mktemp("search")
    table, place, trial, out = (folder / name for name in ("table", "prepared", "trial", "best"))
    for one in (table, place, trial, out):
        one.mkdir()
    frame = load_wine(as_frame=True).frame
    frame["seen"] = (pd.Timestamp("2024-03-01") + pd.to_timedelta(frame.index, unit="h")).strftime("%d %b %Y %H:%M")
    frame.to_csv(table / "wine.csv", index=False, sep=";")
    (table / "MLTable").write_text(TABLE)
    details = {
        "targetColumnName": "target", "primaryMetric": "AUCWeighted", "validationDataSize": 0.3,
        "trainingSettings": {"enableStackEnsemble": False, "enableModelExplainability": False},
        "trainingData": {"jobInputType": "mltable", "uri": "azureml:wine:3"},
    }  # fmt: skip
    FAMILY.prepare(Order(CLASSIFICATION, details, {"training": reading.table(table)}), place)
    proposal = Proposal(0, "LightGBM", {"num_leaves": 7})
    attempt = FAMILY.attempt(
        Order(CLASSIFICATION, details), place, proposal, trial,
        threads=1, until=time.monotonic() + 60, told=lambda *_: None,
    )  # fmt: skip
    best = FAMILY.finish(
        Order(CLASSIFICATION, details), place, [Done(proposal, attempt, trial)], out, time.monotonic() + 60
    )
    (folder / "score").write_text(repr(best.score))
    (folder / "absent").mkdir()
    (folder / "absent" / "sitecustomize.py").write_text(ABSENT)
    return folder


def without(folder: Path) -> dict[str, str]:
    """The variables of a process that cannot import jupyter_aml, and logs into the folder."""
    ways = {"PYTHONPATH": str(folder / "absent"), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    return {**os.environ, **ways, "MLFLOW_DISABLE_TELEMETRY": "true"}


def saved(folder: Path) -> Any:
    with (folder / "best" / "model" / "model.pkl").open("rb") as file:
        return pickle.load(file)


def test_the_command_logs_a_model_that_predicts_the_same(done: Path, tmp_path: Path) -> None:
    script = done / "best" / writing.FOLDER / "script.py"
    table = str(done / "table")
    environment = without(done)

    ran = subprocess.run(
        [sys.executable, str(script), "--training_dataset_uri", table],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    load = (
        "import mlflow, sys\n"
        "run = mlflow.search_logged_models(output_format='list')[0]\n"
        "model = mlflow.sklearn.load_model(run.model_uri)\n"
        "frame = __import__('pandas').read_pickle(sys.argv[1])\n"
        "print(model.predict(frame).tolist())"
    )
    features = reading.table(done / "table").drop(columns="target")
    features.to_pickle(tmp_path / "features.pkl")
    told = subprocess.run(
        [sys.executable, "-c", load, str(tmp_path / "features.pkl")],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == saved(done).predict(features).tolist()
    assert ran.stdout.startswith("{'AUC_weighted': ")
    assert eval(ran.stdout)["AUC_weighted"] == pytest.approx(float((done / "score").read_text()), abs=1e-9)
    absent = [sys.executable, str(script), "--training_dataset_uri", "azureml:wine:3"]
    asked = subprocess.run(absent, capture_output=True, text=True, env=environment, check=False)
    assert "azureml:wine:3 is not on this machine; give the path of a copy of it." in asked.stderr


def test_the_notebook_makes_the_same_model(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(done / "best" / writing.FOLDER / "script_run_notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    for name, value in without(done).items():
        monkeypatch.setenv(name, value)
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    assert 'training_dataset_uri = "azureml:wine:3"' in parameters.source
    parameters.source = f"training_dataset_uri = {str(done / 'table')!r}"
    asked = [f"model.predict_proba(X).tofile({str(tmp_path / 'it')!r})", "import jupyter_aml"]
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in asked]

    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}, allow_errors=True).execute()

    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    errors = [output for output in outputs if output.output_type == "error"]
    assert [error.ename for error in errors] == ["ModuleNotFoundError"], errors[0].traceback
    assert "jupyter_aml" in errors[0].evalue
    expected = saved(done).predict_proba(reading.table(done / "table").drop(columns="target"))
    np.testing.assert_allclose(np.fromfile(tmp_path / "it").reshape(expected.shape), expected, atol=1e-6)
    shown = "".join(str(output.get("data", "")) for output in outputs)
    assert "AUC_weighted" in shown
    job = notebook.cells[-len(asked) - 1]
    assert 'Input(type="mltable", path="azureml:wine:3")' in job.source
    assert "python script.py --training_dataset_uri ${{inputs.training_dataset_uri}}" in job.source


def test_the_code_lies_among_the_outputs(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = {"number": 0, "algorithm": "LightGBM", "parameters": {"num_leaves": 7}}
    attempt = {"status": "Completed", "score": 0.9, "loss": 0.1}
    details = {"targetColumnName": "target", "trainingSettings": {"enableModelExplainability": False}}
    told = {"role": working.FINISH, "task": CLASSIFICATION, "details": details, "seconds": 60, "seed": 0}
    told |= {"done": [{"proposal": proposal, "attempt": attempt}], "until": time.time() + 60}
    monkeypatch.setenv(working.VARIABLE, json.dumps(told))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best").mkdir()

    working.main(["--prepared", str(done / "prepared"), "--trial", f"0={done / 'trial'}", "--out", "best"])

    assert (tmp_path / "outputs" / "mlflow-model" / "MLmodel").is_file()
    found = sorted(path.name for path in (tmp_path / "outputs" / "generated_code").iterdir())
    assert found == ["script.py", "script_run_notebook.ipynb"]


def test_a_model_that_cannot_be_written_as_code_is_told_of(tmp_path: Path) -> None:
    def plan() -> Any:
        raise TypeError("no such model")

    said = writing.write(tmp_path / "code", plan)

    assert said == ["The model's training is not written as code: TypeError: no such model"]
    assert not (tmp_path / "code").exists()
