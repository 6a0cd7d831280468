"""The server extension in a real Jupyter Server."""

from __future__ import annotations

import http.cookiejar
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from jupyter_aml.server import handlers, words

from .lab import Lab

FILLED = {"{surface}": "arm", "{path}": "subscriptions"}
EVERY = [
    (method.upper(), "/".join(FILLED.get(part, part) for part in path.split("/")))
    for path, handler in handlers.PATHS
    for method in handler.operations
]


def workspace(lab: Lab) -> str:
    return str(lab.ask("jupyter-aml/workspaces")[1]["value"][0]["id"])


def test_the_workspaces_are_listed(lab: Lab) -> None:
    status, found = lab.ask("jupyter-aml/workspaces")

    assert status == 200
    assert [(one["name"], one["place"]) for one in found["value"]] == [("local", "LOCAL")]


def test_arm_is_answered_without_a_kernel(lab: Lab) -> None:
    status, stores = lab.ask(f"jupyter-aml/arm{workspace(lab)}/datastores?isDefault=true")

    assert status == 200, stores
    assert [one["name"] for one in stores["value"]] == ["workspaceblobstore"]


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_a_stranger_is_refused_everywhere(lab: Lab, method: str, path: str) -> None:
    sent = {} if method in {"POST", "PUT", "PATCH"} else None
    assert lab.send(method, path, sent, token="wrong")[0] == 403
    assert lab.raw(method, path, {}) == 403


def test_every_handler_is_walked(lab: Lab) -> None:
    """What the document leaves out would not be tested above."""
    for path, handler in handlers.PATHS:
        own = {name for name in vars(handler) if name in handlers.METHODS}
        assert own == set(handler.operations), path
    assert len(handlers.routes("/")) == len(handlers.PATHS)
    assert len(EVERY) >= 11


@pytest.mark.parametrize(("method", "path"), [one for one in EVERY if one[0] != "GET"])
def test_a_change_by_cookie_needs_the_xsrf_token(lab: Lab, method: str, path: str) -> None:
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    browser.open(f"{lab.url}login?token={lab.token}", timeout=30).close()

    def status(headers: dict[str, str]) -> int:
        request = urllib.request.Request(
            f"{lab.url}{path}", b"{}", {"Content-Type": "application/json", **headers}, method=method
        )
        try:
            with browser.open(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert status({}) == 403
    secret = next(cookie.value for cookie in jar if cookie.name == "_xsrf")
    assert status({"X-XSRFToken": str(secret)}) not in {200, 403}, "let in, and refused for what it asks"


def test_a_refusal_keeps_its_status_and_code(lab: Lab) -> None:
    status, answer = lab.ask("jupyter-aml/arm/subscriptions/nobody/resourceGroups/g")

    assert (status, answer["error"]["code"]) == (404, "ResourceNotFound")
    assert "no profile" in answer["error"]["message"]


def test_a_page_is_told_no_secret_of_this_machine_either(lab: Lab) -> None:
    asked = f"jupyter-aml/arm{workspace(lab)}/datastores/workspaceblobstore/listSecrets"

    status, answer = lab.send("POST", asked, {})

    assert (status, answer["error"]["code"]) == (403, "AuthorizationFailed")
    assert "in a notebook, with the SDK" in answer["error"]["message"]


def test_the_openapi_document_names_every_route_and_method(lab: Lab) -> None:
    status, found = lab.ask("jupyter-aml/openapi.json")

    assert status == 200
    assert found["openapi"].startswith("3.1")
    assert {(path, method) for path, methods in found["paths"].items() for method in methods} == {
        (path, method) for path, handler in handlers.PATHS for method in handler.operations
    }
    for path, methods in found["paths"].items():
        for method, said in methods.items():
            assert said["summary"], (path, method)
            inside = {one["name"] for one in said["parameters"] if one["in"] == "path"}
            assert inside == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_the_sections_are_those_that_the_workspace_lists(lab: Lab) -> None:
    _, found = lab.ask("jupyter-aml/sections")

    by_segment = {one["segment"]: one for one in found["value"]}
    assert next(iter(by_segment)) == "jobs"
    assert "codes" not in by_segment, "snapshots belong to their jobs"
    assert {"jobs", "data", "models", "environments", "components", "computes", "datastores"} <= by_segment.keys()
    assert by_segment["models"]["noun"] == "model"
    assert by_segment["models"]["versioned"]
    assert not by_segment["computes"]["versioned"]
    for segment, section in by_segment.items():
        if "LOCAL" in section["places"]:
            assert lab.ask(f"jupyter-aml/arm{workspace(lab)}/{segment}")[0] == 200, segment


def test_what_only_azure_lists_is_a_section_of_its_workspaces(lab: Lab) -> None:
    by_segment = {one["segment"]: one for one in lab.ask("jupyter-aml/sections")[1]["value"]}

    assert {"onlineEndpoints", "batchEndpoints", "schedules", "connections"} <= by_segment.keys()
    assert by_segment["jobs"]["places"] == ["LOCAL", "AZURE"]
    for segment, _, noun in words.AWAY:
        assert by_segment[segment]["noun"] == noun
        assert "AZURE" in by_segment[segment]["places"]
    assert len(by_segment) == len(lab.ask("jupyter-aml/sections")[1]["value"]), "no segment stands twice"


def test_a_type_of_the_registry_takes_the_place_of_azures_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "AWAY", (("computes", "a stale title", "compute"), ("nodes", "node", "node")))
    words.sections.cache_clear()
    try:
        found = {one["segment"]: one for one in words.sections()}
    finally:
        words.sections.cache_clear()

    assert (found["computes"]["title"], found["computes"]["places"]) == ("compute", ["LOCAL", "AZURE"])
    assert (found["nodes"]["title"], found["nodes"]["places"], found["nodes"]["verbs"]) == ("node", ["AZURE"], [])


