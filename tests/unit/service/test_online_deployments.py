"""Online deployments through the service: what they may name, how they change, what is told of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_aml.local.serving.online import logs, places, states

from .online import CODE, CUSTOM, ENVIRONMENT, SCRIPT, TRITON, Online

PATH = "onlineEndpoints/iris/deployments/blue"


def refused(online: Online, path: str = PATH, **properties: Any) -> tuple[int, str, str]:
    body = {"properties": {key: value for key, value in properties.items() if value is not None}}
    return online.refused("PUT", path, body)


def test_an_mlflow_model_needs_neither_code_nor_environment(online: Online) -> None:
    online.endpoint()

    response = online.deployment()

    found = json.loads(response.body)
    assert (response.status, found["kind"], found["sku"]) == (201, "Managed", {"name": "Default", "capacity": 1})
    assert found["type"] == "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    assert found["id"].endswith("/onlineEndpoints/iris/deployments/blue")
    properties = found["properties"]
    assert (properties["provisioningState"], properties["endpointComputeType"]) == ("Creating", "Managed")
    assert properties["scaleSettings"] == {"scaleType": "Default"}
    assert properties["properties"]["AzureAsyncOperationUri"] == response.headers["Azure-AsyncOperation"]


def test_a_scoring_script_runs_in_an_environment_with_or_without_a_model(online: Online) -> None:
    online.endpoint()

    whole = online.deployment("blue", codeConfiguration=SCRIPT, environmentId=ENVIRONMENT, model=CUSTOM)
    alone = online.deployment("green", codeConfiguration=SCRIPT, environmentId=ENVIRONMENT, model=None)

    assert (whole.status, alone.status) == (201, 201)


@pytest.mark.parametrize(
    ("properties", "status", "target", "said"),
    [
        ({}, 400, "model", "is missing, and so is codeConfiguration"),
        ({"model": "azureml:flow:9"}, 404, "model", "There is flow:1."),
        ({"model": "azureml:flo:1"}, 404, "model", "Did you mean 'flow'?"),
        ({"model": "azureml://datastores/nowhere/paths/m"}, 404, "model", "names the datastore 'nowhere'"),
        ({"model": "azureml://registries/azureml/models/m/versions/1"}, 501, "model", "the registry azureml"),
        ({"model": "./m"}, 400, "model", "no URI that Azure ML knows"),
        ({"model": CUSTOM}, 400, "codeConfiguration", "only MLflow models need no script"),
        ({"model": TRITON}, 501, "model", "has no Triton server"),
        ({"model": CUSTOM, "environmentId": "azureml:server:1"}, 501, "environmentId", "in a container"),
        ({"codeConfiguration": SCRIPT}, 400, "environmentId", "a scoring script runs in an environment"),
        ({"codeConfiguration": SCRIPT, "environmentId": "azureml:no:1"}, 404, "environmentId", "environment"),
        ({"codeConfiguration": {"codeId": CODE}}, 400, "codeConfiguration", "Give both"),
        (
            {"codeConfiguration": {**SCRIPT, "codeId": CODE.replace("/code/", "/none/")}, "environmentId": ENVIRONMENT},
            404, "codeId", "code asset",
        ),
        (
            {"codeConfiguration": {**SCRIPT, "scoringScript": "score.py"}, "environmentId": ENVIRONMENT},
            400, "codeConfiguration.scoringScript", "Did you mean 'src/score.py'?",
        ),
        (
            {"codeConfiguration": {**SCRIPT, "scoringScript": "../code/src/score.py"}, "environmentId": ENVIRONMENT},
            400, "codeConfiguration.scoringScript", "which the code snapshot does not have",
        ),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_refused(
    online: Online, properties: dict[str, Any], status: int, target: str, said: str
) -> None:
    online.endpoint()

    found = refused(online, **properties)

    assert found[0] == status
    assert found[1] == f"properties.{target}"
    assert said in found[2]


def test_a_deployment_needs_its_endpoint(online: Online) -> None:
    online.endpoint()

    status, found = online.ask("PUT", "onlineEndpoints/irys/deployments/blue", {"properties": {}})

    assert (status, found["error"]["code"]) == (404, "ParentResourceNotFound")
    assert "Did you mean 'iris'?" in found["error"]["message"]


@pytest.mark.parametrize("name", ["ab", "1st", "blue_2", "blue-"])
def test_a_name_outside_azures_rules_is_refused(online: Online, name: str) -> None:
    online.endpoint()

    found = refused(online, f"onlineEndpoints/iris/deployments/{name}", model="azureml:flow:1")

    assert (found[0], found[1]) == (400, "name")


def test_the_shape_is_that_of_the_endpoint(online: Online) -> None:
    online.endpoint()

    status, target, message = refused(online, model="azureml:flow:1", endpointComputeType="Kubernetes")

    assert (status, target) == (400, "properties.endpointComputeType")
    assert "is Kubernetes, but the endpoint 'iris' is Managed" in message


def test_a_kubernetes_endpoint_takes_kubernetes_deployments_only(online: Online) -> None:
    online.ask("PUT", "computes/k8s", {"properties": {"computeType": "Kubernetes", "properties": {}}})
    online.endpoint(compute="azureml:k8s")

    assert refused(online, model="azureml:flow:1")[1] == "properties.endpointComputeType"
    made = online.deployment(endpointComputeType="Kubernetes", instanceType="whatever")
    assert made.status == 201


def test_more_than_twenty_deployments_are_refused(online: Online) -> None:
    online.endpoint()
    for number in range(20):
        assert online.deployment(f"d-{number}").status == 201

    assert "20 is the most" in refused(online, f"{PATH}-21", model="azureml:flow:1")[2]
    assert online.deployment("d-3").status == 200


def test_the_end_of_a_change_is_told_of_the_deployment(online: Online) -> None:
    online.endpoint()
    link = online.deployment().headers["Azure-AsyncOperation"]
    assert online.ask("GET", link)[1]["status"] == "InProgress"

    online.settle()

    assert online.ask("GET", link)[1]["status"] == "Succeeded"
    assert online.ask("GET", PATH)[1]["properties"]["provisioningState"] == "Succeeded"


def test_a_failure_is_told_with_its_sentence(online: Online) -> None:
    online.endpoint()
    link = online.deployment().headers["Azure-AsyncOperation"]

    online.settle("Failed", code="UserScriptInit", message="init() raised ValueError: no.")

    _, found = online.ask("GET", link)
    assert found["status"] == "Failed"
    assert found["error"] == {"code": "UserScriptInit", "message": "init() raised ValueError: no."}
    status, found = online.ask("GET", link.replace("mfeOperationsStatus", "mfeOperationResults"))
    assert (status, found["error"]["message"]) == (400, "init() raised ValueError: no.")


def test_a_change_that_another_one_overtook_is_canceled_and_cannot_end_it(online: Online) -> None:
    online.endpoint()
    first = online.deployment()
    older = online.held().body["_local"]["operation"]
    second = online.deployment()

    assert not states.settle(online.workspace, "iris", "blue", older, "Succeeded")
    assert states.state(online.held()) == "Updating"
    _, found = online.ask("GET", first.headers["Azure-AsyncOperation"])
    assert (found["status"], found["error"]["code"]) == ("Canceled", "OperationCanceled")
    assert "was changed again" in found["error"]["message"]
    assert online.ask("GET", second.headers["Azure-AsyncOperation"])[1]["status"] == "InProgress"


def test_an_operation_of_nothing_is_not_found(online: Online) -> None:
    online.endpoint()
    link = online.deployment().headers["Azure-AsyncOperation"]

    assert online.ask("GET", link.rpartition("/")[0] + "/nonsense")[0] == 404
    assert online.ask("GET", link.replace(online.workspace.entry.id, "0"))[0] == 404


def test_a_put_that_changes_nothing_that_runs_is_over_at_once(online: Online) -> None:
    online.ready("blue")

    response = online.send("PUT", PATH, {"tags": {"a": "b"}, "properties": {"model": "azureml:flow:1"}})

    found = json.loads(response.body)
    assert (response.status, found["properties"]["provisioningState"], found["tags"]) == (200, "Succeeded", {"a": "b"})
    assert "Azure-AsyncOperation" not in response.headers


def test_a_put_of_the_same_after_a_failure_tries_again(online: Online) -> None:
    online.endpoint()
    online.deployment()
    online.settle("Failed", code="x", message="y")

    found = json.loads(online.deployment().body)

    assert found["properties"]["provisioningState"] == "Updating"
    assert online.held().body["_local"]["error"] is None


def test_a_patch_changes_the_number_of_instances(online: Online) -> None:
    online.ready("blue")

    response = online.send("PATCH", PATH, {"sku": {"capacity": 3}})

    found = json.loads(response.body)
    assert (response.status, found["sku"]) == (202, {"name": "Default", "capacity": 3})
    assert found["properties"]["provisioningState"] == "Updating"
    assert online.refused("PATCH", PATH, {"sku": {"capacity": 0}})[1] == "properties.sku.capacity"


def test_a_patch_of_tags_is_over_at_once(online: Online) -> None:
    online.ready("blue")

    assert online.send("PATCH", PATH, {"tags": {"a": "1"}}).status == 200


def test_the_interpreter_is_that_of_whoever_sent_it(online: Online) -> None:
    online.endpoint()
    said = json.dumps({"executable": "/py", "prefix": "/pre"})
    body = {"properties": {"model": "azureml:flow:1"}}
    online.send("PUT", PATH, body, x_jupyter_aml_interpreter=said)
    online.settle()
    online.send("PUT", PATH, body)

    assert online.held().body["_local"]["interpreter"] == {"executable": "/py", "prefix": "/pre"}
    assert states.state(online.held()) == "Succeeded"
    online.send("PUT", PATH, body, x_jupyter_aml_interpreter=said.replace("/py", "/other"))
    assert states.state(online.held()) == "Updating"


@pytest.mark.parametrize(("field", "word"), [("traffic", "live"), ("mirrorTraffic", "mirrored")])
def test_a_deployment_that_takes_traffic_cannot_be_deleted(online: Online, field: str, word: str) -> None:
    online.ready("blue", "green")
    shares = {"traffic": {"blue": 100}} if field == "traffic" else {"traffic": {"green": 100}, field: {"blue": 20}}
    online.endpoint(**shares)

    status, target, message = online.refused("DELETE", PATH)

    assert (status, target) == (400, f"properties.{field}")
    assert f"of the {word} traffic of the endpoint 'iris'" in message
    assert "Take its traffic away first" in message


def test_a_deployment_without_traffic_is_gone_when_it_has_ended(online: Online) -> None:
    online.ready("blue")

    response = online.send("DELETE", PATH)

    link = response.headers["Azure-AsyncOperation"]
    assert (response.status, online.ask("GET", link)[1]["status"]) == (202, "InProgress")
    assert online.held().body["_local"]["deleting"] is True
    assert online.deployment().status == 409
    online.settle()
    assert online.ask("GET", link)[1]["status"] == "Succeeded"
    assert online.ask("GET", PATH)[0] == 404
    assert online.ask("DELETE", PATH)[0] == 204
    assert online.ask("DELETE", "onlineEndpoints/none/deployments/blue")[0] == 204


def test_deployments_are_listed_in_the_order_they_were_made(online: Online) -> None:
    online.ready("green", "blue", "red")

    _, first = online.ask("GET", "onlineEndpoints/iris/deployments?$top=2")
    _, second = online.ask("GET", first["nextLink"])

    assert [one["name"] for page in (first, second) for one in page["value"]] == ["green", "blue", "red"]


def test_what_runs_is_told_with_the_deployment(online: Online) -> None:
    online.ready("blue")
    place = places.endpoint(online.workspace.folder, "iris")
    place.folder.mkdir(parents=True)
    told = {"state": "Unhealthy", "ready": 1, "wanted": 2, "error": {"code": "x", "message": "It ended."}}
    place.status.write_text(json.dumps({"deployments": {"blue": told}}), encoding="utf-8")

    for found in (online.ask("GET", PATH)[1], online.ask("GET", "onlineEndpoints/iris/deployments")[1]["value"][0]):
        inner = found["properties"]["properties"]
        shown = {key.rpartition(".")[2]: value for key, value in inner.items() if key.startswith("azureml.local.")}
        assert shown == {"state": "Unhealthy", "ready": "1", "replicas": "2", "error": "It ended."}


def test_the_last_lines_of_the_log_are_given(online: Online) -> None:
    online.ready("blue")
    place = places.endpoint(online.workspace.folder, "iris").deployment("blue")
    place.logs.mkdir(parents=True)
    place.replica_log(1).write_text("".join(f"line {n}\n" for n in range(20_000)), encoding="utf-8")
    place.preparing.write_text("code\nmodel\n", encoding="utf-8")

    def content(**asked: Any) -> str:
        return str(online.ask("POST", f"{PATH}/getLogs", asked)[1]["content"])

    assert content(tail=2) == "line 19998\nline 19999"
    assert len(content(tail=15_000).splitlines()) == 15_000
    assert content(tail=1, containerType="storageInitializer") == "model"
    place.replica_log(2).write_text("the other", encoding="utf-8")
    assert {"line 19999", "the other"} <= set(content(tail=4).splitlines())


def test_a_log_of_an_unknown_container_is_refused(online: Online) -> None:
    online.ready("blue")

    assert online.refused("POST", f"{PATH}/getLogs", {"containerType": "Sidecar"})[1] == "containerType"
    assert online.refused("POST", f"{PATH}/getLogs", {"tail": -1})[:2] == (400, "tail")
    assert online.ask("POST", f"{PATH}/getLogs", {}) == (200, {"content": ""})


def test_a_line_that_is_no_text_is_shown_all_the_same(online: Online) -> None:
    path = online.workspace.folder / "x.log"
    path.write_bytes(b"a\xff\nb")

    assert logs.last_lines(path, 5) == ["a\ufffd", "b"]
    assert logs.last_lines(path.with_name("none"), 5) == []


def test_skus_say_how_many_instances_there_may_be(online: Online) -> None:
    online.ready("blue")

    _, found = online.ask("GET", f"{PATH}/skus")

    assert found["value"][0]["capacity"] == {"default": 1, "minimum": 1, "maximum": 50, "scaleType": "Automatic"}
