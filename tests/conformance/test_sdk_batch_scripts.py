"""Batch endpoints through the unmodified SDK: scoring scripts, their inputs, outputs and faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from azure.ai.ml import Input, Output
from azure.ai.ml.constants import BatchDeploymentOutputAction
from azure.ai.ml.constants._endpoint import EndpointInvokeFields
from azure.ai.ml.entities import (
    BatchEndpoint,
    BatchRetrySettings,
    CodeConfiguration,
    Data,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.core.exceptions import HttpResponseError

from .lab import PLAIN, wait_for

SCRIPT = """
import logging, os, pathlib, time

def init():
    global factor
    folder = pathlib.Path(os.environ["AZUREML_MODEL_DIR"])
    (path,) = folder.glob("*/factor.txt")
    factor = int(path.read_text())
    print("began", os.environ.get("WORD"))
    logging.getLogger("mine").debug("a detail")

def run(mini_batch):
    import pandas as pd
    print("files", len(mini_batch))
    return [f"{os.path.basename(path)},{factor * len(pd.read_csv(path))}" for path in mini_batch]
"""
COUNT = 5


@pytest.fixture(autouse=True)
def own_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK keeps the deployment that was named last in a dictionary of all invocations."""
    monkeypatch.setattr(EndpointInvokeFields, "DEFAULT_HEADER", dict(EndpointInvokeFields.DEFAULT_HEADER))


@pytest.fixture
def flowers(folder: Path) -> Path:
    """Five CSV files of 1 to 5 rows."""
    place = folder / "flowers"
    place.mkdir()
    for number in range(COUNT):
        pd.DataFrame({"x": range(number + 1)}).to_csv(place / f"f{number}.csv", index=False)
    return place


@pytest.fixture
def deployed(lab: Any, folder: Path) -> Callable[..., str]:
    """Deploy a script under an endpoint of its own; the endpoint's name."""
    (folder / "model").mkdir()
    (folder / "model" / "factor.txt").write_text("10", encoding="utf-8")

    def deploy(script: str = SCRIPT, *, model: Any = None, **more: Any) -> str:
        code = folder / "code"
        code.mkdir(exist_ok=True)
        (code / "score.py").write_text(script, encoding="utf-8")
        name = f"e{time.time_ns() % 10**12}"
        lab.client.batch_endpoints.begin_create_or_update(BatchEndpoint(name=name)).result()
        asked = {"mini_batch_size": 2, "max_concurrency_per_instance": 1, **more}
        compute = asked.pop("compute", "serverless")
        deployment = ModelBatchDeployment(
            name="blue",
            endpoint_name=name,
            model=model or Model(name="factor", path=str(folder / "model")),
            code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
            environment=PLAIN,
            compute=compute,
            settings=ModelBatchDeploymentSettings(**asked),
        )
        lab.client.batch_deployments.begin_create_or_update(deployment).result()
        endpoint = lab.client.batch_endpoints.get(name)
        endpoint.defaults.deployment_name = "blue"
        lab.client.batch_endpoints.begin_create_or_update(endpoint).result()
        return name

    return deploy


def finished(lab: Any, endpoint: str, data: Any, status: str = "Completed", **more: Any) -> str:
    """Invoke and wait for the end; the job's name."""
    path = data if isinstance(data, Input) else Input(type="uri_folder", path=str(data))
    name = lab.client.batch_endpoints.invoke(endpoint_name=endpoint, input=path, **more).name
    job = lab.end(name)
    assert job.status == status, f"{job.status}: {lab.log(f'{name}_batchscoring')[-3000:]}"
    return str(name)


def rows(lab: Any, folder: Path, name: str, file: str = "predictions.csv") -> list[str]:
    """The lines that a job gave."""
    lab.client.jobs.download(name, download_path=str(folder / name), output_name="score")
    return (folder / name / "named-outputs" / "score" / file).read_text().splitlines()


def test_a_folder_is_scored_in_mini_batches_and_its_rows_are_appended(
    lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]
) -> None:
    endpoint = deployed(environment_variables={"WORD": "hello"}, logging_level="debug")
    name = finished(lab, endpoint, flowers)

    assert rows(lab, folder, name) == [f"f{number}.csv,{10 * (number + 1)}" for number in range(COUNT)]
    log = lab.log(f"{name}_batchscoring")
    assert log.count("files ") == 3
    assert "began hello" in log
    assert "a detail" in log
    kept = lab.entry.folder / "runs" / f"{name}_batchscoring" / "logs" / "user" / "stdout"
    assert "began hello" in "".join(path.read_text() for path in kept.rglob("*.txt"))


