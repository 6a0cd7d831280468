"""How far a page reaches: one workspace and no secret, with the real `requests`, which takes dots out of paths."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from jupyter_aml.client.connection import Connection
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import jobs
from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.server.cloud import Cloud
from jupyter_aml.widgets.asks import Ask
from jupyter_aml.widgets.wire import Wire

GUID = "5c4b3a29-0000-4000-8000-00000000cccc"
GROUP = f"/subscriptions/{GUID}/resourceGroups/g"
OWN = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/w"
ARM, API = "https://management.azure.com", "https://westeurope.api.azureml.ms"
OUTSIDE = [
    f"arm{OWN}/../other/jobs",
    f"arm{OWN}/../../../../../../9/resourceGroups",
    f"arm{OWN}/jobs/..\\..\\other",
    f"arm{OWN}/%2e%2e/other/jobs",
    f"arm{OWN}2/jobs",
    f"arm/x/..{OWN}/jobs",
    f"arm/Subscriptions/9/resourceGroups/g{OWN}",
    f"arm/Subscriptions/9/resourceGroups#{OWN}",
    f"arm{GROUP}/providers/Microsoft.Storage/storageAccounts/a/workspaces/w",
    f"arm/providers{OWN}",
    "arm/tenants",
    f"api/history/..{OWN}/runs",
    f"api/history/v1.0/../../evil{OWN}/runs",
    f"api{OWN}/runs",
]
SECRETS = [
    "onlineEndpoints/iris/listKeys",
    "onlineEndpoints/iris/token",
    "datastores/workspaceblobstore/listSecrets",
    "computes/desk/listkeys",
    "connections/hub/listsecrets",
    "listStorageAccountKeys",
]


class Azure(BaseAdapter):
    """Stands where Azure is, and notes what would have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        self.asked.append(str(request.url))
        found = requests.Response()
        found.status_code, found._content, found.request = 200, b'{"properties": {"status": "Completed"}}', request
        found.url = str(request.url)
        return found

    def close(self) -> None:
        return None


@pytest.fixture
def azure() -> Azure:
    return Azure()


@pytest.fixture
def connection() -> Connection:
    credential = SimpleNamespace(get_token=lambda *_: SimpleNamespace(token="secret-token"))
    return Connection("AZURE", GUID, "g", "w", credential)


def led(rest: Rest, azure: Azure) -> None:
    rest._session, rest._api = requests.Session(), API
    rest._session.mount("https://", azure)


Door = Callable[[str, str], int]


@pytest.fixture(params=["kernel", "server"])
def door(request: pytest.FixtureRequest, azure: Azure, connection: Connection, home: Path) -> Door:
    """Asks as a page does, by method and path: a widget's kernel, or Jupyter Server; the status."""
    wire = Wire(connection)
    led(wire.rest, azure)
    profile = Profile("prod", f"azure:{GUID}/g/w")
    Profiles(home).save(profile)
    cloud = Cloud(home)
    cloud.hold(profile, connection)
    led(cloud._rest(OWN), azure)

    def kernel(method: str, path: str) -> int:
        return wire.answer(Ask(method, path))[0]

    def server(method: str, path: str) -> int:
        surface, _, below = path.partition("/")
        try:
            return cloud.send(method, below, surface=surface).status
        except ResourceError as error:
            return error.status

    return kernel if request.param == "kernel" else server


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_workspace_is_asked(door: Door, azure: Azure, path: str) -> None:
    assert door("GET", path) in {403, 404}
    assert azure.asked == []


@pytest.mark.parametrize("path", SECRETS)
def test_no_page_is_told_a_secret(door: Door, azure: Azure, path: str) -> None:
    assert [door(method, f"arm{OWN}/{path}") for method in ("POST", "post")] == [403, 403]
    assert azure.asked == []


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (f"arm{OWN}/jobs", f"{ARM}{OWN}/jobs"),
        (f"arm{OWN}/jobs/a b", f"{ARM}{OWN}/jobs/a%20b"),
        (f"arm{OWN}/jobs/x#y", f"{ARM}{OWN}/jobs/x%23y"),
        (f"arm{OWN.upper()}/jobs", f"{ARM}{OWN.upper()}/jobs"),
        (f"arm{OWN}", f"{ARM}{OWN}"),
        (f"api/history/v1.0{OWN}/runs/x..y", f"{API}/history/v1.0{OWN}/runs/x..y"),
    ],
)
def test_what_lies_in_the_workspace_is_asked_as_it_was_named(door: Door, azure: Azure, path: str, url: str) -> None:
    assert (door("GET", path), azure.asked) == (200, [url])


def test_an_operation_that_goes_on_can_be_looked_at(azure: Azure, connection: Connection, home: Path) -> None:
    profile = Profile("prod", f"azure:{GUID}/g/w")
    Profiles(home).save(profile)
    cloud = Cloud(home)
    cloud.hold(profile, connection)
    led(cloud._rest(OWN), azure)
    path = f"subscriptions/{GUID}/providers/Microsoft.MachineLearningServices/locations/eu/mfeOperationsStatus/7"

    assert cloud.send("GET", path).status == 200
    with pytest.raises(ResourceError):
        cloud.send("GET", path.replace("/eu/", "/../"))
    assert azure.asked == [f"{ARM}/{path}"]


@pytest.mark.parametrize("name", ["../../w2/jobs/x", "..", "a/./b"])
def test_a_name_that_climbs_is_refused_before_anything_is_asked(
    azure: Azure, connection: Connection, name: str
) -> None:
    reader = jobs.Reader(connection)
    led(reader.rest, azure)

    for asked in (reader.status, reader.snapshot, reader.log_files):
        with pytest.raises(AmlError, match="a name in it is"):
            asked(name)
    assert azure.asked == []


def test_an_answer_that_a_page_cannot_hold_is_refused_whole(
    azure: Azure, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_aml.widgets.wire.LONGEST", 10)
    wire = Wire(connection)
    led(wire.rest, azure)

    status, text = wire.answer(Ask("GET", f"arm{OWN}/jobs"))

    assert (status, json.loads(text)["error"]["code"]) == (413, "PayloadTooLarge")