def test_the_state_rises_with_every_change(lab: Lab) -> None:
    before = lab.ask("jupyter-aml/state")[1]
    path = f"jupyter-aml/arm{workspace(lab)}/data/counted/versions/1"
    body = {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/x"}}
    assert lab.send("PUT", path, body)[0] == 201

    until = time.monotonic() + 30
    while lab.ask("jupyter-aml/state")[1]["sequence"] <= before["sequence"]:
        assert time.monotonic() < until, "nothing was told"
        time.sleep(0.05)
    assert lab.ask("jupyter-aml/state")[1]["instance"] == before["instance"]


def test_the_command_table_has_what_a_form_needs(lab: Lab) -> None:
    _, found = lab.ask("jupyter-aml/commands")

    nouns = {one["name"]: {verb["name"]: verb for verb in one["verbs"]} for one in found["value"]}
    create = nouns["data"]["create"]
    assert create["line"] == "%aml data create"
    assert {"name", "path", "type"} <= {flag["name"] for flag in create["flags"]}
    assert "connect" in nouns[""]


def test_a_verb_runs_in_a_process_of_its_own(lab: Lab) -> None:
    (lab.root / "iris.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    words = ["data", "create", "iris", "iris.csv", "-o", "json"]

    status, ended = lab.send("POST", "jupyter-aml/commands", {"workspace": workspace(lab), "words": words})

    assert (status, ended["code"]) == (200, 0), ended
    assert json.loads(ended["output"])["name"] == "iris"
    assert lab.ask(f"jupyter-aml/arm{workspace(lab)}/data/iris/versions/1")[0] == 200


def test_a_verb_reads_its_body(lab: Lab) -> None:
    body = "name: tiny\ntype: uri_file\npath: iris.csv\nversion: '1'\n"
    (lab.root / "iris.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    asked = {"workspace": workspace(lab), "words": ["data", "create", "--file", "-"], "body": body}

    _, ended = lab.send("POST", "jupyter-aml/commands", asked)

    assert ended["code"] == 0, ended
    assert lab.ask(f"jupyter-aml/arm{workspace(lab)}/data/tiny/versions/1")[0] == 200


def test_what_a_verb_refuses_is_told(lab: Lab) -> None:
    asked: dict[str, Any] = {"workspace": workspace(lab), "words": ["data", "shwo", "--name", "x"]}

    status, ended = lab.send("POST", "jupyter-aml/commands", asked)

    assert (status, ended["code"]) == (200, 2)
    assert "show" in ended["error"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "words is missing"),
        ({"words": "data list"}, "words is missing"),
        ({"words": [1]}, "words is missing"),
        ({"words": ["status"], "body": 1}, "body is no text"),
        ({"words": ["status"], "workspace": "/nowhere"}, "no local workspace '/nowhere'"),
        ({"words": ["status"], "kernel": "nobody"}, "There is no kernel 'nobody'"),
    ],
)
def test_a_wrong_order_says_what_is_wrong(lab: Lab, asked: dict[str, Any], said: str) -> None:
    status, answer = lab.send("POST", "jupyter-aml/commands", {"workspace": workspace(lab), **asked})

    assert status in {400, 404}
    assert said in answer["error"]["message"]


def test_a_verb_runs_with_the_interpreter_of_a_kernel(lab: Lab) -> None:
    folder = lab.root / ".local" / "share" / "jupyter" / "kernels" / "bare"
    folder.mkdir(parents=True, exist_ok=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "bare", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    asked = {"workspace": workspace(lab), "words": ["status"]}

    _, without = lab.send("POST", "jupyter-aml/commands", {**asked, "kernel": "bare"})
    _, own = lab.send("POST", "jupyter-aml/commands", {**asked, "kernel": "python3"})

    assert without["code"] == 1
    assert without["error"].startswith("/bin/false cannot import jupyter_aml.")
    assert own["code"] == 0, own


def test_the_server_is_free_of_the_sdk_and_of_widgets() -> None:
    """Neither the extension, its handlers nor the command table load them."""
    code = """
import sys
from unittest.mock import MagicMock
import jupyter_aml.server
from jupyter_aml.server import events, handlers, places, words
app = MagicMock()
app.web_app.settings = {"base_url": "/"}
jupyter_aml.server._load_jupyter_server_extension(app)
assert app.web_app.settings[handlers.WATCHER] is not None
words.sections(), words.table(), places.away().workspaces()
heavy = ("azure", "mlflow", "pandas", "anywidget", "ipywidgets", "IPython")
print(sorted(name for name in sys.modules if name.startswith(heavy)))
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout.strip() == "[]"
