"""Settings of deployments: what is refused, and what the host reads of what was kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.serving.online import settings

from .online import Online

PATH = "onlineEndpoints/iris/deployments/blue"
COLLECTION = {"model_inputs": {"dataCollectionMode": "enabled", "samplingRate": 0.5, "dataId": "x"}}


def kept(online: Online, **properties: Any) -> dict[str, Any]:
    """The properties of a deployment that was put."""
    online.endpoint()
    response = online.deployment(**properties)
    assert response.status == 201, response.body
    return dict(json.loads(response.body)["properties"])


@pytest.mark.parametrize(
    ("properties", "field", "said"),
    [
        ({"requestSettings": {"requestTimeout": "PT3M1S"}}, "requestSettings.requestTimeout", "0.001 to 180 s"),
        ({"requestSettings": {"requestTimeout": "PT0S"}}, "requestSettings.requestTimeout", "0.001 to 180 s"),
        ({"requestSettings": {"requestTimeout": "5"}}, "requestSettings.requestTimeout", "ISO 8601 duration"),
        (
            {"requestSettings": {"maxConcurrentRequestsPerInstance": 0}},
            "requestSettings.maxConcurrentRequestsPerInstance", "a whole number of 1 or more",
        ),
        ({"requestSettings": {"maxQueueWait": "-PT1S"}}, "requestSettings.maxQueueWait", "ISO 8601 duration"),
        ({"requestSettings": 5}, "requestSettings", "which is no object"),
        ({"livenessProbe": {"period": "PT0S"}}, "livenessProbe.period", "at least 1 s"),
        ({"readinessProbe": {"failureThreshold": 0}}, "readinessProbe.failureThreshold", "1 or more"),
        ({"scaleSettings": {"scaleType": "Manual"}}, "scaleSettings.scaleType", "expected Default or Target"),
        ({"scaleSettings": {"scaleType": "targetutilization"}}, "scaleSettings.scaleType", "only Kubernetes"),
        ({"dataCollector": {"collections": {}}}, "dataCollector.collections", "is empty"),
        (
            {"dataCollector": {"collections": {"a": {"samplingRate": 1.5}}}},
            "dataCollector.collections.a.samplingRate", "a number from 0 to 1",
        ),
        (
            {"dataCollector": {"collections": {"a": {"dataCollectionMode": "On"}}}},
            "dataCollector.collections.a.dataCollectionMode", "expected Enabled or Disabled",
        ),
        ({"dataCollector": {"collections": {"a/b": {}}}}, "dataCollector.collections.a/b", "is no collection"),
        (
            {"dataCollector": {"collections": COLLECTION, "rollingRate": "second"}},
            "dataCollector.rollingRate", "expected Year or Month",
        ),
        (
            {"dataCollector": {"collections": COLLECTION, "requestLogging": {"captureHeaders": "x"}}},
            "dataCollector.requestLogging.captureHeaders", "no list",
        ),
        ({"environmentVariables": {"A=B": "1"}}, "environmentVariables", "has the name 'A=B'"),
        ({"environmentVariables": {"A": 1}}, "environmentVariables.A", "a text was expected"),
        ({"instanceType": "gigantic"}, "instanceType", "no size of Azure's"),
        ({"properties": ["a"]}, "properties", "which is no object"),
        (
            {"containerResourceRequirements": {"containerResourceLimits": {"memory": "lots"}}},
            "containerResourceRequirements.containerResourceLimits.memory", "no amount of memory",
        ),
        (
            {"containerResourceRequirements": {"containerResourceRequests": {"cpu": "one"}}},
            "containerResourceRequirements.containerResourceRequests.cpu", "is 'one'",
        ),
    ],
)  # fmt: skip
def test_a_setting_that_azure_refuses_is_refused(
    online: Online, properties: dict[str, Any], field: str, said: str
) -> None:
    online.endpoint()

    status, target, message = online.refused("PUT", PATH, {"properties": {"model": "azureml:flow:1", **properties}})

    assert (status, target) == (400, f"properties.{field}")
    assert said in message


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, "2", 51])
def test_a_number_of_instances_that_azure_refuses_is_refused(online: Online, capacity: object) -> None:
    online.endpoint()
    body = {"sku": {"name": "Default", "capacity": capacity}, "properties": {"model": "azureml:flow:1"}}

    assert online.refused("PUT", PATH, body)[:2] == (400, "properties.sku.capacity")


def test_limits_on_requests_are_read_in_seconds(online: Online) -> None:
    asked = {"requestTimeout": "PT1M30.5S", "maxConcurrentRequestsPerInstance": 7, "maxQueueWait": "PT0S"}
    found = kept(online, requestSettings={**asked, "other": None})

    assert found["requestSettings"] == asked
    assert settings.requests(found) == {"timeout": 90.5, "concurrent": 7, "queue": 0.0}
    assert settings.requests({}) == {"timeout": 5.0, "concurrent": None, "queue": None}


def test_a_kubernetes_deployment_may_take_longer_and_scale_to_nothing(online: Online) -> None:
    online.ask("PUT", "computes/k8s", {"properties": {"computeType": "Kubernetes", "properties": {}}})
    online.endpoint(compute="azureml:k8s")
    body = {
        "sku": {"name": "Default", "capacity": 0},
        "properties": {
            "model": "azureml:flow:1",
            "endpointComputeType": "kubernetes",
            "requestSettings": {"requestTimeout": "PT5M"},
            "containerResourceRequirements": {"containerResourceLimits": {"cpu": "500m", "memory": "0.5Gi"}},
        },
    }

    status, found = online.ask("PUT", PATH, body)

    assert (status, found["kind"], found["sku"]["capacity"]) == (201, "Kubernetes", 0)
    assert settings.memory_limit(found["properties"]) == 512 << 20


def test_what_was_said_of_a_probe_is_read_in_seconds(online: Online) -> None:
    found = kept(online, livenessProbe={"initialDelay": "PT0S", "timeout": "PT2S", "failureThreshold": 3})

    assert settings.probe(found, "livenessProbe") == {"initial_delay": 0.0, "timeout": 2.0, "failures": 3}
    assert settings.probe(found, "readinessProbe") == {}


@pytest.mark.parametrize(
    ("scale", "read"),
    [
        ({}, {"min": 1, "max": 1, "target": 70, "interval": 1.0}),
        ({"minInstances": 2}, {"min": 2, "max": 2, "target": 70, "interval": 1.0}),
        (
            {"minInstances": 0, "maxInstances": 5, "targetUtilizationPercentage": 50, "pollingInterval": "PT10S"},
            {"min": 0, "max": 5, "target": 50, "interval": 10.0},
        ),
    ],
)
def test_target_utilization_is_read(scale: dict[str, Any], read: dict[str, Any]) -> None:
    properties: dict[str, Any] = {"scaleSettings": {"scaleType": "TargetUtilization", **scale}}
    settings.check_scale(properties, settings.KUBERNETES)

    assert settings.scale(properties) == read


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ({"minInstances": 3, "maxInstances": 2}, "scales from 3 to 2 instances"),
        ({"minInstances": -1}, "0 or more"),
        ({"maxInstances": 0, "minInstances": 0}, "1 or more"),
        ({"targetUtilizationPercentage": 0}, "1 to 100"),
        ({"targetUtilizationPercentage": 101}, "1 to 100"),
        ({"pollingInterval": "PT0.1S"}, "at least 1 s"),
    ],
)
def test_target_utilization_keeps_its_ranges(scale: dict[str, Any], said: str) -> None:
    with pytest.raises(ResourceError, match=said):
        settings.check_scale({"scaleSettings": {"scaleType": "TargetUtilization", **scale}}, settings.KUBERNETES)


def test_a_data_collector_is_kept_in_azures_spelling(online: Online) -> None:
    collector = {
        "collections": {**COLLECTION, "model_outputs": {}},
        "rollingRate": "minute",
        "requestLogging": {"captureHeaders": ["user-agent"]},
    }

    found = kept(online, dataCollector=collector)

    assert found["dataCollector"]["collections"]["model_inputs"]["dataCollectionMode"] == "Enabled"
    assert found["dataCollector"]["rollingRate"] == "Minute"
    assert settings.collector(found) == {
        "collections": {
            "model_inputs": {"enabled": True, "sampling": 0.5},
            "model_outputs": {"enabled": False, "sampling": 1.0},
        },
        "headers": ["user-agent"],
        "rolling": "minute",
    }
    assert settings.collector({"dataCollector": {"collections": {"a": {"dataCollectionMode": "Disabled"}}}}) is None


@pytest.mark.parametrize(
    ("text", "count"), [("1Gi", 1 << 30), ("512Mi", 512 << 20), ("1.5G", 1_500_000_000), ("1024", 1024), ("2k", 2000)]
)
def test_memory_is_read_in_bytes(text: str, count: int) -> None:
    assert settings.memory(text) == count
