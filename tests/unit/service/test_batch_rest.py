"""Batch endpoints as plain REST: what the SDK does not send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .online import CODE, CUSTOM, MLFLOW, Online

API = "https://local.api.azureml.ms"
SCRIPT = {"codeId": CODE, "scoringScript": "src/score.py"}
PLAIN: dict[str, Any] = {
    "model": {"referenceType": "Id", "assetId": CUSTOM}, "codeConfiguration": SCRIPT, "environmentId": "azureml:env:1",
    "compute": "serverless",
}  # fmt: skip
DATA = {"in": {"JobInputType": "UriFolder", "Uri": "azureml://datastores/workspaceblobstore/paths/data/"}}


@pytest.fixture
def blue(online: Online) -> str:
    """An endpoint with the default deployment `blue`; the path of the endpoint."""
    path = "batchEndpoints/scores"
    assert online.ask("PUT", path, {"properties": {}})[0] == 201
    status, found = online.ask("PUT", f"{path}/deployments/blue", {"properties": PLAIN})
    assert status == 201, found
    assert online.ask("PATCH", path, {"properties": {"defaults": {"deploymentName": "blue"}}})[0] == 200
    return path


def invoke(online: Online, body: Any, **headers: str) -> tuple[int, Any]:
    url = f"{API}/invoke{online.workspace.entry.arm_id}/batchEndpoints/scores/jobs"
    response = online.send("POST", url, body, **headers)
    return response.status, json.loads(response.body)


def listed(online: Online, tail: str) -> Any:
    return online.ask("GET", f"{API}/mferp/managementfrontend{online.workspace.entry.arm_id}/batchEndpoints/{tail}")


def test_a_patch_changes_what_it_names_and_keeps_the_rest(online: Online, blue: str) -> None:
    online.ask("PATCH", blue, {"tags": {"a": "b"}})
    found = online.ask("PATCH", blue, {"tags": {"c": "d"}, "properties": {"description": "mine"}})[1]
    assert found["tags"] == {"a": "b", "c": "d"}
    assert (found["properties"]["description"], found["properties"]["defaults"]) == ("mine", {"deploymentName": "blue"})
    found = online.ask("PATCH", f"{blue}/deployments/blue", {"properties": {"miniBatchSize": 3}})[1]
    assert (found["properties"]["miniBatchSize"], found["properties"]["outputFileName"]) == (3, "predictions.csv")
    assert "_local" not in found


def test_there_are_no_keys(online: Online, blue: str) -> None:
    status, target, said = online.refused("POST", f"{blue}/listkeys")

    assert (status, target) == (400, "properties.authMode")
    assert said.startswith("The batch endpoint 'scores' has the auth mode AADToken and no keys.")


def test_an_invocation_as_azures_pages_write_it_makes_a_pipeline_job(online: Online, blue: str) -> None:
    status, found = invoke(online, {"properties": {"InputData": DATA, "experimentName": "mine"}})
    job = online.ask("GET", f"jobs/{found['name']}")[1]["properties"]

    assert status == 200, found
    assert found["name"].startswith("batchjob-")
    assert found["id"].endswith(f"/{blue}/deployments/blue/jobs/{found['name']}")
    assert found["properties"]["status"] == "NotStarted"
    assert (job["jobType"], job["experimentName"]) == ("Pipeline", "mine")
    assert job["inputs"] == {"in": {"jobInputType": "uri_folder", "uri": DATA["in"]["Uri"]}}
    assert job["properties"]["azureml.deploymentname"] == "blue"


def test_jobs_are_listed_in_pages_and_by_deployment(online: Online, blue: str) -> None:
    online.ask("PUT", f"{blue}/deployments/green", {"properties": PLAIN})
    made = [invoke(online, {"properties": {"inputData": DATA}})[1]["name"] for _ in range(3)]
    green = invoke(online, {"properties": {"inputData": DATA}}, azureml_model_deployment="green")[1]["name"]
    status, page = listed(online, "scores/jobs?$top=3")
    rest = online.ask("GET", page["nextLink"])[1]

    assert status == 200
    assert [one["name"] for one in [*page["value"], *rest["value"]]] == [green, *reversed(made)]
    assert "nextLink" not in rest
    assert [one["name"] for one in listed(online, "scores/deployments/green/jobs")[1]["value"]] == [green]
    assert listed(online, f"scores/deployments/green/jobs/{green}")[1]["name"] == green
    assert listed(online, "scores/deployments/gren/jobs")[0] == 404
    assert listed(online, "scores/jobs?$skip=nonsense")[0] == 400


def test_two_invocations_share_the_component_of_their_step(online: Online, blue: str) -> None:
    del blue
    jobs = [invoke(online, {"properties": {"inputData": DATA}})[1]["name"] for _ in range(2)]
    steps = [online.ask("GET", f"jobs/{name}")[1]["properties"]["jobs"]["batchscoring"] for name in jobs]

    assert steps[0]["componentId"] == steps[1]["componentId"]
    assert online.ask("GET", "components")[1]["value"] == []


@pytest.mark.parametrize(
    ("changes", "target", "said"),
    [
        ({"outputAction": "Other"}, "properties.outputAction", "expected AppendRow or SummaryOnly"),
        ({"loggingLevel": "Loud"}, "properties.loggingLevel", "expected Info or Warning or Debug"),
        ({"retrySettings": {"timeout": "5"}}, "properties.retrySettings.timeout", "is '5'"),
        ({"resources": {"instanceCount": 0}}, "properties.resources.instanceCount", "is 0"),
        ({"model": {"referenceType": "Id"}}, "properties.model", "assetId"),
        ({"environmentVariables": []}, "", ""),
        ({"codeConfiguration": {"codeId": CODE}}, "properties.codeConfiguration", "scoringScript"),
        ({"deploymentConfiguration": {"deploymentConfigurationType": "PipelineComponent"}}, None, "assetId"),
    ],
)
def test_fields_that_make_no_sense_are_named(
    online: Online, blue: str, changes: dict[str, Any], target: str | None, said: str
) -> None:
    path = f"{blue}/deployments/other"
    if not said:
        assert online.ask("PUT", path, {"properties": {**PLAIN, **changes}})[0] == 201
        return
    status, found, message = online.refused("PUT", path, {"properties": {**PLAIN, **changes}})

    assert status == 400
    assert said in message
    assert target is None or found == target


def test_a_model_of_mlflow_needs_no_script_but_a_custom_one_does(online: Online, blue: str) -> None:
    bare = {"compute": "serverless", "model": {"referenceType": "Id", "assetId": MLFLOW}}
    assert online.ask("PUT", f"{blue}/deployments/flow", {"properties": bare})[0] == 201
    bare["model"] = {"referenceType": "Id", "assetId": CUSTOM}
    _, target, said = online.refused("PUT", f"{blue}/deployments/plain", {"properties": bare})
    assert target == "properties.codeConfiguration"
    assert "only MLflow models need no scoring script" in said
