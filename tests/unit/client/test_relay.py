"""The agent's relay, before a small loopback door that hands everything to the service."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from jupyter_aml.agent import relay
from jupyter_aml.client import services
from jupyter_aml.client.credentials import claims
from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.doors import requests as door

SUB = "11111111-2222-3333-4444-555555555555"


class Door(BaseHTTPRequestHandler):
    """Notes what comes and asks the service of the host that the header names."""

    service: Any
    seen: list[dict[str, str]]

    def do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        identity = tokens.verify(self.service.store, token)
        assert identity is not None
        url = f"https://{self.headers[relay.HOST_HEADER]}{self.path}"
        request = Request.build(
            self.command, url, identity=identity, headers=dict(self.headers.items()), body=io.BytesIO(body)
        )
        response = self.service.handle(request)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name in response.headers}:
            self.send_header("Content-Length", str(response.content_length))
        self.end_headers()
        for piece in response.chunks():
            self.wfile.write(piece)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


for _method in ("GET", "PUT", "POST", "HEAD", "PATCH", "DELETE"):
    setattr(Door, f"do_{_method}", Door.do)


@pytest.fixture
def opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Door]]:
    """A door on loopback, and a process that is a job: it has no door of its own."""
    service = services.service(home)
    service.store.create()
    kind = type("Opened", (Door,), {"service": service, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    entry = service.store.entries()[0]
    token = tokens.issue(
        service.store, Identity("job@local", SUB, "job-1", entry.id), audience="https://management.azure.com"
    )
    monkeypatch.setattr(HTTPAdapter, "send", HTTPAdapter.send)
    monkeypatch.setattr(door.DOOR, "services", ())
    monkeypatch.setenv(relay.DOOR, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv(relay.TOKENS[0], token)
    relay.install()
    yield kind
    relay.deactivate()
    server.shutdown()
    server.server_close()
    thread.join()


def client_of(opened: type[Door]) -> Any:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    entry = opened.service.store.entries()[0]
    return MLClient(DefaultAzureCredential(), entry.subscription, entry.group, entry.name, enable_telemetry=False)


def test_an_unmodified_client_inside_a_job_works(opened: type[Door], folder: Path) -> None:
    from azure.ai.ml.entities import Data

    client = client_of(opened)
    (folder / "data.csv").write_text("a\n1\n", encoding="utf-8")
    client.data.create_or_update(Data(name="made-in-job", version="1", path="data.csv", type="uri_file"))

    assert client.data.get("made-in-job", "1").type == "uri_file"
    assert client.workspaces.get().name == "local"


def test_the_job_is_who_asks(opened: type[Door]) -> None:
    client_of(opened).datastores.get_default()

    said = claims(opened.seen[-1]["authorization"].removeprefix("Bearer "))
    assert said["job"] == "job-1"
    assert said["upn"] == "job@local"


def test_the_interpreter_of_the_job_is_told(opened: type[Door]) -> None:
    client_of(opened).datastores.get_default()

    assert "executable" in opened.seen[-1][relay.INTERPRETER_HEADER]


def test_every_credential_is_answered_with_the_right_audience(opened: type[Door]) -> None:
    from azure.ai.ml.identity import AzureMLOnBehalfOfCredential
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    scope = "https://storage.azure.com/.default"
    for credential in (DefaultAzureCredential(), ManagedIdentityCredential(), AzureMLOnBehalfOfCredential()):
        assert claims(credential.get_token(scope).token)["aud"] == "https://storage.azure.com"


def test_other_requests_pass_on(opened: type[Door], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((OSError, requests.RequestException), match=r"must not reach 'management\.azure\.com'"):
        requests.get(f"https://management.azure.com/subscriptions/{SUB}")
    with pytest.raises((OSError, requests.RequestException), match=r"must not reach 'example\.com'"):
        requests.get("https://example.com")


def test_a_proxy_of_the_company_does_not_get_what_is_local(opened: type[Door], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")

    assert client_of(opened).datastores.get_default().name == "workspaceblobstore"


def test_without_a_door_nothing_is_relayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(relay.DOOR, raising=False)
    relay.install()

    assert relay._relay is None


def test_a_request_waits_for_a_door_that_comes_back(opened: type[Door], monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    relay.activate(f"http://127.0.0.1:{port}", os.environ[relay.TOKENS[0]])
    late: list[ThreadingHTTPServer] = []

    def come_back() -> None:
        late.append(ThreadingHTTPServer(("127.0.0.1", port), opened))
        late[0].serve_forever(poll_interval=0.02)

    timer = threading.Timer(0.5, come_back)
    timer.start()
    try:
        assert client_of(opened).datastores.get_default().name == "workspaceblobstore"
    finally:
        late[0].shutdown()
        late[0].server_close()
        timer.join()


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(relay.PATIENCE, "0.1")
    relay.activate("http://127.0.0.1:9", "a.b.c")
    try:
        with pytest.raises(OSError, match="refused"):
            relay._relay.ask("GET", "/_aml/names")  # type: ignore[union-attr]
    finally:
        relay.deactivate()


def test_only_the_standard_library_is_needed() -> None:
    import ast
    import sys

    tree = ast.parse(Path(relay.__file__).read_text(encoding="utf-8"))
    top = {
        name.split(".")[0]
        for node in tree.body
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert top <= set(sys.stdlib_module_names)


def test_the_relay_is_in_as_soon_as_requests_has_been_imported() -> None:
    code = """
from jupyter_aml.agent import boot
boot.start()
import requests
print(hasattr(requests.adapters.HTTPAdapter.send, "jupyter_aml_relay"))
"""
    variables = {relay.DOOR: "http://127.0.0.1:9", relay.TOKENS[0]: "token"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, check=True, capture_output=True, text=True
    )

    assert ran.stdout.strip() == "True"
