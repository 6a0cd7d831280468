"""The unmodified SDK through both doors: in this process, and over loopback HTTP as inside a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.client import warm
from jupyter_aml.local.store import bell

from . import lab as labs

warm.sdk()  # before the tests import it in the slow way

DOORS = ("process", "http")


@pytest.fixture(autouse=True)
def no_host(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Start no host process, unless the test asks for one with the fixture `real_host`."""
    if "real_host" not in request.fixturenames:
        monkeypatch.setattr(bell, "spawn", lambda home: None)


@pytest.fixture
def real_host() -> None:
    """Let the bell start the host; it is ended after the test."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty; the SDK names experiments after it."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@dataclass
class World:
    """A client and what is behind it.

    Attributes:
        door: `process` or `http`.
        client: A real MLClient.
        service: Who answers it.
        entry: The workspace in the catalogue.
    """

    door: str
    client: Any
    service: Any
    entry: Any


@pytest.fixture(params=DOORS)
def world(request: pytest.FixtureRequest, home: Path) -> Iterator[World]:
    """The default local workspace, through one door and then through the other."""
    open_door: Callable[[Path], Iterator[World]] = _process if request.param == "process" else _http
    yield from open_door(home)


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """One store and host for the tests of a module that run jobs."""
    yield from labs.make_home()


@pytest.fixture(params=DOORS)
def lab(
    request: pytest.FixtureRequest,
    installation: Path,
    home: Path,
    real_host: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[labs.Lab]:
    """The module's workspace with its host, through one door and then through the other."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation))
    yield from (labs.by_process if request.param == "process" else labs.by_http)(installation)


@pytest.fixture
def ml_client(world: World) -> Any:
    """A real MLClient on an empty local workspace."""
    return world.client


def _process(home: Path) -> Iterator[World]:
    from jupyter_aml.client.connect import connect, connection

    client = connect("local", show_progress=False)
    made = connection(client)
    yield World("process", client, made.service, made.entry)


def _http(home: Path) -> Iterator[World]:
    """As inside a job: no door in this process, the relay, and a token of the job's workspace."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    from jupyter_aml.agent import relay
    from jupyter_aml.client import services
    from jupyter_aml.local.authz import tokens
    from jupyter_aml.local.doors import http

    service = services.service(home)
    entry = service.store.create()
    service.workspace(entry)
    token = tokens.issue(service.store, tokens.local_identity(service.store), audience="jupyter_aml")
    server = http.serve(service)
    relay.activate(server.url, token)
    relay.patch_requests()
    relay.watch_credentials()
    try:
        client = MLClient(
            DefaultAzureCredential(),
            entry.subscription,
            entry.group,
            entry.name,
            enable_telemetry=False,
            show_progress=False,
        )
        yield World("http", client, service, entry)
    finally:
        relay.deactivate()
        server.close()