def test_the_job_is_a_pipeline_of_one_step_that_is_listed_by_endpoint_and_deployment(
    lab: Any, flowers: Path, deployed: Callable[..., str]
) -> None:
    endpoint = deployed()
    name = finished(
        lab, endpoint, flowers, deployment_name="blue", experiment_name="scores", job_name=f"{endpoint}-job"
    )
    job = lab.client.jobs.get(name)

    assert name == f"{endpoint}-job"
    assert job.experiment_name == "scores"
    assert list(job.jobs) == ["batchscoring"]
    assert set(job.outputs) == {"score", "default"}
    assert [one.display_name for one in lab.client.jobs.list(parent_job_name=name)] == ["batchscoring"]
    assert [(one.name, one.status) for one in lab.client.batch_endpoints.list_jobs(endpoint)] == [(name, "Completed")]
    assert [one.name for one in lab.client.batch_deployments.list_jobs(endpoint, name="blue")] == [name]


def test_a_file_an_asset_and_a_uri_are_inputs(
    lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]
) -> None:
    endpoint = deployed()
    asset = lab.client.data.create_or_update(Data(name=endpoint, path=str(flowers), type="uri_folder"))
    whole = [f"f{number}.csv,{10 * (number + 1)}" for number in range(COUNT)]

    file = finished(lab, endpoint, Input(type="uri_file", path=str(flowers / "f3.csv")))
    assert rows(lab, folder, file) == ["f3.csv,40"]
    for path in (asset.id, f"azureml:{endpoint}@latest", f"azureml:{endpoint}:1", str(asset.path)):
        name = finished(lab, endpoint, Input(type="uri_folder", path=path))
        assert rows(lab, folder, name) == whole
    named = lab.client.batch_endpoints.invoke(
        endpoint_name=endpoint, inputs={"irises": Input(type="uri_folder", path=asset.id)}
    )
    assert lab.end(named.name).status == "Completed"
    assert list(lab.client.jobs.get(named.name).inputs) == ["irises"]


def test_an_address_of_the_web_is_fetched(lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(flowers)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        endpoint = deployed()
        name = finished(lab, endpoint, Input(type="uri_file", path=f"{base}/f2.csv"))
        assert rows(lab, folder, name) == ["f2.csv,30"]
        name = finished(lab, endpoint, Input(type="uri_file", path=f"{base}/none.csv"), "Failed")
        assert f"The input {base}/none.csv cannot be fetched" in lab.log(f"{name}_batchscoring")
    finally:
        server.shutdown()
        server.server_close()


def test_the_same_again_is_done_again(lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]) -> None:
    endpoint = deployed()
    data = Input(type="uri_folder", path=str(flowers))
    names = [finished(lab, endpoint, data) for _ in range(2)]

    assert [lab.log(f"{name}_batchscoring").count("files ") for name in names] == [3, 3]
    assert rows(lab, folder, names[0]) == rows(lab, folder, names[1])


def test_an_invocation_may_have_other_settings_than_its_deployment(
    lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]
) -> None:
    endpoint = deployed()
    over = [
        {"mini_batch_size": 1}, {"output_file_name": "mine.csv"}, {"error_threshold": 7},
        {"retry_settings": {"max_retries": 1, "timeout": 77}}, {"compute": {"instance_count": 2}},
    ]  # fmt: skip
    place = "azureml://datastores/workspaceblobstore/paths/scored"
    name = finished(
        lab, endpoint, flowers, params_override=over, outputs={"score": Output(type="uri_folder", path=f"{place}/")}
    )
    workspace = lab.service.workspace(lab.entry)
    kept = workspace.blobs.path(workspace.blob_container, "scored/mine.csv")

    assert len(kept.read_text().splitlines()) == COUNT
    log = lab.log(f"{name}_batchscoring")
    assert log.count("files 1") == COUNT
    assert "5 mini-batches, 2 processes." in log
    assert rows(lab, folder, name, "mine.csv") == kept.read_text().splitlines()


def test_summary_only_leaves_what_the_script_writes(
    lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]
) -> None:
    script = """
import os, pathlib
def init(): pass
def run(mini_batch):
    for path in mini_batch:
        name = pathlib.Path(path).name
        (pathlib.Path(os.environ["AZUREML_BI_OUTPUT_PATH"]) / name).write_text(name.upper())
    return mini_batch
"""
    endpoint = deployed(script, output_action=BatchDeploymentOutputAction.SUMMARY_ONLY)
    name = finished(lab, endpoint, flowers)
    lab.client.jobs.download(name, download_path=str(folder / name), output_name="score")
    found = folder / name / "named-outputs" / "score"

    assert {path.name: path.read_text() for path in found.iterdir()} == {
        f"f{number}.csv": f"F{number}.CSV" for number in range(COUNT)
    }


