"""The address of MLflow's own UI."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.client import connect as clients
from jupyter_aml.client import mlflow_ui, services
from jupyter_aml.client.connection import Connection
from jupyter_aml.errors import ConnectError, ResourceError, StoreError
from jupyter_aml.local.doors import http
from jupyter_aml.local.store import bell
from jupyter_aml.local.tracking.api import ui


@pytest.fixture
def here(home: Path) -> Connection:
    return clients.connection(clients.connect("local"))


@pytest.fixture
def host(here: Connection, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.Server]:
    """A door in this process, in the place of a host's."""
    door = http.serve(services.service(home))
    told: Any = lambda home, question, timeout=0: {"port": door.port}  # noqa: E731
    monkeypatch.setattr(bell, "ask", told)
    yield door
    door.close()


def test_the_link_opens_the_ui_and_its_answers_to_a_browser(here: Connection, host: http.Server) -> None:
    page = mlflow_ui.page(here)

    assert page.link.startswith(f"{page.url}?ticket=")
    assert page.url.startswith(f"{host.url}/mlflow/v2.0/subscriptions/")
    assert page.minutes == 10
    assert "ticket" not in repr(page)
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(page.link, timeout=30) as answer:
        assert answer.url.partition("#")[0] == page.url
        assert b"mlflow-ui-container" in answer.read()
    with browser.open(f"{page.url}ajax-api/2.0/mlflow/experiments/search?max_results=5", timeout=30) as answer:
        assert b'"name":"Default"' in answer.read()


def test_a_link_is_good_for_its_workspace_only(here: Connection, host: http.Server) -> None:
    other = clients.connection(clients.connect("local:other"))
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    link = mlflow_ui.page(here).link
    swapped = link.replace(f"/workspaces/{here.workspace}/", f"/workspaces/{other.workspace}/")

    assert swapped != link
    with pytest.raises(urllib.error.HTTPError, match="403"):
        browser.open(swapped, timeout=30)


def test_a_workspace_in_azure_is_sent_to_the_studio(here: Connection) -> None:
    with pytest.raises(ConnectError, match="is in Azure") as caught:
        mlflow_ui.page(replace(here, place="AZURE", service=None, entry=None))

    assert "--web" in caught.value.remedy


def test_a_missing_mlflow_is_said_before_a_browser_opens(
    here: Connection, host: http.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui, "folder", lambda: None)

    with pytest.raises(ResourceError, match="needs the package mlflow, which is not installed"):
        mlflow_ui.page(here)


def test_a_host_that_does_not_start_is_said_with_its_log(
    here: Connection, rung: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_ui, "WAIT_SECONDS", 0.1)

    with pytest.raises(StoreError, match="did not start within") as caught:
        mlflow_ui.page(here)

    assert rung
    assert "host.log" in caught.value.remedy
