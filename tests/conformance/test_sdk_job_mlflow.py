"""MLflow and the SDK inside command jobs: metrics, artifacts, models, autolog, child runs, assets made from within."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, Output
from azure.ai.ml.entities import Data, Model

from .lab import Lab, wait_for

ONE_DOOR = pytest.mark.parametrize("lab", ["process"], indirect=True)
"""For what happens in the job alone and takes seconds: a job's own door is HTTP, whoever submitted it."""


@pytest.fixture
def cancer(folder: Path) -> Path:
    """The clinical measurements of scikit-learn's breast cancer set as CSV."""
    from sklearn.datasets import load_breast_cancer

    path = folder / "cancer.csv"
    load_breast_cancer(as_frame=True).frame.to_csv(path, index=False)
    return path


@pytest.fixture
def tracking(lab: Lab) -> Iterator[Any]:
    """MLflow's own client outside of the job, where the workspace says that tracking is."""
    import json

    from mlflow.tracking import MlflowClient

    from jupyter_aml.local.authz import tokens

    store = lab.service.store
    wait_for((store.home / "host" / "host.json").exists, "the host's address")
    port = json.loads((store.home / "host" / "host.json").read_text(encoding="utf-8"))["port"]
    token = tokens.issue(store, tokens.local_identity(store), audience="jupyter_aml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_TOKEN", token)
        yield MlflowClient(f"http://127.0.0.1:{port}/mlflow/v2.0{lab.entry.arm_id}")


def test_what_a_script_logs_is_in_the_run_that_bears_the_jobs_name(lab: Lab, tracking: Any) -> None:
    job = lab.run(
        """
        import mlflow
        mlflow.log_param("depth", 3)
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.set_tag("stage", "first")
        mlflow.log_text("hello", "notes/hello.txt")
        """,
        experiment_name="logged",
    )

    run = tracking.get_run(job.name)
    assert run.data.params["depth"] == "3"
    assert run.data.metrics["loss"] == pytest.approx(1 / 3)
    assert run.data.tags["stage"] == "first"
    assert run.info.status == "FINISHED"
    assert [point.step for point in tracking.get_metric_history(job.name, "loss")] == [0, 1, 2]
    assert tracking.get_experiment(run.info.experiment_id).name == "logged"
    assert [one.path for one in tracking.list_artifacts(job.name, "notes")] == ["notes/hello.txt"]


def test_artifacts_are_downloaded_with_the_job(lab: Lab, folder: Path) -> None:
    job = lab.run("import mlflow; mlflow.log_text('hello', 'notes/hello.txt')")

    lab.client.jobs.download(job.name, download_path=folder / "down")

    (found,) = (folder / "down").rglob("hello.txt")
    assert found.relative_to(folder / "down").as_posix() == "artifacts/notes/hello.txt"


def test_a_run_that_the_script_starts_itself_is_the_jobs(lab: Lab, tracking: Any) -> None:
    job = lab.run(
        """
        import mlflow
        with mlflow.start_run() as run:
            print(run.info.run_id)
            mlflow.log_metric("a", 1)
        """
    )

    assert lab.log(job.name).splitlines()[0] == job.name
    assert tracking.get_run(job.name).data.metrics == {"a": 1.0}


def test_a_failed_jobs_run_has_failed_and_keeps_what_was_logged(lab: Lab, tracking: Any) -> None:
    job = lab.run("import mlflow; mlflow.log_metric('a', 1); raise SystemExit(3)", status="Failed")

    run = tracking.get_run(job.name)
    assert (run.info.status, run.data.metrics) == ("FAILED", {"a": 1.0})


def test_tags_of_the_job_and_of_its_run_are_the_same(lab: Lab, tracking: Any) -> None:
    job = lab.run("print()", tags={"a": "1"}, display_name="shown")
    job.tags = {"b": "2"}
    lab.client.jobs.create_or_update(job)

    run = tracking.get_run(job.name)
    assert {"a": "1", "b": "2"}.items() <= run.data.tags.items()
    assert run.info.run_name == "shown"


def test_nested_runs_are_children_of_the_jobs_run(lab: Lab, tracking: Any) -> None:
    job = lab.run(
        """
        import mlflow
        with mlflow.start_run():
            for n in range(2):
                with mlflow.start_run(run_name=f"child {n}", nested=True):
                    mlflow.log_metric("n", n)
        """,
        experiment_name="nested",
    )
    experiment = tracking.get_experiment_by_name("nested").experiment_id

    found = tracking.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{job.name}'")

    assert sorted(run.info.run_name for run in found) == ["child 0", "child 1"]


