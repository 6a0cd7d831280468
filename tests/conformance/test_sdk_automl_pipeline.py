"""AutoML steps of pipelines through the unmodified SDK: DSL, YAML, what is handed on, reuse, cancelling, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from azure.ai.ml import Input, Output, automl, command, dsl, load_component, load_job
from azure.ai.ml.exceptions import UserErrorException
from azure.core.exceptions import HttpResponseError
from sklearn.datasets import load_wine

from jupyter_aml.commands import plain
from jupyter_aml.commands.scripts import forms

from . import lab as labs

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints

ENVIRONMENT = f"azureml:{labs.PLAIN}"
FAST = ["LogisticRegression", "DecisionTree"]
PREPARE = """
import pathlib, shutil, sys
raw, table = map(pathlib.Path, sys.argv[1:3])
lines = (raw / "data.csv").read_text().splitlines()
(table / "rows.csv").write_text("\\n".join([lines[0], *lines[1:]]))
(table / "MLTable").write_text(
    "paths:\\n- file: ./rows.csv\\ntransformations:\\n- read_delimited:\\n    delimiter: ','\\n    encoding: utf8\\n"
)
"""
SCORE = """
import json, pathlib, sys
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pd.read_csv(pathlib.Path(sys.argv[2], "data.csv"))
found = model.predict(frame.drop(columns="target"))
pathlib.Path(sys.argv[3], "right.json").write_text(json.dumps(float((found == frame["target"]).mean())))
"""
YAML = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: wine
inputs:
  raw: {type: uri_folder, path: ./wine}
  target: target
  trials: 2
outputs:
  model: {type: mlflow_model, mode: upload}
settings: {default_compute: serverless}
jobs:
  prepare:
    type: command
    command: python prepare.py ${{inputs.raw}} ${{outputs.table}}
    code: ./src
    environment: azureml:plain:1
    inputs: {raw: "${{parent.inputs.raw}}"}
    outputs: {table: {type: mltable}}
  train:
    type: automl
    task: classification
    primary_metric: auc_weighted
    target_column_name: ${{parent.inputs.target}}
    training_data: ${{parent.jobs.prepare.outputs.table}}
    n_cross_validations: 3
    limits: {timeout_minutes: 10, max_trials: "${{parent.inputs.trials}}"}
    training: {allowed_training_algorithms: [logistic_regression, decision_tree], enable_stack_ensemble: false}
    featurization: {column_name_and_types: {hue: Ignore}}
    outputs: {best_model: "${{parent.outputs.model}}"}
  score:
    type: command
    command: python score.py ${{inputs.model}} ${{inputs.raw}} ${{outputs.found}}
    code: ./src
    environment: azureml:plain:1
    inputs: {model: "${{parent.jobs.train.outputs.best_model}}", raw: "${{parent.inputs.raw}}"}
    outputs: {found: {type: uri_folder}}
"""


