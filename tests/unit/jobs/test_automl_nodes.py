"""AutoML steps on the wire: what their settings become when they are bound, and what is refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.jobs import records, submit
from jupyter_aml.local.jobs.conducted import automl as automl_job
from jupyter_aml.local.jobs.conducted import reuse
from jupyter_aml.local.jobs.conducted.performance import Outcome
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.pipelines import automl, graph, steps

from .test_pipelines import KEPT, Play, component, value

TABLE = {"jobInputType": "mltable", "uri": "azureml://datastores/workspaceblobstore/paths/rows/"}

BOUND = "${{parent.inputs.table}}"


def search(**more: Any) -> dict[str, Any]:
    """A node as the SDK sends it."""
    return {
        "type": "automl", "task": "classification", "training_data": BOUND,
        "target_column_name": "y", "primary_metric": "accuracy", "n_cross_validations": 3,
        "limits": {"timeout_minutes": 10, "max_trials": 2},
        "outputs": {"best_model": {"job_output_type": "mlflow_model"}}, **more,
    }  # fmt: skip


def made(body: dict[str, Any], **inputs: dict[str, Any]) -> dict[str, Any]:
    """The job that a node is, in a pipeline with these inputs."""
    node = graph.Node("train", automl.KIND, body, automl.declared("train", body))
    return steps.job_of(node, steps.Wiring({"inputs": {"table": TABLE, **inputs}}, lambda _: dict(steps.PENDING)))


def literal(text: str) -> dict[str, Any]:
    return {"jobInputType": "literal", "value": text}


def ask(wire: Any, node: dict[str, Any], **inputs: dict[str, Any]) -> tuple[int, Any]:
    """Submit a pipeline of one step."""
    body = {"jobType": "Pipeline", "jobs": {"train": node}, "inputs": {"table": TABLE, **inputs}}
    status, answer = wire.ask("PUT", "/jobs/pipe", {"properties": body})
    return status, answer.get("error", answer)


def test_a_setting_that_is_bound_to_an_input_has_its_type() -> None:
    node = search(
        target_column_name="${{parent.inputs.target}}",
        positive_label="${{parent.inputs.label}}",
        n_cross_validations="${{parent.inputs.folds}}",
        limits={"timeout_minutes": "${{parent.inputs.minutes}}", "exit_score": "${{parent.inputs.enough}}"},
        training={"enable_stack_ensemble": "${{parent.inputs.stack}}", "allowed_training_algorithms": ["light_gbm"]},
        featurization={"column_name_and_types": {"some_column": "${{parent.inputs.kind}}"}},
    )

    found = made(
        node, target=literal("5"), label=literal("1"), folds=literal("4"), minutes=literal("30"),
        enough=literal("0.75"), stack=literal("False"), kind=literal("Categorical"),
    )["taskDetails"]  # fmt: skip

    assert found["targetColumnName"] == "5"
    assert found["positiveLabel"] == "1"
    assert found["nCrossValidations"] == {"mode": "Custom", "value": 4}
    assert found["limitSettings"] == {"timeout": "PT30M", "exitScore": 0.75}
    assert found["trainingSettings"] == {"enableStackEnsemble": False, "allowedTrainingAlgorithms": ["LightGBM"]}
    assert found["featurizationSettings"] == {"columnNameAndTypes": {"some_column": "Categorical"}}


def test_a_setting_that_is_bound_to_what_was_left_out_is_left_out() -> None:
    found = made(search(positive_label="${{parent.inputs.label}}"))

    assert "positiveLabel" not in found["taskDetails"]


def test_a_setting_that_a_step_will_give_waits_for_it() -> None:
    node = search(
        target_column_name="${{parent.jobs.look.outputs.target}}",
        limits={"max_trials": "${{parent.jobs.look.outputs.trials}}"},
    )

    found = made(node)["taskDetails"]

    assert found["targetColumnName"] == "x"
    assert found["limitSettings"] == {}


def test_what_a_job_has_beside_its_task_is_the_steps() -> None:
    found = made(
        search(
            compute="${{parent.inputs.where}}", display_name="the search", tags={"a": 1}, properties={"b": "2"},
            identity={"type": "user_identity"}, queue_settings={"job_tier": "standard"},
            resources={"instance_count": 2, "instance_type": "big"}, experiment_name="another",
        ),
        where=literal("many"),
    )  # fmt: skip

    assert found["computeId"] == "many"
    assert (found["displayName"], found["tags"]) == ("the search", {"a": "1"})
    assert found["properties"] == {"azureml.moduleName": "AutoML classification", "StepName": "train", "b": "2"}
    assert found["identity"] == {"identityType": "UserIdentity"}
    assert found["queueSettings"] == {"jobTier": "standard"}
    assert found["resources"] == {"instanceCount": 2, "instanceType": "big"}
    assert found["taskDetails"]["trainingData"] == TABLE
    assert found["outputs"] == {"best_model": {"jobOutputType": "mlflow_model"}}
    assert not {"inputs", "experimentName"} & set(found)


def test_the_best_model_is_there_though_it_is_not_named() -> None:
    assert made(search(outputs={}))["outputs"] == {"best_model": {"jobOutputType": "mlflow_model"}}


@pytest.mark.parametrize(
    ("node", "inputs", "sentence"),
    [
        (search(task="clasification"), {}, "jobs.train.task is 'clasification'; expected one of classification,"),
        (search(outputs={"model": {}}), {}, "jobs.train.outputs.model is none that AutoML gives; expected best_model"),
        (search(training_data=None), {}, "jobs.train.training_data is missing"),
        (search(training_data="{'path'"), {}, "jobs.train.training_data is '{'path''; the component declares"),
        (search(training_data="rows.csv"), {}, "so a path or an asset is expected"),
        (search(), {"table": {**TABLE, "jobInputType": "mlflow_model"}}, "is of type mlflow_model; expected mltable"),
        (search(), {"table": {**TABLE, "jobInputType": "uri_file"}}, "which is of type uri_file; expected mltable"),
        (search(positive_label=BOUND), {}, "jobs.train.positive_label is data (azureml://"),
        (search(limits={"max_trials": "${{parent.inputs.no}}"}), {}, "jobs.train.limits.max_trials names the input of"),
        (search(test_data="${{parent.jobs.train.outputs.best_model}}"), {}, "which is of type mlflow_model"),
        (search(primary_metric="r2_score"), {}, "Step 'train': properties.taskDetails cannot be: 'R2Score' is no"),
        (search(compute="nowhere"), {}, "The compute 'nowhere' was not found"),
    ],
)  # fmt: skip
def test_a_wrong_step_is_refused(wire: Any, node: Any, inputs: Any, sentence: str) -> None:
    status, error = ask(wire, node, **inputs)

    assert status in {400, 404}
    assert sentence in error["message"]
    with wire.workspace.database.read() as reader:
        assert records.get(reader, "pipe") is None


def test_a_search_begins_when_its_table_is_there_and_hands_its_model_on(wire: Any) -> None:
    wire.environment()
    prepare = component(wire, "prepare", {}, {"table": {"type": "mltable"}})
    score = component(wire, "score", {"model": {"type": "mlflow_model"}}, {})
    play = Play(
        wire,
        {
            "score": {"componentId": score, "inputs": {"model": value("${{parent.jobs.train.outputs.best_model}}")}},
            "train": search(training_data="${{parent.jobs.prepare.outputs.table}}"),
            "prepare": {"componentId": prepare},
        },
    )

    assert play.step() is None
    assert play.open() == ["prepare"]
    play.step(play.end("prepare", table={"uri": KEPT, "type": "mltable"}))
    assert play.open() == ["train"]
    table = play.body("train")["taskDetails"]["trainingData"]
    assert table == {"jobInputType": "mltable", "uri": "azureml://jobs/pipe_prepare/outputs/table"}
    play.step(play.end("train", best_model={"uri": KEPT, "type": "mlflow_model"}))
    assert play.body("score")["inputs"]["model"]["uri"] == "azureml://jobs/pipe_train/outputs/best_model"


def test_a_step_whose_name_a_child_of_a_search_may_bear_is_called_otherwise(wire: Any) -> None:
    inputs = {"table": TABLE}
    play = Play(wire, {"train": search(), "train_0": search(), "trainer": search()}, inputs=inputs)

    play.step()

    assert set(play.conductor.open()) == {"pipe_train", "pipe-train_0", "pipe_trainer"}


def test_a_condition_decides_over_a_search(wire: Any) -> None:
    block = {"type": "if_else", "condition": "${{parent.inputs.on}}", "true_block": "${{parent.jobs.train}}"}
    jobs = {"decide": block, "train": search()}

    on = Play(wire, jobs, inputs={"table": TABLE, "on": literal("true")})
    on.step()

    assert on.open() == ["train"]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_search_that_was_stopped_stands_for_no_other(wire: Any, stopped: bool) -> None:
    rows(wire)
    play = Play(wire, {"train": search()}, inputs={"table": TABLE})
    play.step()
    if stopped:
        with wire.workspace.database.write() as transaction:
            submit.merge(transaction, records.find(transaction, "pipe_train"), {"tags": {automl_job.STOP: "now"}}, 2.0)

    assert play.step(play.end("train", best_model={"uri": TABLE["uri"], "type": "mlflow_model"})) == Outcome()

    with wire.workspace.database.read() as reader:
        mark = str(records.find(reader, "pipe_train").state["fingerprint"])
        assert (reuse.donor(wire.workspace, reader, mark) is None) == stopped


def rows(wire: Any) -> Path:
    """The folder of the table, with its file MLTable."""
    folder: Path = wire.workspace.blobs.path(f"azureml-blobstore-{wire.workspace.entry.id}") / "rows"
    folder.mkdir(parents=True)
    (folder / "MLTable").write_text("paths: []\n")
    return folder


def test_the_work_of_a_search_is_its_settings_and_its_data(wire: Any) -> None:
    folder = rows(wire)

    def mark(body: dict[str, Any]) -> str:
        with wire.workspace.database.read() as reader:
            return reuse.mark(wire.workspace, reader, steps.work(body))

    first = mark(made(search()))
    assert first
    assert mark(made(search(display_name="another", compute="local"))) == first
    assert mark(made(search(limits={"timeout_minutes": 20, "max_trials": 2}))) != first
    assert mark(made(search(validation_data=BOUND))) != first
    (folder / "MLTable").write_text("paths: [{file: ./a.csv}]\n")
    assert mark(made(search())) != first


def test_a_search_that_stands_for_another_tells_what_was_best(wire: Any) -> None:
    play = Play(wire, {"train": search()}, inputs={"table": TABLE})
    play.step()
    with wire.workspace.database.write() as transaction:
        held = records.find(transaction, "pipe_train")
    held.body["properties"] |= {"automl_best_child_run_id": "pipe_train_2", "score": "0.9", "other": "x"}

    assert held.status == Status.NOT_STARTED
    assert reuse.properties(held) == {
        "azureml.isreused": "true", "azureml.reusedrunid": "pipe_train",
        "automl_best_child_run_id": "pipe_train_2", "score": "0.9",
    }  # fmt: skip
