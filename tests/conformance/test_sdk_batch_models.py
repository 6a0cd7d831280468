"""Batch endpoints through the unmodified SDK: MLflow models with no code, and pipeline components."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from azure.ai.ml import Input, Output, command, dsl
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.constants._endpoint import EndpointInvokeFields
from azure.ai.ml.entities import (
    BatchEndpoint,
    CodeConfiguration,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
    PipelineComponentBatchDeployment,
)
from azure.core.exceptions import HttpResponseError
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from .lab import PLAIN

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints
CONDA = "dependencies:\n- pip\n- pip:\n  - mlflow\n  - scikit-learn\n"


@pytest.fixture(autouse=True)
def own_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK keeps the deployment that was named last in a dictionary of all invocations."""
    monkeypatch.setattr(EndpointInvokeFields, "DEFAULT_HEADER", dict(EndpointInvokeFields.DEFAULT_HEADER))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow model of iris, whose environment any version of its packages serves."""
    import mlflow

    frame = load_iris(as_frame=True)
    model = LogisticRegression(max_iter=500).fit(frame.data, frame.target_names[frame.target])
    signature = mlflow.models.infer_signature(frame.data, model.predict(frame.data))
    folder = tmp_path_factory.mktemp("model") / "iris"
    mlflow.sklearn.save_model(
        model, folder, signature=signature, serialization_format="cloudpickle", pip_requirements=["mlflow"]
    )
    (folder / "conda.yaml").write_text(CONDA, encoding="utf-8")
    return folder


@pytest.fixture
def flowers(folder: Path) -> Path:
    """Iris as CSV, parquet, and JSON lines."""
    place = folder / "flowers"
    place.mkdir()
    frame = load_iris(as_frame=True).data
    frame.iloc[:60].to_csv(place / "a.csv", index=False)
    frame.iloc[60:100].to_parquet(place / "b.parquet", index=False)
    frame.iloc[100:].to_json(place / "c.jsonl", orient="records", lines=True)
    return place


def endpoint(lab: Any) -> str:
    name = f"e{time.time_ns() % 10**12}"
    lab.client.batch_endpoints.begin_create_or_update(BatchEndpoint(name=name)).result()
    return name


def no_code(lab: Any, trained: Path, **more: Any) -> str:
    """Deploy the model; the endpoint's name."""
    name = endpoint(lab)
    model = Model(name="iris-batch", path=str(trained), type=AssetTypes.MLFLOW_MODEL)
    asked = ModelBatchDeploymentSettings(mini_batch_size=1, max_concurrency_per_instance=2, **more)
    lab.client.batch_deployments.begin_create_or_update(
        ModelBatchDeployment(name="blue", endpoint_name=name, model=model, compute="serverless", settings=asked)
    ).result()
    return name


def finished(lab: Any, name: str, status: str = "Completed", deployment: str = "blue", **more: Any) -> str:
    """Invoke and wait for the end; the job's name."""
    job = lab.end(lab.client.batch_endpoints.invoke(endpoint_name=name, deployment_name=deployment, **more).name)
    assert job.status == status, f"{job.status}: {lab.log(f'{job.name}_batchscoring')[-3000:]}"
    return str(job.name)


def test_a_model_with_no_code_scores_files_of_rows(lab: Any, folder: Path, trained: Path, flowers: Path) -> None:
    import mlflow

    name = finished(lab, no_code(lab, trained), input=Input(type="uri_folder", path=str(flowers)))
    lab.client.jobs.download(name, download_path=str(folder / name), output_name="score")
    with (folder / name / "named-outputs" / "score" / "predictions.csv").open() as file:
        found = list(csv.reader(file))
    expected = mlflow.pyfunc.load_model(str(trained)).predict(load_iris(as_frame=True).data)

    assert [row[1] for row in found] == list(expected)
    assert "Files are scored in chunks of" in lab.log(f"{name}_batchscoring")
    parts = [("a.csv", 60), ("b.parquet", 40), ("c.jsonl", 50)]
    assert [(int(row[0]), row[2]) for row in found] == [(at, file) for file, count in parts for at in range(count)]


