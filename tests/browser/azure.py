"""A workspace in Azure, whose REST is answered in the page's own browser."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from playwright.sync_api import Route

from tests.browser.panel import HARM

WORKSPACE = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/away"
    "/providers/Microsoft.MachineLearningServices/workspaces/cloud"
)
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/iris"
OPERATION = "/subscriptions/1/providers/Microsoft.MachineLearningServices/locations/westeurope/mfeOperationsStatus/od:1"
WRITTEN = {"createdAt": "2026-01-01T00:00:00Z", "createdBy": "Ada", "lastModifiedAt": "2026-01-02T00:00:00Z"}
SWAGGER = {
    "swagger": "2.0",
    "paths": {"/score": {"post": {"parameters": [{"in": "body", "schema": {"example": {"input_data": [[5.1]]}}}]}}},
}
TASK = {
    "taskType": "Classification",
    "primaryMetric": "AUCWeighted",
    "targetColumnName": "species",
    "trainingData": {"jobInputType": "mltable", "uri": f"{WORKSPACE}/data/iris/versions/2"},
    "limitSettings": {"maxTrials": 3, "timeout": "PT30M"},
}


def deployment(name: str, state: str = "Succeeded") -> dict[str, Any]:
    return {
        "id": f"{ENDPOINT}/deployments/{name}",
        "name": name,
        "location": "westeurope",
        "sku": {"name": "Default", "capacity": 2},
        "systemData": WRITTEN,
        "properties": {
            "endpointComputeType": "Managed",
            "model": f"{WORKSPACE}/models/iris/versions/3",
            "environmentId": f"{WORKSPACE}/environments/sklearn/versions/7",
            "instanceType": "Standard_DS3_v2",
            "provisioningState": state,
            "properties": {"AzureAsyncOperationUri": f"https://management.azure.com{OPERATION}?api-version=1"},
        },
    }


def child(number: int, algorithm: str, score: str, status: str = "Completed") -> dict[str, Any]:
    return {
        "runId": f"flowers_{number}",
        "status": status,
        "startTimeUtc": "2026-01-01T00:00:00Z",
        "endTimeUtc": "2026-01-01T00:00:42Z",
        "properties": {
            "iteration": str(number),
            "pipeline_id": str(number),
            "goal": "AUC_weighted_max",
            "primary_metric": "AUC_weighted",
            "run_preprocessor": "MaxAbsScaler",
            "run_algorithm": algorithm,
            "score": score,
        },
    }


def measured(name: str, **dimensions: str) -> dict[str, Any]:
    """A series of Azure Monitor: something in each of the last ten minutes."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    told = [{"name": {"value": key}, "value": value} for key, value in dimensions.items()]
    value = {"RequestsPerMinute": 4.0, "RequestLatency_P50": 8.0, "RequestLatency_P90": 20.0}.get(name, 95.5)
    data = [
        {"timeStamp": (now - timedelta(minutes=minute)).isoformat(), "average": value + minute % 3}
        for minute in range(10)
    ]
    return {"metadatavalues": told, "data": data}


def metrics(names: list[str]) -> dict[str, Any]:
    """What Azure Monitor would answer."""
    found = []
    for name in names:
        dimensions: list[dict[str, str]] = [{"deployment": "blue"}, {"deployment": "green"}]
        if name == "RequestsPerMinute":
            status = {"blue": ["2xx"], "green": ["2xx", "5xx"]}
            dimensions = [{"deployment": who, "statusCodeClass": one} for who in status for one in status[who]]
        found.append({"name": {"value": name}, "timeseries": [measured(name, **one) for one in dimensions]})
    return {"value": found}