@pytest.fixture
def lab(installation: Path, home: Path, real_host: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[labs.Lab]:
    """The module's workspace with its host; its jobs go the same way through either door."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation))
    yield from labs.by_process(installation)


@pytest.fixture
def place(folder: Path) -> Path:
    """A folder with the table `wine` and the scripts `src`; the rows are of this test alone, so nothing is reused."""
    frame = load_wine(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"})
    (folder / "wine").mkdir()
    frame.assign(test=folder.parent.name).to_csv(folder / "wine" / "data.csv", index=False)
    (folder / "wine" / "MLTable").write_text(
        "paths:\n- file: ./data.csv\ntransformations:\n- read_delimited:\n    delimiter: ','\n    encoding: utf8\n"
    )
    (folder / "src").mkdir()
    (folder / "src" / "prepare.py").write_text(PREPARE, encoding="utf-8")
    (folder / "src" / "score.py").write_text(SCORE, encoding="utf-8")
    return folder


def prepare(place: Path, kind: str = "mltable") -> Any:
    return command(
        name="prepare", command="python prepare.py ${{inputs.raw}} ${{outputs.table}}", code=str(place / "src"),
        environment=ENVIRONMENT, inputs={"raw": Input(type="uri_folder")}, outputs={"table": Output(type=kind)},
    )  # fmt: skip


def score(place: Path) -> Any:
    return command(
        name="score", command="python score.py ${{inputs.model}} ${{inputs.raw}} ${{outputs.found}}",
        code=str(place / "src"), environment=ENVIRONMENT,
        inputs={"model": Input(type="mlflow_model"), "raw": Input(type="uri_folder")},
        outputs={"found": Output(type="uri_folder")},
    )  # fmt: skip


def searching(data: Any, *, trials: Any = 2, **more: Any) -> Any:
    """An AutoML step of the pipeline that is being built."""
    node = automl.classification(
        training_data=data, target_column_name=more.pop("target", "target"), primary_metric="AUC_weighted",
        n_cross_validations=3, outputs={"best_model": more.pop("output", Output(type="mlflow_model"))}, **more,
    )  # fmt: skip
    node.set_limits(timeout_minutes=10, max_trials=trials)
    node.set_training(allowed_training_algorithms=FAST, enable_stack_ensemble=False)
    return node


def whole(place: Path) -> Any:
    """Prepare, search, score."""
    preparing, scoring = prepare(place), score(place)

    @dsl.pipeline(default_compute="serverless", experiment_name="wine")
    def whole(raw, target, trials):
        prepared = preparing(raw=raw)
        train = searching(prepared.outputs.table, target=target, trials=trials, display_name="the search")
        scored = scoring(model=train.outputs.best_model, raw=raw)
        return {"model": train.outputs.best_model, "found": scored.outputs.found}

    return whole(raw=Input(type="uri_folder", path=str(place / "wine")), target="target", trials=2)


def bare(place: Path, **more: Any) -> Any:
    """A search alone."""

    @dsl.pipeline(default_compute="serverless", experiment_name="wine")
    def bare(table):
        train = searching(table, **more)  # noqa: F841 - the SDK names the step after it

    return bare(table=Input(type="mltable", path=str(place / "wine")))


def run(lab: labs.Lab, job: Any, status: str = "Completed") -> Any:
    ended = lab.end(lab.client.jobs.create_or_update(job).name)
    assert ended.status == status, said(lab, ended.name)
    return ended


def said(lab: labs.Lab, name: str) -> str:
    """What the pipeline and its search have said."""
    logs = [f"{name}/logs/azureml/executionlogs.txt", f"{name}_train/azureml-logs/automl.txt"]
    paths = [lab.entry.folder / "runs" / log for log in logs]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.exists())


def children(lab: labs.Lab, name: str) -> dict[str, Any]:
    return {child.name: child for child in lab.client.jobs.list(parent_job_name=name)}


def right(lab: labs.Lab, folder: Path, name: str) -> float:
    """The share of rows that a step `score` has predicted rightly."""
    lab.client.jobs.download(name, download_path=str(folder / name), output_name="found")
    (file,) = (folder / name).rglob("right.json")
    return float(json.loads(file.read_text()))


def test_a_search_takes_a_steps_table_and_hands_its_best_model_on(lab: labs.Lab, place: Path) -> None:
    job = whole(place)
    job.outputs.model = Output(type="mlflow_model", name="wine-model")

    ended = run(lab, job)

    assert right(lab, place, f"{ended.name}_scored") > 0.9
    search = lab.client.jobs.get(f"{ended.name}_train")
    assert (search.type, search.task_type, search.display_name) == ("automl", "Classification", "the search")
    assert search.target_column_name == "target"
    assert search.limits.max_trials == 2
    assert search.training.allowed_training_algorithms == FAST
    assert search.training_data.path == f"azureml://jobs/{ended.name}_prepared/outputs/table"
    held = children(lab, search.name)
    assert set(held) == {f"{search.name}_setup", *(f"{search.name}_{number}" for number in range(3))}
    assert search.properties["automl_best_child_run_id"] == f"{search.name}_2"
    assert {child.status for child in held.values()} == {"Completed"}
    model = lab.client.models.get("wine-model", label="latest")
    assert model.type == "mlflow_model"
    assert model.job_name == ended.name


def test_a_search_of_a_yaml_file_runs(lab: labs.Lab, place: Path) -> None:
    (place / "pipeline.yml").write_text(YAML, encoding="utf-8")

    ended = run(lab, load_job(place / "pipeline.yml"))

    assert right(lab, place, f"{ended.name}_score") > 0.9
    search = lab.client.jobs.get(f"{ended.name}_train")
    assert search.limits.max_trials == 2
    assert search.featurization.column_name_and_types == {"hue": "Ignore"}
    lab.client.jobs.download(ended.name, download_path=str(place / "kept"), output_name="model")
    assert list((place / "kept").rglob("MLmodel"))
    assert len(children(lab, search.name)) == 4


def test_a_pipeline_with_a_search_is_shown_and_submitted_again(lab: labs.Lab, place: Path) -> None:
    first = run(lab, whole(place))
    shown = forms.specification(plain.plain(lab.client.jobs.get(first.name)))
    assert shown["jobs"]["train"]["type"] == "automl"
    (place / "again.yml").write_text(forms.as_yaml(shown), encoding="utf-8")

    second = run(lab, load_job(place / "again.yml"))

    search = lab.client.jobs.get(f"{second.name}_train")
    assert search.properties["azureml.reusedrunid"] == f"{first.name}_train"


def test_a_step_with_a_table_and_a_name_for_its_model_needs_no_other(lab: labs.Lab, place: Path) -> None:
    table = Input(type="mltable", path=str(place / "wine"))

    @dsl.pipeline(default_compute="serverless", experiment_name="wine")
    def own():
        train = searching(table, output=Output(type="mlflow_model", name="own-model"))  # noqa: F841 - idem

    ended = run(lab, own())

    search = lab.client.jobs.get(f"{ended.name}_train")
    assert search.training_data.path.startswith("azureml://")
    shown = forms.specification(plain.plain(lab.client.jobs.get(ended.name)))["jobs"]["train"]
    assert shown["training_data"] == {"type": "mltable", "path": search.training_data.path}
    assert shown["outputs"] == {"best_model": {"type": "mlflow_model", "name": "own-model"}}
    assert lab.client.models.get("own-model", version="1").job_name == search.name


def test_a_finished_search_stands_for_the_same_over_the_same_data(lab: labs.Lab, place: Path) -> None:
    first = run(lab, bare(place))
    original = lab.client.jobs.get(f"{first.name}_train")

    second = run(lab, bare(place))

    taken = lab.client.jobs.get(f"{second.name}_train")
    assert taken.properties["azureml.reusedrunid"] == original.name
    assert taken.properties["automl_best_child_run_id"] == f"{original.name}_2"
    assert children(lab, taken.name) == {}
    lab.client.jobs.download(taken.name, download_path=str(place / "kept"), output_name="best_model")
    assert list((place / "kept").rglob("MLmodel"))


@pytest.mark.parametrize("change", ["settings", "data", "force"])
def test_another_search_is_made_anew(lab: labs.Lab, place: Path, change: str) -> None:
    first = run(lab, bare(place))
    job = bare(place, trials=1) if change == "settings" else None
    if change == "data":
        frame = pd.read_csv(place / "wine" / "data.csv")
        frame.iloc[5:].to_csv(place / "wine" / "data.csv", index=False)
    job = job or bare(place)
    job.settings.force_rerun = change == "force"

    second = run(lab, job)

    assert "azureml.reusedrunid" not in lab.client.jobs.get(f"{second.name}_train").properties
    assert children(lab, f"{second.name}_train")
    assert first.name != second.name


def test_searches_that_are_named_alike_keep_apart(lab: labs.Lab, place: Path) -> None:
    @dsl.pipeline(default_compute="serverless", experiment_name="wine")
    def alike(table):
        for trials in (1, 2):
            train = searching(table, trials=trials)  # noqa: F841 - the SDK names the steps train and train_1

    ended = run(lab, alike(table=Input(type="mltable", path=str(place / "wine"))))

    assert set(children(lab, ended.name)) == {f"{ended.name}_train", f"{ended.name}-train_1"}
    assert sorted(len(children(lab, name)) for name in children(lab, ended.name)) == [3, 4]


INNER = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json
type: pipeline
name: inner
inputs:
  table: {type: mltable}
outputs:
  model: {type: mlflow_model}
jobs:
  train:
    type: automl
    task: classification
    target_column_name: target
    training_data: ${{parent.inputs.table}}
    limits: {timeout_minutes: 10, max_trials: 2}
    training: {allowed_training_algorithms: [logistic_regression, decision_tree], enable_stack_ensemble: false}
    outputs: {best_model: "${{parent.outputs.model}}"}
"""


def test_a_search_inside_a_pipeline_component_runs(lab: labs.Lab, place: Path) -> None:
    (place / "inner.yml").write_text(INNER, encoding="utf-8")
    inner = load_component(place / "inner.yml")
    scoring = score(place)

    @dsl.pipeline(default_compute="serverless", experiment_name="wine")
    def outer(table, raw):
        found = inner(table=table)
        scored = scoring(model=found.outputs.model, raw=raw)
        return {"found": scored.outputs.found}

    path = str(place / "wine")
    ended = run(lab, outer(table=Input(type="mltable", path=path), raw=Input(type="uri_folder", path=path)))

    assert right(lab, place, f"{ended.name}_scored") > 0.9
    assert len(children(lab, f"{ended.name}_found_train")) == 4


def test_a_component_of_a_search_is_kept_but_takes_no_data(lab: labs.Lab, place: Path) -> None:
    (place / "search.yml").write_text("type: automl\nname: search\nversion: 1\ntask: classification\n")
    lab.client.components.create_or_update(load_component(place / "search.yml"))

    held = lab.client.components.get("search", "1")

    assert (held.type, held.task) == ("automl", "classification")
    with pytest.raises(UserErrorException, match="unexpected keyword argument 'training_data'"):
        held(training_data=Input(type="mltable", path=str(place / "wine")))


def test_a_pipeline_that_is_cancelled_ends_its_search_and_the_trials(lab: labs.Lab, place: Path) -> None:
    name = lab.client.jobs.create_or_update(bare(place, trials=500)).name
    search = f"{name}_train"
    labs.wait_for(lambda: f"{search}_1" in children(lab, search), "the second trial")

    lab.client.jobs.begin_cancel(name).wait()

    assert lab.end(name).status == "Canceled"
    assert lab.end(search).status == "Canceled"
    assert {child.status for child in children(lab, search).values()} <= {"Completed", "Canceled", "Failed"}


def test_a_search_that_fails_fails_the_pipeline_with_its_reason(lab: labs.Lab, place: Path) -> None:
    ended = run(lab, bare(place, target="colour"), status="Failed")

    found = lab.error(ended.name)["message"]
    assert f"The step 'train' ({ended.name}_train) failed" in found
    assert "There is no column colour" in found


def refused(lab: labs.Lab, job: Any) -> str:
    with pytest.raises(HttpResponseError) as caught:
        lab.client.jobs.create_or_update(job)
    return str(caught.value)


def test_a_table_that_is_no_table_is_refused(lab: labs.Lab, place: Path) -> None:
    preparing = prepare(place, "uri_file")

    @dsl.pipeline(default_compute="serverless")
    def odd(raw):
        prepared = preparing(raw=raw)
        train = searching(prepared.outputs.table)  # noqa: F841 - the SDK names the step after it

    found = refused(lab, odd(raw=Input(type="uri_folder", path=str(place / "wine"))))

    assert "properties.jobs.train.training_data is ${{parent.jobs.prepared.outputs.table}}" in found
    assert "which is of type uri_file; expected mltable" in found
    assert "Give the output 'table' of the step 'prepared' the type mltable" in found


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("outputs.table}}\n    n_", "outputs.rows}}\n    n_", "names the output of the step 'prepare' 'rows'"),
        ("jobs.prepare.outputs", "jobs.prepared.outputs", "names the step 'prepared', which does not exist"),
        ("outputs.best_model}}", "outputs.model}}", "names the output of the step 'train' 'model'"),
        ("${{parent.inputs.target}}", "${{parent.inputs.goal}}", "names the input of the pipeline 'goal'"),
        ("${{parent.inputs.target}}", "${{parent.inputs.raw}}", "target_column_name is data"),
        ("${{parent.jobs.prepare.outputs.table}}", "${{parent.inputs.target}}", "so a path or an asset is expected"),
        ("trials: 2", "trials: many", "limits.max_trials is 'many'; expected a whole number"),
        ("n_cross_validations: 3", "n_cross_validations: 1", "n_cross_validations is 1; expected 2 at least"),
    ],
)
def test_a_wrong_binding_or_setting_is_refused(
    lab: labs.Lab, place: Path, before: str, after: str, sentence: str
) -> None:
    assert before in YAML
    (place / "pipeline.yml").write_text(YAML.replace(before, after), encoding="utf-8")

    assert sentence in refused(lab, load_job(place / "pipeline.yml"))