TRAIN = """
import sys
import mlflow, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

mlflow.autolog(log_datasets=False, log_models=False)
frame = pd.read_csv(sys.argv[1])
parts = train_test_split(frame.drop(columns="target"), frame["target"], random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(parts[0], parts[2])
print(model.score(parts[1], parts[3]))
mlflow.sklearn.log_model(model, name="classifier", pip_requirements=["scikit-learn"])
"""


@ONE_DOOR
def test_autolog_records_a_real_training_and_its_model_is_registered_from_the_job(
    lab: Lab, cancer: Path, tracking: Any, folder: Path
) -> None:
    job = lab.run(
        TRAIN,
        command="python train.py ${{inputs.data}}",
        inputs={"data": Input(type="uri_file", path=str(cancer))},
    )

    run = tracking.get_run(job.name)
    assert run.data.metrics["training_score"] > 0.95
    assert run.data.params["logisticregression__max_iter"] == "300"
    output = f"azureml://jobs/{job.name}/outputs/artifacts/paths/classifier"
    for name, path in {"by-run": f"runs:/{job.name}/classifier", "by-output": output}.items():
        made = lab.client.models.create_or_update(Model(name=name, path=path, type="mlflow_model"))
        assert (made.version, made.type, made.job_name) == ("1", "mlflow_model", job.name)
        lab.client.models.download(name, "1", download_path=str(folder / name))
        assert list((folder / name).rglob("MLmodel"))


@ONE_DOOR
def test_a_model_that_a_script_registers_is_a_model_of_the_workspace(lab: Lab, tracking: Any) -> None:
    job = lab.run(
        """
        import mlflow
        from sklearn.dummy import DummyClassifier
        model = DummyClassifier().fit([[0], [1]], [0, 1])
        mlflow.sklearn.log_model(
            model, name="dummy", registered_model_name="registered", pip_requirements=["scikit-learn"]
        )
        """
    )

    made = lab.client.models.get("registered", "1")
    assert (made.type, made.job_name) == ("mlflow_model", job.name)
    assert made.path.endswith(f"/paths/ExperimentRun/dcid.{job.name}/dummy")
    assert tracking.get_model_version("registered", "1").run_id == job.name


INSIDE = """
import os
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Data
from azure.identity import DefaultAzureCredential

client = MLClient(
    DefaultAzureCredential(),
    os.environ["AZUREML_ARM_SUBSCRIPTION"],
    os.environ["AZUREML_ARM_RESOURCEGROUP"],
    os.environ["AZUREML_ARM_WORKSPACE_NAME"],
)
name = os.environ["NAME"]
print(client.jobs.get(os.environ["AZUREML_RUN_ID"]).status.value)
print(client.data.get(name, "1").description)
with open("made.csv", "w") as file:
    file.write("a,b\\n1,2\\n")
made = client.data.create_or_update(Data(name=name + "-made", path="made.csv", type="uri_file"))
print(made.version)
"""


@ONE_DOOR
def test_the_sdk_inside_a_job_reads_and_registers_data(lab: Lab, cancer: Path, folder: Path) -> None:
    name = f"inside-{lab.door}"
    lab.client.data.create_or_update(
        Data(name=name, version="1", path=str(cancer), type="uri_file", description="Clinical.")
    )

    job = lab.run(INSIDE, environment_variables={"NAME": name})

    assert [line for line in lab.log(job.name).splitlines() if line in {"Running", "Clinical.", "1"}] == [
        "Running",
        "Clinical.",
        "1",
    ]
    made = lab.client.data.get(f"{name}-made", "1")
    shown = lab.prints(command="cat ${{inputs.d}}", inputs={"d": Input(type="uri_file", path=str(made.id))})
    assert shown == "a,b\n1,2\n"


@ONE_DOOR
def test_a_model_that_a_job_saves_is_registered_from_its_output(lab: Lab) -> None:
    name = f"from-output-{lab.door}"
    job = lab.run(
        """
        import sys
        import mlflow.sklearn
        from sklearn.dummy import DummyClassifier
        model = DummyClassifier().fit([[0], [1]], [0, 1])
        mlflow.sklearn.save_model(model, sys.argv[1], pip_requirements=["scikit-learn"])
        """,
        command="python train.py ${{outputs.model}}",
        outputs={"model": Output(type="mlflow_model")},
    )

    made = lab.client.models.create_or_update(
        Model(name=name, path=f"azureml://jobs/{job.name}/outputs/model", type="mlflow_model")
    )

    assert (made.version, made.job_name) == ("1", job.name)
    given = {"model": Input(type="mlflow_model", path=f"azureml:{name}:1")}
    assert "MLmodel" in lab.prints(command="ls ${{inputs.model}}", inputs=given).split()
