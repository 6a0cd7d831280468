"""Endpoints and AutoML of a workspace in Azure, whose REST this file answers in the page's own browser."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.book import DARK, LIGHT, Book
from tests.browser.panel import HARM, Service, faultless, fold, page_of, row

pytestmark = pytest.mark.browser

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


class Azure:
    """What Azure would answer, and what it was asked to change."""

    def __init__(self) -> None:
        self.changed: list[tuple[str, str, Any]] = []
        self.invoked: list[dict[str, Any]] = []
        self.updating = 0
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


@pytest.fixture
def azure(panel: Locator, desk: Page, service: Service) -> Iterator[Azure]:
    """A workspace in Azure, chosen in the panel."""
    made = Azure()
    pattern = "**/jupyter-aml/**"
    desk.route(pattern, made.answer)
    refresh = panel.get_by_role("button", name="Fetch everything anew")
    refresh.click()
    panel.get_by_label("Workspace", exact=True).select_option(WORKSPACE)
    expect(panel.locator(".jp-AmlLab-badge")).to_have_text("AZURE")
    yield made
    panel.get_by_label("Workspace", exact=True).select_option(service.workspace)
    fold(panel, "Jobs")
    desk.unroute(pattern, made.answer)
    refresh.click()
    expect(panel.get_by_label("Workspace", exact=True).locator(f"option[value='{WORKSPACE}']")).to_have_count(0)


@pytest.fixture
def endpoint(azure: Azure, panel: Locator, desk: Page) -> Locator:
    """The page of an online endpoint."""
    fold(panel, "Online endpoints")
    row(panel, "iris").click()
    return page_of(desk, "iris")


def test_azure_has_sections_that_this_machine_does_not_have(azure: Azure, panel: Locator, service: Service) -> None:
    for title in ("Online endpoints", "Batch endpoints", "Schedules", "Connections"):
        expect(panel.get_by_role("button", name=title, exact=True)).to_be_visible()
    fold(panel, "Online endpoints")
    expect(row(panel, "iris")).to_be_visible()

    panel.get_by_label("Workspace", exact=True).select_option(service.workspace)
    expect(panel.get_by_role("button", name="Online endpoints", exact=True)).to_have_count(0)


def test_an_endpoint_shows_its_deployments_and_why_one_failed(endpoint: Locator, desk: Page) -> None:
    expect(endpoint.locator(".jp-AmlLab-head")).to_contain_text("Succeeded")
    expect(endpoint.locator(".jp-AmlLab-badge")).to_have_text("AZURE")
    first = endpoint.get_by_role("row").filter(has_text="Standard_DS3_v2").first
    expect(first.get_by_role("cell")).to_have_text(
        ["blue", "✓Succeeded", "iris:3", "sklearn:7", "Standard_DS3_v2", "2", "90", "0"]
    )
    expect(endpoint.get_by_label("Why red failed")).to_contain_text(f"No module {HARM}")
    assert desk.evaluate("() => window.harmed") is None
    faultless(desk)


def test_traffic_is_saved_when_it_is_whole_and_followed_until_it_is_so(
    azure: Azure, endpoint: Locator, desk: Page
) -> None:
    save = endpoint.get_by_role("button", name="Save traffic")
    expect(save).to_be_disabled()

    endpoint.get_by_label("Traffic of blue", exact=True).fill("40")
    expect(endpoint.get_by_text("50 % are missing to 100 %.")).to_be_visible()
    expect(save).to_be_disabled()
    slider = endpoint.get_by_label("Traffic of green, slider", exact=True)
    slider.focus()
    for _ in range(50):
        slider.press("ArrowRight")
    expect(endpoint.get_by_label("Traffic of green", exact=True)).to_have_value("60")
    faultless(desk)
    save.click()

    expect(endpoint.locator(".jp-AmlLab-head")).to_contain_text("Updating")
    expect(endpoint.locator(".jp-AmlLab-head")).to_contain_text("Succeeded")
    method, path, body = azure.changed[-1]
    assert (method, path) == ("PUT", "onlineEndpoints/iris")
    assert body["properties"]["traffic"] == {"blue": 40, "green": 60}
    assert body["identity"] == {"type": "SystemAssigned"}
    assert "scoringUri" not in body["properties"]


def test_traffic_that_somebody_else_has_changed_is_not_overwritten_unseen(
    azure: Azure, endpoint: Locator, desk: Page
) -> None:
    endpoint.get_by_label("Traffic of blue", exact=True).fill("0")
    endpoint.get_by_label("Traffic of green", exact=True).fill("100")
    azure.traffic = {"blue": 50, "green": 50}
    endpoint.get_by_role("button", name="Save traffic").click()

    expect(desk.get_by_text("Somebody else has changed the traffic")).to_be_visible()
    expect(endpoint.get_by_role("cell", name="50", exact=True)).to_have_count(2)
    assert azure.changed == []
    endpoint.get_by_role("button", name="Save traffic").click()
    expect(endpoint.get_by_role("cell", name="100", exact=True)).to_have_count(1)
    assert azure.traffic == {"green": 100}


def test_a_test_call_begins_with_what_the_endpoint_takes(azure: Azure, endpoint: Locator, desk: Page) -> None:
    endpoint.get_by_role("tab", name="Test").click()
    body = endpoint.get_by_label("Body, JSON")
    expect(body).to_have_value('{\n  "input_data": [\n    [\n      5.1\n    ]\n  ]\n}')
    endpoint.get_by_label("Deployment", exact=True).select_option("green")
    for _ in range(3):
        endpoint.get_by_role("button", name="Send", exact=True).click()
        expect(endpoint.get_by_role("button", name="Send", exact=True)).to_be_enabled()

    expect(endpoint.get_by_label("Body of the answer")).to_have_text('{\n  "label": "setosa"\n}')
    expect(endpoint.get_by_text("11.5 ms", exact=True)).to_be_visible()
    expect(endpoint.get_by_text("over 3 calls")).to_be_visible()
    assert {(one["segment"], one["name"], one["deployment"]) for one in azure.invoked} == {
        ("onlineEndpoints", "iris", "green")
    }
    faultless(desk)

    body.fill('{"input_data": "x"}')
    endpoint.get_by_role("button", name="Send", exact=True).click()
    expect(endpoint.get_by_label("Body of the answer")).to_contain_text("ValueError: a number was expected")
    expect(endpoint.get_by_text("424", exact=True)).to_be_visible()
    body.fill("{")
    expect(endpoint.get_by_role("button", name="Send", exact=True)).to_be_disabled()


def test_the_log_of_a_container_is_chosen_and_read(endpoint: Locator, desk: Page) -> None:
    endpoint.get_by_role("tab", name="Logs").click()
    log = endpoint.get_by_role("log")
    expect(log).to_contain_text("InferenceServer of blue is ready")
    endpoint.get_by_label("Container", exact=True).select_option("StorageInitializer")
    endpoint.get_by_label("Deployment", exact=True).select_option("green")

    expect(log).to_contain_text("StorageInitializer of green is ready")
    assert desk.evaluate("() => window.harmed") is None
    faultless(desk)


def test_the_line_that_asks_an_endpoint_is_put_into_the_notebook(
    endpoint: Locator, panel: Locator, desk: Page, opened: Callable[..., Book]
) -> None:
    expect(endpoint.get_by_role("button", name="Insert code")).to_be_visible()
    book = opened("1")
    row(panel, "iris").click()
    endpoint.get_by_role("button", name="Insert code").click()

    expect(book.cell(1)).to_be_visible()
    source = "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.source"
    assert desk.evaluate(source) == "%aml online-endpoint invoke --name iris --request-file request.json"


def test_an_endpoint_is_deleted_after_a_question(azure: Azure, endpoint: Locator, desk: Page) -> None:
    endpoint.get_by_role("button", name="Delete", exact=True).click()
    dialog = desk.get_by_role("dialog")
    expect(dialog).to_contain_text('Delete the endpoint "iris" with 3 deployments?')
    dialog.get_by_role("button", name="Cancel").click()
    assert azure.changed == []

    endpoint.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete").click()
    expect(endpoint.locator(".jp-AmlLab-head")).to_contain_text("Deleted")
    expect(endpoint.get_by_role("button", name="Delete", exact=True)).to_have_count(0)
    assert azure.changed == [("DELETE", "onlineEndpoints/iris", None)]


def test_a_batch_endpoint_has_a_default_deployment_and_jobs(azure: Azure, panel: Locator, desk: Page) -> None:
    fold(panel, "Batch endpoints")
    row(panel, "nightly").click()
    page = page_of(desk, "nightly")

    expect(page.get_by_role("row").filter(has_text="first").first).to_contain_text("★ default")
    page.get_by_label("Default deployment").select_option("second")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    assert azure.changed[-1][2]["properties"]["defaults"] == {"deploymentName": "second"}
    faultless(desk)
    page.get_by_role("tab", name="Jobs").click()
    expect(page.get_by_role("button", name="batchjob-1")).to_be_visible()
    expect(page.get_by_role("tab", name="Test")).to_have_count(0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_an_automl_job_has_a_leaderboard(azure: Azure, panel: Locator, desk: Page, theme: str) -> None:
    desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    try:
        fold(panel, "Jobs")
        row(panel, "flowers").first.click()
        page = page_of(desk, "flowers")
        expect(page.get_by_text("species", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="iris:2")).to_be_visible()
        faultless(desk)

        page.get_by_role("tab", name="Models").click()
        rows = page.get_by_role("row")
        expect(rows.nth(1).get_by_role("cell")).to_have_text(
            ["1", "MaxAbsScaler, LightGBM", "0.981", "42 s", "✓Completed", "★ best"]
        )
        expect(rows.nth(2)).to_contain_text("LogisticRegression")
        expect(page.get_by_text("2 of at most 3 models completed")).to_be_visible()
        expect(page.locator(".jp-AmlLab-chart polyline")).to_have_count(1)
        faultless(desk)
    finally:
        desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", LIGHT)