def test_a_data_frame_becomes_lines_with_spaces(
    lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]
) -> None:
    script = """
import os, pandas as pd
def init(): pass
def run(mini_batch):
    return pd.DataFrame({"file": [os.path.basename(path) for path in mini_batch], "p": [0.5] * len(mini_batch)})
"""
    assert rows(lab, folder, finished(lab, deployed(script), flowers)) == [
        f"f{number}.csv 0.5" for number in range(COUNT)
    ]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("def init():\n    raise ValueError('no luck')\ndef run(mini_batch): return []\n", "ValueError: no luck"),
        ("def run(mini_batch): return []\n", "score.py has no function init()"),
        ("def init(): pass\ndef run(mini_batch): return 5\n", "run() gave int; a list or a DataFrame"),
        ("import nothing_of_that_name\n", "nothing_of_that_name"),
    ],
)
def test_a_script_that_cannot_score_fails_the_job_and_says_why(
    lab: Any, flowers: Path, deployed: Callable[..., str], script: str, said: str
) -> None:
    endpoint = deployed(script, retry_settings=BatchRetrySettings(max_retries=0, timeout=30))
    name = finished(lab, endpoint, flowers, "Failed")

    assert said in lab.log(f"{name}_batchscoring")


FLAKY = """
import os
def init(): pass
def run(mini_batch):
    if any(path.endswith("f3.csv") for path in mini_batch):
        raise ValueError("f3 is bad")
    return [os.path.basename(path) for path in mini_batch]
"""


def test_failures_up_to_the_threshold_are_borne_and_more_are_not(
    lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]
) -> None:
    once = BatchRetrySettings(max_retries=1, timeout=30)
    endpoint = deployed(FLAKY, retry_settings=once, mini_batch_size=1, error_threshold=1)
    name = finished(lab, endpoint, flowers)
    assert rows(lab, folder, name) == ["f0.csv", "f1.csv", "f2.csv", "f4.csv"]
    assert lab.log(f"{name}_batchscoring").count("ValueError: f3 is bad") == 2

    name = finished(lab, endpoint, flowers, "Failed", params_override=[{"error_threshold": 0}])
    assert "1 items failed; error_threshold is 0." in lab.log(f"{name}_batchscoring")
    assert "ValueError: f3 is bad" in lab.error(name)["message"]


SLOW = """
import os, pathlib, time
aside = pathlib.Path(os.environ["ASIDE"])
def init(): pass
def run(mini_batch):
    name = os.path.basename(mini_batch[0])
    with (aside / "ran").open("a") as file:
        file.write(name + " ")
    if name == "f2.csv" and (aside / "stop").exists():
        (aside / "stopped").touch()
        time.sleep(60)
    return [f"{name} {number}" for number in range(1500)]
"""


def test_an_invocation_that_was_cancelled_goes_on_where_it_stopped(
    lab: Any, folder: Path, flowers: Path, deployed: Callable[..., str]
) -> None:
    aside = folder / "aside"
    aside.mkdir()
    (aside / "stop").touch()
    asset = lab.client.data.create_or_update(Data(name="flowers-slow", path=str(flowers), type="uri_folder"))
    data = Input(type="uri_folder", path=asset.id)
    endpoint = deployed(SLOW, mini_batch_size=1, environment_variables={"ASIDE": str(aside)})
    name = lab.client.batch_endpoints.invoke(endpoint_name=endpoint, input=data).name
    wait_for((aside / "stopped").exists, "the batch that takes long")
    lab.client.jobs.begin_cancel(name).wait()
    assert lab.end(name).status == "Canceled"
    (aside / "stop").unlink()
    again = finished(lab, endpoint, data)

    assert (aside / "ran").read_text().split() == [f"f{number}.csv" for number in (0, 1, 2, 2, 3, 4)]
    assert len(rows(lab, folder, again)) == COUNT * 1500
    assert "2 of them were done by an earlier run; they are not repeated." in lab.log(f"{again}_batchscoring")
    assert not list((lab.entry.folder / "mini_batches").glob("*.rows"))


def test_input_that_is_not_there_is_refused_or_fails_with_a_sentence(lab: Any, deployed: Callable[..., str]) -> None:
    endpoint = deployed()
    with pytest.raises(HttpResponseError, match="which this workspace does not have"):
        lab.client.batch_endpoints.invoke(
            endpoint_name=endpoint, input=Input(type="uri_folder", path="azureml://datastores/nowhere/paths/x/")
        )
    data = Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/x/")
    with pytest.raises(HttpResponseError, match="has the inputs: a, b; a deployment of a model takes one"):
        lab.client.batch_endpoints.invoke(endpoint_name=endpoint, inputs={"a": data, "b": data})
    data = Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/nowhere/")
    name = finished(lab, endpoint, data, "Failed")
    assert "there is no file or folder at" in lab.error(name)["message"]
