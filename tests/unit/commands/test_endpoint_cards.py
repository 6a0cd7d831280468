"""What the card of an endpoint is told by REST, and how an operation is waited for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.client import warm
from jupyter_aml.commands.actions import endpoints_card
from jupyter_aml.commands.actions.endpoints_waiting import Progress, begun, until_done
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.errors import ResourceError

warm.sdk()  # before the tests import it in the slow way

from azure.ai.ml._utils import _azureml_polling as helper  # noqa: E402 - after warm.sdk

MODEL = "azureml:/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/models/iris/versions/3"
OPERATION = "https://management.azure.com/operations/1"
ENDPOINT = {
    "name": "iris", "tags": {"team": "clinic"}, "systemData": {"createdAt": "2026-01-02T03:04:05Z"},
    "properties": {
        "provisioningState": "Succeeded", "scoringUri": "http://127.0.0.1:1/score", "authMode": "Key",
        "traffic": {"blue": 100}, "mirrorTraffic": {"green": 10},
    },
}  # fmt: skip
BLUE = {
    "name": "blue", "sku": {"capacity": 2},
    "properties": {
        "provisioningState": "Succeeded", "model": MODEL,
        "properties": {"azureml.local.state": "Healthy", "azureml.local.ready": "1", "azureml.local.replicas": "2"},
    },
}  # fmt: skip
GREEN = {
    "name": "green", "sku": {"capacity": 1},
    "properties": {
        "provisioningState": "Failed", "codeConfiguration": {"scoringScript": "score.py"},
        "properties": {"AzureAsyncOperationUri": OPERATION},
    },
}  # fmt: skip
TREES = {
    "name": "trees",
    "properties": {
        "provisioningState": "Succeeded", "model": {"assetId": MODEL, "referenceType": "Id"},
        "compute": "/subscriptions/s/computes/cluster", "resources": {"instanceCount": 2},
    },
}  # fmt: skip


class FakeRest:
    """Answers from a table of paths."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.found = found
        self.connection = SimpleNamespace(place="LOCAL", workspace_path="/w")

    def get(self, path: str) -> Any:
        if path not in self.found:
            raise ResourceError(path, status=404)
        return self.found[path]

    def items(self, path: str) -> Any:
        return iter(self.found[path])


def snapshot(operation: Any = None) -> dict[str, Any]:
    found = {"onlineEndpoints/iris": ENDPOINT, "onlineEndpoints/iris/deployments": [BLUE, GREEN]}
    more = {} if operation is None else {OPERATION: operation}
    return endpoints_card.snapshot(FakeRest({**found, **more}), "iris")  # type: ignore[arg-type]


def test_a_snapshot_has_the_endpoint_and_its_deployments() -> None:
    found = snapshot()

    assert (found["name"], found["place"], found["workspace"]) == ("iris", "LOCAL", "/w")
    assert (found["uri"], found["auth"], found["status"]) == ("http://127.0.0.1:1/score", "Key", "Succeeded")
    blue, green = found["deployments"]
    assert (blue["model"], blue["instances"], blue["traffic"], blue["mirror"]) == ("iris:3", 2, 100, 0)
    assert blue["serving"] == "Healthy, 1 of 2 ready"
    assert (green["script"], green["traffic"], green["mirror"]) == ("score.py", 0, 10)


def test_a_failure_is_told_by_the_last_operation() -> None:
    assert snapshot({"error": {"message": "init() raised"}})["deployments"][1]["error"] == "init() raised"
    assert not snapshot({"error": None})["deployments"][1]["error"]
    assert not snapshot()["deployments"][1]["error"]  # the operation is not known any more


def test_a_batch_endpoint_has_a_default_and_computes() -> None:
    endpoint = {"name": "nightly", "properties": {"defaults": {"deploymentName": "trees"}}}
    rest = FakeRest({"batchEndpoints/nightly": endpoint, "batchEndpoints/nightly/deployments": [TREES]})

    found = endpoints_card.snapshot(rest, "nightly", endpoints_card.BATCH)  # type: ignore[arg-type]

    (trees,) = found["deployments"]
    assert (trees["default"], trees["compute"], trees["model"], trees["instances"]) == (True, "cluster", "iris:3", 2)


class Poller:
    """An operation of the SDK that prints dots from a thread of its own until it has ended."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.thread = threading.Thread(target=lambda: helper.print(".", end=""), name="LROPoller(1)")
        self.thread.start()

    def done(self) -> bool:
        return not self.thread.is_alive()

    def wait(self, seconds: float) -> None:
        self.thread.join(seconds)

    def result(self) -> None:
        self.thread.join()
        if self.error is not None:
            raise self.error


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(Context, "connection", SimpleNamespace(local=True))
    return Context(namespace={})


def progress(context: Context, found: Mapping[str, Any]) -> Progress:
    return Progress(context, Args(), lambda: found)


def test_a_poller_that_a_command_begins_prints_no_dots(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    until_done(context, progress(context, {}), Poller, goes_on="It goes on.")
    assert capsys.readouterr().out == ""

    alone = Poller()
    alone.result()
    assert capsys.readouterr().out == "."


def test_one_that_nobody_waits_for_prints_none_either(capsys: pytest.CaptureFixture[str]) -> None:
    looked = threading.Event()

    def later() -> None:
        looked.wait(10)
        helper.print(".", end="")

    thread = begun(lambda: _started(later))
    looked.set()
    thread.join()

    assert capsys.readouterr().out == ""


def _started(target: Any) -> threading.Thread:
    made = threading.Thread(target=target, name="LROPoller(2)")
    made.start()
    return made


def test_a_failure_keeps_the_words_of_the_deployment_and_says_what_to_type(context: Context) -> None:
    held = {"deployments": [{"name": "blue", "error": "init() raised ValueError\n  File 'score.py', line 3"}]}
    failed = ResourceError("init() raised ValueError File", status=400, code="UserScriptException")

    with pytest.raises(ResourceError) as caught:
        until_done(
            context, progress(context, held), lambda: Poller(failed), goes_on="", deployment="blue", remedy="Type logs."
        )

    error = caught.value
    assert (error.message, error.why) == ("init() raised ValueError", "  File 'score.py', line 3")
    assert (error.code, error.remedy) == ("UserScriptException", "Type logs.")


def test_a_refusal_before_it_begins_keeps_its_own_remedy(context: Context) -> None:
    held = {"deployments": [{"name": "blue", "error": "of an earlier time"}]}

    def begin() -> Any:
        raise ResourceError("The script is missing.", status=400, remedy="Put it there.")

    with pytest.raises(ResourceError, match="The script is missing") as caught:
        until_done(context, progress(context, held), begin, goes_on="", deployment="blue", remedy="Type logs.")

    assert caught.value.remedy == "Put it there."


def test_whoever_interrupts_is_told_that_it_goes_on(context: Context) -> None:
    said: list[str] = []
    context.stderr = said.append

    def begin() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        until_done(context, progress(context, {}), begin, goes_on="It goes on: look.")

    assert said == ["It goes on: look.\n"]


def test_a_terminal_is_told_how_far_it_is(context: Context) -> None:
    said: list[str] = []
    context.namespace, context.stderr = None, said.append
    states = iter(["Creating", "Creating", "Succeeded"])
    shown = Progress(
        context, Args(), lambda: {"name": "iris", "deployments": [{"name": "blue", "status": next(states)}]}
    )

    assert [shown.look() for _ in range(3)] == [True, False, True]
    assert said == ["iris/blue: Creating\n", "iris/blue: Succeeded\n"]
