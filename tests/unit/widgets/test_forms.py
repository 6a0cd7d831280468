"""Widgets that do something: the form that connects a notebook, the tester of an endpoint, the comparison."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.client import connect
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.errors import AmlError, ResourceError, UsageError
from jupyter_aml.widgets import AutoMLLeaderboard, ConnectForm, EndpointTester, RunComparison
from jupyter_aml.widgets.asks import Ask

WORKSPACE = "azure:00000000-0000-0000-0000-000000000001/ml/prod"
SECONDS = 20.0


@pytest.fixture(autouse=True)
def nothing_connected() -> Iterator[None]:
    connect.disconnect()
    yield
    connect.disconnect()


def asked(form: ConnectForm, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    status, text = form.answer(Ask(method, path, body))
    return status, json.loads(text)


def test_a_form_connects_the_notebook_to_a_workspace_that_it_makes(home: Path) -> None:
    form = ConnectForm()
    assert "%aml connect local" in form.still()["text/html"]
    assert connect.current() is None

    status, told = asked(form, "POST", "connect", {"target": "local:clinic"})
    assert (status, told["place"]) == (200, "LOCAL")
    held = connect.current()
    assert held is not None
    assert (held.workspace, told["id"]) == ("clinic", held.workspace_path)
    assert form.client.workspace_name == "clinic"
    assert "LOCAL local/clinic" in form.still()["text/html"]
    assert (home / "workspaces").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"target": "local:!"}, "cannot be a workspace's name"),
        ({"target": "azure:x"}, "azure:SUB"),
        ({"target": WORKSPACE, "profile": "prod", "signIn": "magic"}, "no way to sign in"),
        ({"target": WORKSPACE, "profile": ""}, "profile"),
    ],
)
def test_what_cannot_be_is_said(body: dict[str, str], said: str) -> None:
    status, told = asked(ConnectForm(), "POST", "connect", body)
    assert 400 <= status < 500
    assert said.lower() in json.dumps(told).lower()
    assert connect.current() is None


def test_a_workspace_in_azure_is_kept_and_asks_for_a_sign_in(home: Path) -> None:
    form = ConnectForm()
    status, told = asked(form, "POST", "connect", {"target": WORKSPACE, "profile": "prod"})

    assert (status, told["place"], told["profile"]) == (200, "AZURE", "prod")
    assert [one.name for one in Profiles(home).list()] == ["prod"]
    assert asked(form, "GET", "sign-in?profile=prod")[1]["state"] == "none"
    assert connect.current() is None


def test_offline_a_sign_in_says_why_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "1")
    form = ConnectForm()
    asked(form, "POST", "connect", {"target": WORKSPACE, "profile": "prod"})
    asked(form, "POST", "sign-in", {"profile": "prod"})
    form._sign_ins._held["prod"]._thread.join(20)

    state = asked(form, "GET", "sign-in?profile=prod")[1]
    assert state["state"] == "failed"
    assert "JUPYTER_AML_OFFLINE" in state["message"]
    assert connect.current() is None


def test_who_signs_in_is_connected(home: Path) -> None:
    form = ConnectForm()
    asked(form, "POST", "connect", {"target": WORKSPACE, "profile": "prod"})
    profile = Profiles(home).get("prod")

    class Token:
        def get_token(self, *_: str, **__: Any) -> Any:
            raise AssertionError

    names = ("00000000-0000-0000-0000-000000000001", "ml", "prod")
    form._signed_in(profile, Connection("AZURE", *names, Token()))
    held = connect.current()
    assert held is not None
    assert (held.place, held.workspace) == ("AZURE", "prod")
    assert form.client.workspace_name == "prod"


def test_a_form_asks_for_nothing_else() -> None:
    assert asked(ConnectForm(), "GET", "arm/subscriptions/x")[0] == 404


@pytest.fixture
def scoring() -> Iterator[str]:
    """An endpoint on this machine."""

    class Score(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            opened = self.headers["Authorization"] == "Bearer secret-key"
            answer = json.dumps({"got": json.loads(sent), "opened": opened}).encode()
            self.send_response(200)
            self.send_header("azureml-model-deployment", "blue")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            return None

    server = HTTPServer(("127.0.0.1", 0), Score)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/score"
    server.shutdown()
    server.server_close()


def test_a_tester_asks_with_a_key_that_its_page_never_sees(
    connection: Connection, scoring: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    properties = {"scoringUri": scoring, "authMode": "Key", "provisioningState": "Succeeded", "traffic": {"blue": 100}}

    def get(_: Any, path: str, **__: Any) -> Any:
        assert path == "onlineEndpoints/iris"
        return {"name": "iris", "properties": properties}

    blue = {"name": "blue", "sku": {"capacity": 1}, "properties": {"provisioningState": "Succeeded"}}
    monkeypatch.setattr("jupyter_aml.client.rest.Rest.get", get)
    monkeypatch.setattr("jupyter_aml.client.rest.Rest.items", lambda *_, **__: iter([blue]))
    monkeypatch.setattr("jupyter_aml.client.rest.Rest.post", lambda *_, **__: {"primaryKey": "secret-key"})
    tester = EndpointTester("iris", connection)

    body = {"workspace": tester.workspace, "segment": "onlineEndpoints", "name": "iris", "body": "[1]"}
    status, text = tester.answer(Ask("POST", "invoke", body))
    found = json.loads(text)
    assert (status, found["status"]) == (200, 200)
    assert json.loads(found["body"]) == {"got": [1], "opened": True}
    assert "secret-key" not in text
    left = tester.still()["text/html"]
    assert "Succeeded" in left
    assert scoring in left
    assert "blue" in left
    assert "secret-key" not in left


def test_an_endpoint_that_is_not_there_is_said(connection: Connection) -> None:
    with pytest.raises(ResourceError):
        EndpointTester("nobody", connection)


def test_two_runs_are_compared_and_one_is_not_enough(connection: Connection, job: str) -> None:
    with pytest.raises(UsageError, match="2 to 12 jobs, and was given 1"):
        RunComparison([job, job], connection)
    with pytest.raises(UsageError, match="was given 13"):
        RunComparison([f"job_{number}" for number in range(13)], connection)
    with pytest.raises(ResourceError):
        RunComparison([job, "nobody"], connection)


def test_a_comparison_leaves_a_table_behind(connection: Connection, jobs: list[str]) -> None:
    comparison = RunComparison(jobs, connection)
    left = comparison.still()
    assert all(name in left["text/html"] for name in jobs)
    assert "<script" not in left["text/html"]
    assert comparison.told["names"] == jobs
    asks = [one.key for one in comparison.first()]
    assert [name for name in jobs if any(f"jobs/{name}?" in key for key in asks)] == jobs


def test_a_leaderboard_is_of_automl_alone(connection: Connection, job: str) -> None:
    with pytest.raises(UsageError, match="AutoMLLeaderboard shows jobs of type AutoML"):
        AutoMLLeaderboard(job, connection)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "sign-in", ["prod"]),
        ("POST", "sign-in", None),
        ("POST", "connect", "local"),
        ("POST", "connect", {"target": 1}),
    ],
)
def test_a_form_answers_whatever_it_is_asked(method: str, path: str, body: Any) -> None:
    form = ConnectForm()
    status, text = form.answer(Ask(method, path, body))
    assert 400 <= status < 500
    assert json.loads(text)["error"]["message"]
    form.close()


def test_a_fault_of_ours_in_a_form_is_an_answer_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise KeyError("missing")

    monkeypatch.setattr(ConnectForm, "_connect", fails)
    status, text = ConnectForm().answer(Ask("POST", "connect", {"target": "local"}))
    assert (status, json.loads(text)["error"]["message"]) == (500, "KeyError: 'missing'")


class SignIn:
    """A form in which somebody signs in, who has to be waited for."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.agrees = threading.Event(), threading.Event()
        monkeypatch.setattr("jupyter_aml.client.signing.connect.opened", self._opened)
        monkeypatch.setattr("jupyter_aml.client.signing._with_token", lambda found: found)
        monkeypatch.setattr("jupyter_aml.client.rest.Rest.get", lambda *_, **__: {})
        Profiles(home).save(Profile("prod", WORKSPACE, sign_in="cli"))
        self.form = ConnectForm()
        self.handed: list[Profile] = []
        monkeypatch.setattr(self.form._sign_ins, "_signed_in", lambda profile, _: self.handed.append(profile))

    def _opened(self, *_: Any, **__: Any) -> Connection:
        self.begun.set()
        self.agrees.wait(SECONDS)
        return Connection("AZURE", WORKSPACE[6:42], "ml", "prod", SimpleNamespace())

    def start(self) -> None:
        self.form.answer(Ask("POST", "sign-in", {"profile": "prod"}))
        assert self.begun.wait(SECONDS)

    def end(self) -> Any:
        """What the page is told in the end."""
        self.agrees.set()
        self.form._sign_ins._held["prod"]._thread.join(SECONDS)
        return json.loads(self.form.answer(Ask("GET", "sign-in?profile=prod"))[1])


@pytest.fixture
def sign_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    return SignIn(home, monkeypatch)


def test_who_has_signed_in_is_handed_over(sign_in: SignIn) -> None:
    sign_in.start()
    assert sign_in.end()["state"] == "done"
    assert [one.name for one in sign_in.handed] == ["prod"]


def test_nobody_signs_in_to_a_form_that_is_closed(sign_in: SignIn) -> None:
    sign_in.start()
    sign_in.form.close()
    assert sign_in.end()["state"] == "none"
    assert sign_in.handed == []


def test_a_connection_that_cannot_be_made_in_the_end_is_said(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any) -> None:
        msg = "A local workspace is adopted."
        raise AmlError(msg)

    monkeypatch.setattr(sign_in.form._sign_ins, "_signed_in", refuses)
    sign_in.start()
    told = sign_in.end()
    assert (told["state"], told["message"]) == ("failed", "A local workspace is adopted.")