def test_rows_without_a_column_of_the_signature_fail_and_are_told(
    lab: Any, folder: Path, trained: Path, flowers: Path
) -> None:
    (folder / "bad").mkdir()
    pd.read_csv(flowers / "a.csv").iloc[:, 1:].to_csv(folder / "bad" / "bad.csv", index=False)
    (folder / "odd").mkdir()
    (folder / "odd" / "data.avro").write_bytes(b"")
    deployed = no_code(lab, trained, retry_settings=None)
    over = [{"retry_settings": {"max_retries": 0, "timeout": 60}}]

    bad = Input(type="uri_folder", path=str(folder / "bad"))
    name = finished(lab, deployed, "Failed", input=bad, params_override=list(over))
    assert "sepal length (cm)" in lab.log(f"{name}_batchscoring")
    odd = Input(type="uri_folder", path=str(folder / "odd"))
    name = finished(lab, deployed, "Failed", input=odd, params_override=list(over))
    assert "File type 'avro' is not supported" in lab.log(f"{name}_batchscoring")


def test_a_model_whose_files_are_gone_is_told_when_it_is_invoked(lab: Any, folder: Path, flowers: Path) -> None:
    name = endpoint(lab)
    (folder / "empty").mkdir()
    (folder / "empty" / "other").write_text("x", encoding="utf-8")
    model = Model(name="no-model", path=str(folder / "empty"), type=AssetTypes.MLFLOW_MODEL)
    lab.client.batch_deployments.begin_create_or_update(
        ModelBatchDeployment(
            name="blue", endpoint_name=name, model=model, compute="serverless",
            settings=ModelBatchDeploymentSettings(mini_batch_size=1),
        )
    ).result()  # fmt: skip
    with pytest.raises(HttpResponseError, match="there is no file MLmodel at"):
        finished(lab, name, input=Input(type="uri_folder", path=str(flowers)))


def test_pictures_are_scored_as_tensors(lab: Any, folder: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    image = pytest.importorskip("PIL.Image")

    class Bright(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            del context, params
            return np.asarray(model_input).reshape(len(model_input), -1).mean(axis=1)

    mlflow.pyfunc.save_model(str(folder / "bright"), python_model=Bright(), pip_requirements=["mlflow"])
    (folder / "bright" / "conda.yaml").write_text(CONDA, encoding="utf-8")
    (folder / "pictures").mkdir()
    for value in (10, 200):
        image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(folder / "pictures" / f"p{value}.png")
    name = finished(lab, no_code(lab, folder / "bright"), input=Input(type="uri_folder", path=str(folder / "pictures")))
    lab.client.jobs.download(name, download_path=str(folder / name), output_name="score")
    text = (folder / name / "named-outputs" / "score" / "predictions.csv").read_text()

    assert text.splitlines() == ["10.0,p10.png", "200.0,p200.png"]


DRIVER = """
import os, mlflow, pandas as pd

def init():
    global model
    model = mlflow.pyfunc.load_model(os.path.join(os.environ["AZUREML_MODEL_DIR"], "iris"))

def run(mini_batch):
    return [str(one) for path in mini_batch for one in model.predict(pd.read_csv(path))]
"""


def test_a_script_loads_a_model_of_mlflow_from_the_models_folder(
    lab: Any, folder: Path, trained: Path, flowers: Path
) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "driver.py").write_text(DRIVER, encoding="utf-8")
    for number in range(3):
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / f"{number}.csv").write_bytes((flowers / "a.csv").read_bytes())
    name = endpoint(lab)
    deployment = ModelBatchDeployment(
        name="blue", endpoint_name=name, compute="serverless", environment=PLAIN,
        model=Model(name="iris-script", path=str(trained), type=AssetTypes.MLFLOW_MODEL),
        code_configuration=CodeConfiguration(code=str(folder / "code"), scoring_script="driver.py"),
        settings=ModelBatchDeploymentSettings(mini_batch_size=1, max_concurrency_per_instance=3),
    )  # fmt: skip
    lab.client.batch_deployments.begin_create_or_update(deployment).result()
    job = finished(lab, name, input=Input(type="uri_folder", path=str(folder / "data")))
    lab.client.jobs.download(job, download_path=str(folder / job), output_name="score")
    text = (folder / job / "named-outputs" / "score" / "predictions.csv").read_text()

    assert text.splitlines().count("setosa") == 150


