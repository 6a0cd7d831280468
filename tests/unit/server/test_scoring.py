"""Test calls of online endpoints: the server asks with the endpoint's key, and tells the page all but that."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.client import scoring
from jupyter_aml.errors import ConnectError, ResourceError

from .lab import Lab

KEY = "a-key-of-an-endpoint"


class Endpoint:
    """A scoring server on this machine, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answer = b'{"predictions": [1]}'
        self.drips = 0.0
        outer = self

        class Door(BaseHTTPRequestHandler):
            def _any(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append((self.command, self.path, headers, sent))
                self.send_response(outer.status)
                for name, value in {"Content-Length": str(len(outer.answer)), **outer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):  # who asked may have gone
                    for byte in outer.answer if outer.drips else ():
                        self.wfile.write(bytes([byte]))
                        time.sleep(outer.drips)
                    self.wfile.write(b"" if outer.drips else outer.answer)

            do_GET = do_POST = _any  # noqa: N815 - the names of http.server

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Arm:
    """Resource Manager, as far as an endpoint needs it."""

    def __init__(self, uri: str, mode: str = "Key", *, local: bool = True) -> None:
        self.properties = {"authMode": mode, "scoringUri": f"{uri}/score", "swaggerUri": f"{uri}/swagger.json"}
        self.posted: list[str] = []
        self.scopes: list[str] = []
        self.connection = SimpleNamespace(local=local, credential=SimpleNamespace(get_token=self._token))

    def _token(self, scope: str) -> SimpleNamespace:
        self.scopes.append(scope)
        return SimpleNamespace(token=KEY)

    def get(self, path: str) -> dict[str, Any]:
        assert path == "onlineEndpoints/iris"
        return {"name": "iris", "properties": self.properties}

    def post(self, path: str) -> dict[str, Any]:
        self.posted.append(path)
        if path.endswith("/token"):
            return {"accessToken": KEY, "tokenType": "Bearer"}
        return {"primaryKey": KEY, "secondaryKey": "another"}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


def test_the_key_of_the_endpoint_opens_it(endpoint: Endpoint) -> None:
    arm = Arm(endpoint.url)

    found = scoring.invoke(arm, "iris", '{"input_data": [[1, 2]]}', "blue")  # type: ignore[arg-type]

    method, path, headers, sent = endpoint.asked[0]
    assert (method, path, sent) == ("POST", "/score", '{"input_data": [[1, 2]]}')
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["azureml-model-deployment"] == "blue"
    assert headers["content-type"] == "application/json"
    assert arm.posted == ["onlineEndpoints/iris/listKeys"]
    assert (found.status, json.loads(found.body)) == (200, {"predictions": [1]})
    assert 0 < found.milliseconds < 10_000


def test_without_a_deployment_the_traffic_chooses(endpoint: Endpoint) -> None:
    endpoint.headers = {"azureml-model-deployment": "green", "x-ms-request-id": "7"}

    found = scoring.invoke(Arm(endpoint.url), "iris", "{}")  # type: ignore[arg-type]

    assert "azureml-model-deployment" not in endpoint.asked[0][2]
    assert found.headers["azureml-model-deployment"] == "green"
    assert found.headers["x-ms-request-id"] == "7"


@pytest.mark.parametrize(
    ("mode", "posted", "scopes"),
    [
        ("AMLToken", ["onlineEndpoints/iris/token"], []),
        ("AADToken", [], ["https://ml.azure.com/.default"]),
        ("key", ["onlineEndpoints/iris/listKeys"], []),
    ],
)
def test_each_way_of_authentication_has_its_own_secret(
    endpoint: Endpoint, mode: str, posted: list[str], scopes: list[str]
) -> None:
    arm = Arm(endpoint.url, mode)

    scoring.invoke(arm, "iris", "{}")  # type: ignore[arg-type]

    assert (arm.posted, arm.scopes) == (posted, scopes)
    assert endpoint.asked[0][2]["authorization"] == f"Bearer {KEY}"


def test_what_an_endpoint_refuses_is_told_in_full_but_never_the_key(endpoint: Endpoint) -> None:
    endpoint.status = 424
    endpoint.answer = f"ValueError in run(); the header was Bearer {KEY}".encode()
    endpoint.headers = {"x-ms-echo": KEY, "Set-Cookie": f"session={KEY}"}

    found = scoring.invoke(Arm(endpoint.url), "iris", "{}")  # type: ignore[arg-type]

    assert found.status == 424
    assert found.body == "ValueError in run(); the header was Bearer (key)"
    assert found.headers["x-ms-echo"] == "(key)"
    assert "set-cookie" not in found.headers


def test_a_redirect_does_not_take_the_key_elsewhere(endpoint: Endpoint) -> None:
    endpoint.status = 307
    endpoint.headers = {"Location": f"{endpoint.url}/elsewhere"}

    found = scoring.invoke(Arm(endpoint.url), "iris", "{}")  # type: ignore[arg-type]

    assert found.status == 307
    assert [path for _, path, _, _ in endpoint.asked] == ["/score"]


def test_a_netrc_does_not_take_the_place_of_the_key(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    scoring.invoke(Arm(endpoint.url), "iris", "{}")  # type: ignore[arg-type]

    assert endpoint.asked[0][2]["authorization"] == f"Bearer {KEY}"


def test_a_key_of_this_machine_goes_through_no_proxy(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    assert scoring.invoke(Arm(endpoint.url), "iris", "{}").status == 200  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "local", "allowed"),
    [
        ("https://iris.westeurope.inference.ml.azure.com/score", False, True),
        ("http://127.0.0.1:1/score", True, True),
        ("http://[::1]:1/score", True, True),
        ("http://localhost:1/score", True, True),
        ("http://127.0.0.1:1/score", False, False),
        ("http://10.0.0.4/score", False, False),
        ("http://10.0.0.4/score", True, False),
        ("http://localhost.example.org/score", True, False),
        ("http://127.0.0.1@example.org/score", True, False),
        ("file:///etc/passwd", True, False),
        ("https:///score", False, False),
    ],
)
def test_only_https_or_this_machine_is_asked(url: str, local: bool, allowed: bool) -> None:
    if allowed:
        assert scoring.address(url, "iris", local=local) == url
        return
    with pytest.raises(ResourceError, match="https was expected") as caught:
        scoring.address(url, "iris", local=local)
    assert "aml online-endpoint invoke --name iris" in caught.value.remedy


def test_an_endpoint_that_is_not_ready_has_no_address() -> None:
    arm = Arm("http://127.0.0.1:1")
    del arm.properties["scoringUri"]

    with pytest.raises(ResourceError, match="has no address yet") as caught:
        scoring.invoke(arm, "iris", "{}")  # type: ignore[arg-type]

    assert (caught.value.status, arm.posted) == (409, []), "the key is not fetched for nothing"


@pytest.mark.parametrize(("name", "deployment"), [("../jobs/x", ""), ("", ""), ("iris", "a b"), ("iris", "x\r\ny: z")])
def test_what_is_no_name_is_refused_before_anything_is_asked(endpoint: Endpoint, name: str, deployment: str) -> None:
    with pytest.raises(ResourceError, match="a name of letters"):
        scoring.invoke(Arm(endpoint.url), name, "{}", deployment)  # type: ignore[arg-type]

    assert endpoint.asked == []


def test_a_body_that_is_too_large_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(ResourceError, match="at most") as caught:
        scoring.invoke(Arm(endpoint.url), "iris", "x" * (scoring.MOST_SENT + 1))  # type: ignore[arg-type]

    assert caught.value.status == 413
    assert endpoint.asked == []


def test_an_answer_is_read_no_further_than_a_page_can_show(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "MOST_BACK", 100_000)
    endpoint.answer = b"x" * 300_000

    assert len(scoring.invoke(Arm(endpoint.url), "iris", "{}").body) == 100_000  # type: ignore[arg-type]


def test_an_endpoint_that_is_away_is_named(endpoint: Endpoint) -> None:
    arm = Arm(endpoint.url)
    endpoint.close()

    with pytest.raises(ConnectError, match=r"127\.0\.0\.1 could not be reached") as caught:
        scoring.invoke(arm, "iris", "{}")  # type: ignore[arg-type]

    assert KEY not in str(caught.value)


def test_an_endpoint_that_takes_too_long_is_given_up(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "SECONDS", 0.3)
    endpoint.headers = {"Content-Length": "1000"}

    with pytest.raises(ConnectError):
        scoring.invoke(Arm(endpoint.url), "iris", "{}")  # type: ignore[arg-type]


def test_an_endpoint_that_never_ends_its_answer_is_given_up(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "SECONDS", 0.5)
    monkeypatch.setattr(scoring, "PIECE", 1)
    endpoint.drips = 0.1

    with pytest.raises(ConnectError, match=r"took longer than 0\.5 s"):
        scoring.invoke(Arm(endpoint.url), "iris", "{}")  # type: ignore[arg-type]


def test_the_swagger_document_is_fetched_with_the_key(endpoint: Endpoint) -> None:
    endpoint.answer = b'{"swagger": "2.0"}'

    found = scoring.swagger(Arm(endpoint.url), "iris")  # type: ignore[arg-type]

    assert endpoint.asked[0][:2] == ("GET", "/swagger.json")
    assert endpoint.asked[0][2]["authorization"] == f"Bearer {KEY}"
    assert found.body == '{"swagger": "2.0"}'


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "workspace is missing"),
        ({"workspace": "/w", "segment": "onlineEndpoints", "name": "iris"}, "body is missing"),
        ({"workspace": "/w", "segment": "onlineEndpoints", "name": "iris", "body": {}}, "body is missing"),
        ({"workspace": "/w", "segment": "jobs", "name": "iris", "body": "{}"}, "only onlineEndpoints answer"),
        ({"workspace": "/w", "segment": "onlineEndpoints", "name": "iris", "body": "{}"}, "no local workspace '/w'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(lab: Lab, asked: dict[str, Any], said: str) -> None:
    status, answer = lab.send("POST", "jupyter-aml/invoke", asked)

    assert status in {400, 404}
    assert said in answer["error"]["message"]


def test_an_endpoint_that_is_not_there_is_not_found(lab: Lab) -> None:
    workspace = str(lab.ask("jupyter-aml/workspaces")[1]["value"][0]["id"])
    asked = {"workspace": workspace, "segment": "onlineEndpoints", "name": "nowhere", "body": "{}"}

    status, answer = lab.send("POST", "jupyter-aml/invoke", asked)

    assert status in {404, 501}, "not found, or no endpoints in this workspace at all"
    assert answer["error"]["message"]
