"""Data collection: payloads and what scripts log, in blobs as Azure lays them out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.serving.router import collect

from .endpoints import Endpoint, wait_for

LOGS = """
import json
import pandas as pd
from azureml.ai.monitoring import Collector
def init():
    global inputs
    inputs = Collector(name="model_inputs")
def run(data):
    frame = pd.DataFrame(json.loads(data))
    inputs.collect(frame)
    return len(frame)
"""


def rows(iris: Endpoint, collection: str) -> list[dict[str, Any]]:
    """The rows of a collection, as a client lists and reads its blobs."""
    prefix = f"modelDataCollector/iris/blue/{collection}/"
    found: list[dict[str, Any]] = []
    for blob in iris.workspace.blobs.list(iris.workspace.blob_container, prefix):
        stream, _ = iris.workspace.blobs.open(iris.workspace.blob_container, blob.name)
        with stream:
            found += [json.loads(line) for line in stream.read().splitlines()]
    return found


def collecting(**sampling: float) -> dict[str, Any]:
    return {"collections": {name: {"enabled": True, "sampling": share} for name, share in sampling.items()}}


def test_payloads_are_kept_as_cloud_events(iris: Endpoint) -> None:
    wanted = {**collecting(request=1.0, response=1.0), "headers": ["x-from"]}
    iris.deployments, iris.traffic = {"blue": iris.script("blue", collect=wanted)}, {"blue": 100}
    iris.start()

    assert iris.score({"a": 1}, headers={"X-From": "me"})[0] == 200

    (request,) = wait_for(lambda: rows(iris, "request"), "the request's row")
    (response,) = wait_for(lambda: rows(iris, "response"), "the response's row")
    assert request["data"] == {"a": 1}
    assert request["x-from"] == "me"
    assert response["data"]["said"] == {"a": 1}
    assert request["type"] == "azureml.inference.request"
    assert request["source"].endswith("/onlineendpoints/iris/deployments/blue")
    assert request["correlationid"] == response["correlationid"] != ""


def test_files_lie_by_the_hour(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue", collect=collecting(request=1.0))}
    iris.traffic = {"blue": 100}
    iris.start()
    before = time.strftime("%Y/%m/%d/%H", time.gmtime())
    iris.score(1)
    wait_for(lambda: rows(iris, "request"), "the row")

    prefix = "modelDataCollector/iris/blue/request/"
    (blob,) = iris.workspace.blobs.list(iris.workspace.blob_container, prefix)
    hour, _, file = blob.name.removeprefix(prefix).rpartition("/")
    assert before <= hour <= time.strftime("%Y/%m/%d/%H", time.gmtime())
    assert file.endswith(".jsonl")


def test_what_a_script_logs_is_kept(iris: Endpoint) -> None:
    pytest.importorskip("azureml.ai.monitoring")
    iris.deployments = {"blue": iris.script("blue", LOGS, collect=collecting(model_inputs=1.0))}
    iris.traffic = {"blue": 100}
    iris.start()

    assert iris.score({"x": [1, 2]}) == (200, 2)

    (row,) = wait_for(lambda: rows(iris, "model_inputs"), "the row")
    assert row["data"] == [{"x": 1}, {"x": 2}]
    assert row["type"] == "azureml.inference.model_inputs"
    assert row["collectdatatype"].startswith("pandas.")  # whose module pandas 3 has renamed
    assert row["agent"].startswith("azureml-ai-monitoring/")
    assert row["correlationid"]


def test_what_is_collected_is_written_when_the_process_ends(iris: Endpoint) -> None:
    iris.deployments = {"blue": iris.script("blue", collect=collecting(request=1.0))}
    iris.traffic = {"blue": 100}
    iris.start()
    iris.score("last")

    iris.ask({"op": "stop"})
    iris.process.wait(10)

    assert [row["data"] for row in rows(iris, "request")] == ["last"]


def test_a_folder_that_cannot_be_written_fails_no_request(iris: Endpoint) -> None:
    blocked = iris.workspace.blobs.path(iris.workspace.blob_container, "modelDataCollector")
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file where a folder is to be")
    iris.deployments = {"blue": iris.script("blue", collect=collecting(request=1.0))}
    iris.traffic = {"blue": 100}
    iris.start()

    assert iris.score(1)[0] == 200
    wait_for(lambda: "cannot be written" in iris.place.log.read_text(), "the sentence in the log")
    assert iris.score(1)[0] == 200


@pytest.mark.parametrize("sampling", [0.0, 0.2, 1.0])
def test_a_share_of_the_requests_is_drawn(sampling: float) -> None:
    drawn = sum(collect.drawn(f"request-{number}", sampling) for number in range(5000))

    assert drawn / 5000 == pytest.approx(sampling, abs=0.03)


def test_what_is_no_json_is_kept_in_base_64() -> None:
    line = collect._payload_line({"id": "1"}, b"\xff\xfe", "image/png")

    row = json.loads(line())
    assert row["data_base64"] == "//4="
    assert row["datacontenttype"] == "image/png"
    assert row["contentrange"] == "bytes 0-1/2"


def test_a_payload_that_is_too_long_is_named_only() -> None:
    row = json.loads(collect._payload_line({"id": "1"}, b"1" * (collect.LARGEST + 1), "application/json")())

    assert "data" not in row
    assert row["contentrange"].endswith(f"/{collect.LARGEST + 1}")


def test_the_file_for_the_scripts_library(tmp_path: Path) -> None:
    from jupyter_aml.local.serving.router.order import Collecting, Collection

    told = collect._config(Collecting({"model_inputs": Collection(sampling=0.25), "off": Collection(enabled=False)}))

    assert told["collections"]["model_inputs"] == {"enabled": True, "sampleRatePercentage": 25.0}
    assert told["collections"]["off"]["enabled"] is False