def component(lab: Any, folder: Path) -> Any:
    """A pipeline component that multiplies a number in a file."""
    (folder / "steps").mkdir(exist_ok=True)
    (folder / "steps" / "times.py").write_text(
        "import pathlib, sys\nsource, factor, target = sys.argv[1:]\n"
        "path = next(path for path in [pathlib.Path(source), *pathlib.Path(source).glob('*')] if path.is_file())\n"
        "(pathlib.Path(target) / 'product').write_text(str(float(path.read_text()) * float(factor)))\n",
        encoding="utf-8",
    )
    times = command(
        name="times", display_name="times",
        command="python times.py ${{inputs.source}} ${{inputs.factor}} ${{outputs.product}}",
        inputs={"source": Input(type="uri_folder"), "factor": Input(type="number", default=3)},
        outputs={"product": Output(type="uri_folder")}, code=str(folder / "steps"), environment=PLAIN,
    )  # fmt: skip
    once = lab.client.components.create_or_update(times.component)

    def twice(source, factor=3):
        first = once(source=source, factor=factor)
        second = once(source=first.outputs.product, factor=factor)
        return {"product": second.outputs.product}

    twice.__annotations__ = {"source": Input(type="uri_folder"), "factor": Input(type="number", default=3)}
    return dsl.pipeline(name=f"twice{time.time_ns() % 10**9}", default_compute="serverless")(twice)


def product(lab: Any, folder: Path, name: str) -> float:
    lab.client.jobs.download(name, download_path=str(folder / name), output_name="product")
    (path,) = (folder / name / "named-outputs" / "product").rglob("product")
    found = json.loads(path.read_text()) if path.is_file() else json.loads((path / "product").read_text())
    return float(found)


@pytest.fixture
def number(folder: Path) -> Input:
    (folder / "number").mkdir()
    (folder / "number" / "n").write_text("2", encoding="utf-8")
    return Input(type="uri_folder", path=str(folder / "number"))


def test_a_pipeline_component_runs_with_the_inputs_of_the_invocation(lab: Any, folder: Path, number: Input) -> None:
    name = endpoint(lab)
    made = lab.client.components.create_or_update(component(lab, folder), version="1")
    deployment = PipelineComponentBatchDeployment(
        name="flow",
        endpoint_name=name,
        component=made.id,
        settings={"default_compute": "serverless", "force_rerun": True},
    )
    lab.client.batch_deployments.begin_create_or_update(deployment).result()
    listed = lab.client.batch_deployments.get("flow", name)
    given = Input(type="uri_folder", path=number.path)

    plain = finished(lab, name, deployment="flow", inputs={"source": number})
    more = finished(lab, name, deployment="flow", inputs={"source": given, "factor": Input(type="number", default=5)})
    assert listed.name == "flow"
    assert (product(lab, folder, plain), product(lab, folder, more)) == (18.0, 50.0)
    assert [one.name for one in lab.client.batch_deployments.list_jobs(name, name="flow")] == [more, plain]


def test_wrong_inputs_of_a_pipeline_component_are_refused(lab: Any, folder: Path, number: Input) -> None:
    name = endpoint(lab)
    made = lab.client.components.create_or_update(component(lab, folder), version="1")
    deployment = PipelineComponentBatchDeployment(name="flow", endpoint_name=name, component=made.id, settings={})
    lab.client.batch_deployments.begin_create_or_update(deployment).result()
    cases = [
        ({"sourc": number}, "Did you mean 'source'"),
        ({"factor": Input(type="number", default=5)}, "inputData.source is missing"),
        ({"source": Input(type="string", default="x")}, "the component declares it as uri_folder"),
    ]
    for inputs, said in cases:
        with pytest.raises(HttpResponseError) as caught:
            finished(lab, name, deployment="flow", inputs=inputs)
        assert said in str(caught.value)


def test_a_pipeline_job_can_be_deployed(lab: Any, folder: Path, number: Input) -> None:
    job = component(lab, folder)(source=number, factor=4)
    done = lab.client.jobs.create_or_update(job)
    assert lab.end(done.name).status == "Completed"
    name = endpoint(lab)
    deployment = PipelineComponentBatchDeployment(
        name="flow", endpoint_name=name, job_definition=done.name, settings={}
    )
    lab.client.batch_deployments.begin_create_or_update(deployment).result()

    assert product(lab, folder, finished(lab, name, deployment="flow")) == 32.0
