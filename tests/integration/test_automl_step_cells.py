"""AutoML steps in a notebook: the pipeline cell, its other forms, its card, and running it again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_wine

from .conftest import Lab, Notebook

SEARCH = """train = automl.classification(
    training_data=table, target_column_name="target", primary_metric="accuracy", n_cross_validations=3,
    outputs={"best_model": Output(type="mlflow_model")},
)
train.set_limits(timeout_minutes=10, max_trials=2)
train.set_training(allowed_training_algorithms=["LogisticRegression", "DecisionTree"], enable_stack_ensemble=False)
"""
HAND_ON = 'return {"model": train.outputs.best_model}'


@pytest.fixture
def book(notebook: Notebook) -> Notebook:
    """A notebook beside the table `wine`, whose rows no other test has."""
    Path("wine").mkdir()
    frame = load_wine(as_frame=True).frame.assign(test=Path.cwd().parent.name)
    frame.to_csv("wine/data.csv", index=False)
    Path("wine/MLTable").write_text(
        "paths:\n- file: ./data.csv\ntransformations:\n- read_delimited:\n    delimiter: ','\n    encoding: utf8\n"
    )
    return notebook


def children(lab: Lab, name: str) -> dict[str, Any]:
    return {one.name: one for one in lab.client.jobs.list(parent_job_name=name)}


def test_a_cell_with_a_search_runs_and_runs_again_from_there(book: Notebook, lab: Lab) -> None:
    shown = book.cell(f"%%aml pipeline --input table=./wine --register model=wine --wait --var flow\n{SEARCH}{HAND_ON}")
    name = book.shell.user_ns["flow"].name

    assert "train" in shown
    assert lab.client.models.get("wine", version="1").type == "mlflow_model"
    assert len(children(lab, f"{name}_train")) == 4
    assert "The pipeline has ended: 1 done." in book.cell("%aml job logs {flow}")

    book.cell("%aml job rerun {flow} --from train --wait --var again")
    again = book.shell.user_ns["again"].name
    assert len(children(lab, f"{again}_train")) == 4

    book.cell("%aml job rerun {flow} --wait --var taken")
    taken = lab.client.jobs.get(f"{book.shell.user_ns['taken'].name}_train")
    assert taken.properties["azureml.reusedrunid"] in {f"{name}_train", f"{again}_train"}


@pytest.mark.parametrize("form", ["yaml", "sdk"])
def test_a_cell_with_a_search_written_down_is_one_that_the_sdk_accepts(book: Notebook, lab: Lab, form: str) -> None:
    from azure.ai.ml import load_job

    text = book.value(f"%%aml pipeline wine --input table=./wine --as {form}\n{SEARCH}{HAND_ON}").entity

    if form == "sdk":
        text = text.partition('"""\\\n')[2].partition('"""')[0]
    assert "best_model: ${{parent.outputs.model}}" in text
    assert lab.client.jobs.validate(load_job(io.StringIO(text))).passed


def test_a_wrong_setting_of_a_search_is_refused_with_its_line(book: Notebook) -> None:
    body = SEARCH.replace("n_cross_validations=3", "n_cross_validations=1")

    shown = book.refused(f"%%aml pipeline wine --input table=./wine\n{body}")

    assert "Line 2 of the cell: " in shown
    assert "n_cross_validations is 1; expected 2 at least" in shown
