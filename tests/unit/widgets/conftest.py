"""A workspace that no host serves, and jobs that nobody runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_aml.client import local
from jupyter_aml.client.connection import Connection
from jupyter_aml.local.app import Service
from jupyter_aml.local.doors import requests as door
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.widgets.wire import Wire


@pytest.fixture
def connection(home: Path) -> Iterator[Connection]:
    """To a workspace that no host serves; a verb lets the SDK reach it, which later tests must not."""
    store = Store.open(home)
    store.rings = False
    service = Service(store)
    entry = store.create()
    service.workspace(entry)
    yield local.connected(service, entry)
    door.unregister(service)
    store.database.close()


@pytest.fixture
def job(connection: Connection) -> str:
    """A job that nobody runs."""
    return submitted(connection, "calm_hat")


@pytest.fixture
def jobs(connection: Connection) -> list[str]:
    """Two of them."""
    return [submitted(connection, name) for name in ("calm_hat", "kind_owl")]


def submitted(connection: Connection, name: str) -> str:
    wire = Wire(connection)
    wire.rest.put("environments/x/versions/1", {"properties": {"image": "python"}})
    properties = {"jobType": "Command", "command": "true", "environmentId": "azureml:x:1"}
    wire.rest.put(f"jobs/{name}", {"properties": properties})
    return name
