"""Traffic of online endpoints through the service: live and mirrored shares, and when they are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .online import Online

BLUE = {"properties": {"authMode": "Key", "traffic": {"blue": 100}}}


def put(traffic: dict[str, Any], mirror: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"properties": {"authMode": "Key", "traffic": traffic, "mirrorTraffic": mirror or {}}}


@pytest.mark.parametrize(
    ("traffic", "said"),
    [
        ({"blue": 90}, "sums to 90; 100 was expected"),
        ({"blue": 60, "green": 60}, "sums to 120"),
        ({"blue": 101}, "a whole number of 0 to 100 was expected"),
        ({"blue": -1}, "a whole number of 0 to 100 was expected"),
        ({"blue": 99.5}, "a whole number of 0 to 100 was expected"),
        ({"blue": "100"}, "a whole number of 0 to 100 was expected"),
        ({"blu": 100}, "Did you mean 'blue'?"),
        ([], "which is no object"),
    ],
)
def test_traffic_that_does_not_add_up_is_refused(online: Online, traffic: Any, said: str) -> None:
    online.ready("blue", "green")

    status, target, message = online.refused("PUT", "onlineEndpoints/iris", put(traffic))

    assert status == 400
    assert target.startswith("properties.traffic")
    assert said in message
    assert online.held("").body["properties"]["traffic"] == {}


@pytest.mark.parametrize("traffic", [{"blue": 100}, {"blue": 90, "green": 10}, {"blue": 0, "green": 0}, {}])
def test_traffic_is_all_or_none(online: Online, traffic: dict[str, int]) -> None:
    online.ready("blue", "green")

    status, found = online.ask("PUT", "onlineEndpoints/iris", put(traffic))

    assert (status, found["properties"]["traffic"]) == (200, traffic)


def test_traffic_bears_the_names_as_the_deployments_are_spelled(online: Online) -> None:
    online.ready("Blue")

    assert online.ask("PUT", "onlineEndpoints/iris", put({"bLUE": 100}))[1]["properties"]["traffic"] == {"Blue": 100}


def test_traffic_that_is_not_sent_stays(online: Online) -> None:
    online.ready("blue")
    online.ask("PUT", "onlineEndpoints/iris", BLUE)
    online.settle()

    _, found = online.ask("PUT", "onlineEndpoints/iris", {"properties": {"authMode": "Key", "description": "d"}})

    assert found["properties"]["traffic"] == {"blue": 100}
    assert found["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize("state", ["Creating", "Failed"])
def test_a_deployment_that_is_not_ready_is_given_no_traffic(online: Online, state: str) -> None:
    online.endpoint()
    online.deployment()
    if state == "Failed":
        online.settle("Failed", code="x", message="y")

    _, target, message = online.refused("PUT", "onlineEndpoints/iris", BLUE)

    assert target == "properties.traffic"
    assert f"gives 100 % to the deployment 'blue', which is {state}" in message


def test_a_deployment_keeps_the_traffic_it_had_when_an_update_fails(online: Online) -> None:
    online.ready("blue", "green")
    online.ask("PUT", "onlineEndpoints/iris", BLUE)
    online.settle()
    online.deployment(appInsightsEnabled=True)
    online.settle("Failed", code="x", message="y")

    assert online.ask("PUT", "onlineEndpoints/iris", put({"blue": 50, "green": 50}))[0] == 200


@pytest.mark.parametrize(
    ("mirror", "said"),
    [
        ({"green": 51}, "a whole number of 0 to 50 was expected"),
        ({"green": 10, "red": 10}, "mirrors to more than one deployment"),
        ({"blue": 10}, "which takes 100 % of the live traffic"),
        ({"grey": 10}, "Did you mean 'green'?"),
    ],
)
def test_mirrored_traffic_keeps_azures_rules(online: Online, mirror: dict[str, int], said: str) -> None:
    online.ready("blue", "green", "red")

    status, target, message = online.refused("PUT", "onlineEndpoints/iris", put({"blue": 100}, mirror))

    assert status == 400
    assert target.startswith("properties.mirrorTraffic")
    assert said in message


def test_a_kubernetes_endpoint_mirrors_nothing(online: Online) -> None:
    online.ask("PUT", "computes/k8s", {"properties": {"computeType": "Kubernetes", "properties": {}}})
    online.endpoint(compute="azureml:k8s")
    online.deployment(endpointComputeType="Kubernetes")
    online.settle()
    body = {"properties": {"authMode": "Key", "compute": "azureml:k8s", "mirrorTraffic": {"blue": 10}}}

    _, target, message = online.refused("PUT", "onlineEndpoints/iris", body)

    assert (target, "only managed endpoints have" in message) == ("properties.mirrorTraffic", True)


def test_traffic_is_mirrored_to_one_deployment(online: Online) -> None:
    online.ready("blue", "green")

    _, found = online.ask("PUT", "onlineEndpoints/iris", put({"blue": 100}, {"green": 50}))

    assert found["properties"]["mirrorTraffic"] == {"green": 50}


def test_a_change_of_traffic_goes_on_until_the_endpoint_has_taken_it(online: Online) -> None:
    online.ready("blue")

    response = online.send("PUT", "onlineEndpoints/iris", BLUE)

    assert json.loads(response.body)["properties"]["provisioningState"] == "Updating"
    link = response.headers["Azure-AsyncOperation"]
    assert online.ask("GET", link)[1]["status"] == "InProgress"
    online.settle()
    assert online.ask("GET", link)[1]["status"] == "Succeeded"