class Azure:
    """What Azure would answer, and what it was asked to change."""

    def __init__(self) -> None:
        self.changed: list[tuple[str, str, Any]] = []
        self.invoked: list[dict[str, Any]] = []
        self.updating = 0
        self.measured = 0
        self.traffic: dict[str, int] = {"blue": 90, "green": 10}
        self.gone = False
        self.deployments = [deployment("blue"), deployment("green"), deployment("red", "Failed")]

    def endpoint(self, state: str = "Succeeded") -> dict[str, Any]:
        return {
            "id": ENDPOINT,
            "name": "iris",
            "location": "westeurope",
            "kind": "Managed",
            "identity": {"type": "SystemAssigned", "principalId": "p"},
            "tags": {"note": HARM},
            "systemData": WRITTEN,
            "properties": {
                "authMode": "Key",
                "description": HARM,
                "provisioningState": state,
                "publicNetworkAccess": "Enabled",
                "scoringUri": "https://iris.westeurope.inference.ml.azure.com/score",
                "swaggerUri": "https://iris.westeurope.inference.ml.azure.com/swagger.json",
                "traffic": copy.copy(self.traffic),
                "mirrorTraffic": {},
            },
        }

    def batch(self) -> dict[str, Any]:
        held = {"authMode": "AADToken", "provisioningState": "Succeeded", "scoringUri": "https://n.example/jobs"}
        defaults = {"deploymentName": "first"}
        return {
            "id": f"{WORKSPACE}/batchEndpoints/nightly",
            "name": "nightly",
            "properties": {**held, "defaults": defaults},
        }

    def batch_deployment(self, name: str) -> dict[str, Any]:
        model = {"referenceType": "Id", "assetId": f"{WORKSPACE}/models/iris/versions/3"}
        held = {"model": model, "compute": f"{WORKSPACE}/computes/cpu", "provisioningState": "Succeeded"}
        return {"id": name, "name": name, "properties": {**held, "resources": {"instanceCount": 4}}}

    def job(self) -> dict[str, Any]:
        held = {"jobType": "AutoML", "status": "Completed", "displayName": "flowers", "taskDetails": TASK}
        return {"id": f"{WORKSPACE}/jobs/flowers", "name": "flowers", "systemData": WRITTEN, "properties": held}

    def runs(self) -> list[dict[str, Any]]:
        setup = {"runId": "flowers_setup", "status": "Completed", "properties": {}}
        best = child(1, "LightGBM", "0.981")
        return [child(2, "SVM", "nan", "Failed"), best, child(0, "LogisticRegression", "0.953"), setup]

    def found(self, method: str, path: str, body: Any) -> Any:
        """The answer to a request below the workspace; None where there is none."""
        if method != "GET":
            self.changed.append((method, path, body))
        if path == "onlineEndpoints/iris" and method == "PUT":
            self.traffic, self.updating = body["properties"]["traffic"], 2
        if path == "onlineEndpoints/iris" and method == "DELETE":
            self.gone = True
            return {}
        if path.endswith("/getLogs"):
            return {"content": f"{body['containerType']} of {path.split('/')[-2]} is ready\n{HARM}"}
        if path == "onlineEndpoints/iris":
            self.updating -= 1
            return None if self.gone else self.endpoint("Updating" if self.updating >= 0 else "Succeeded")
        run = {"runId": "flowers", "status": "Completed", "properties": {}, "tags": {}}
        answers: dict[str, Any] = {
            "onlineEndpoints": {"value": [] if self.gone else [self.endpoint()]},
            "onlineEndpoints/iris/deployments": {"value": self.deployments},
            "batchEndpoints": {"value": [self.batch()]},
            "batchEndpoints/nightly": self.batch(),
            "batchEndpoints/nightly/deployments": {
                "value": [self.batch_deployment(name) for name in ("first", "second")]
            },
            "batchEndpoints/nightly/jobs": {
                "value": [{"id": "b", "name": "batchjob-1", "properties": {"status": "Completed"}}]
            },
            "jobs": {"value": [self.job()]},
            "jobs/flowers": self.job(),
            "runs/flowers": run,
            "runs/flowers/children": {"value": self.runs()},
        }
        return answers.get(path, {"value": []} if "/" not in path else None)

    def answer(self, route: Route) -> None:
        """Answer what the page asks of Azure, and the workspace among those that there are."""
        request = route.request
        url = urlsplit(request.url)
        path = unquote(url.path).partition("/jupyter-aml/")[2]
        body = json.loads(request.post_data) if request.post_data else None
        if path == "workspaces":
            away = {"name": "cloud", "resourceGroup": "away", "id": WORKSPACE, "place": "AZURE", "profile": "mine"}
            route.fulfill(json={"value": [*route.fetch().json()["value"], away]})
        elif path == "invoke" and request.method == "POST" and body and body["workspace"] == WORKSPACE:
            self._scored(route, body)
        elif path == "invoke" and request.method == "GET":
            route.fulfill(json={"status": 200, "headers": {}, "body": json.dumps(SWAGGER), "milliseconds": 3})
        elif path == "log" and WORKSPACE in unquote(url.query):
            route.fulfill(json={"file": "", "text": "", "offset": 0, "next": 0, "size": 0, "final": True})
        elif OPERATION in f"/{path}":
            route.fulfill(json={"status": "Failed", "error": {"code": "BadArgument", "message": f"No module {HARM}"}})
        elif path.endswith("/Microsoft.Insights/metrics"):
            self.measured += 1
            route.fulfill(json=metrics(parse_qs(url.query)["metricnames"][0].split(",")))
        elif WORKSPACE in f"/{path}":
            found = self.found(request.method, path.partition(WORKSPACE[1:] + "/")[2], body)
            refused = {"error": {"code": "ResourceNotFound", "message": "It was not found."}}
            route.fulfill(status=404, json=refused) if found is None else route.fulfill(json=found)
        else:
            route.fallback()

    def _scored(self, route: Route, body: dict[str, Any]) -> None:
        self.invoked.append(body)
        good = "setosa" if "5.1" in body["body"] else None
        told = json.dumps({"label": good}) if good else "Traceback\nValueError: a number was expected"
        headers = {"azureml-model-deployment": body["deployment"] or "blue"}
        answer = {"status": 200 if good else 424, "headers": headers, "body": told, "milliseconds": 11.5}
        route.fulfill(json=answer)
