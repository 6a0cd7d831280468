"""A local and an Azure client in one process: each gets its own answers, from many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from stand_in.authority import APPLICATION, SECRET, TENANT
from stand_in.server import Azure

from jupyter_aml.client.connect import connect, connection, disconnect

THREADS, ROUNDS = 8, 5


@pytest.fixture(autouse=True)
def principal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", APPLICATION)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET)


def in_threads(work: Callable[[int], None]) -> None:
    """Do the work in all threads, which begin together; the first fault is raised."""
    together, faults = threading.Barrier(THREADS), []

    def begin(number: int) -> None:
        try:
            together.wait(60)
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if faults:
        raise faults[0]
    assert not any(thread.is_alive() for thread in threads)


def turned(number: int, turn: int) -> str:
    """Which client a thread uses in a round: each thread takes turns, half of them the other way round."""
    return ("near", "far")[(number + turn) % 2]


def test_answers_never_mix(azure: Azure, tmp_path: Path) -> None:
    from azure.ai.ml.entities import Data

    clients = {"near": connect("local"), "far": connect(azure.target, show_progress=False)}

    def work(number: int) -> None:
        for turn in range(ROUNDS):
            where = turned(number, turn)
            file = tmp_path / f"{where}-{number}-{turn}.csv"
            file.write_text(f"{where}\n{number}\n", encoding="utf-8")
            name = f"{where}-{number}-{turn}"
            made = clients[where].data.create_or_update(Data(name=name, path=str(file), type="uri_file"))
            assert clients[where].workspaces.get(clients[where].workspace_name).name == clients[where].workspace_name
            assert made.id.split("/")[4] == clients[where].resource_group_name

    in_threads(work)

    entries = {"near": connection(clients["near"]).entry, "far": azure.entry}
    for where, client in clients.items():
        names = {one.name for one in client.data.list()}
        assert names == {f"{where}-{n}-{t}" for n in range(THREADS) for t in range(ROUNDS) if turned(n, t) == where}
        entry: Any = entries[where]
        assert {file.name.split("-")[0] for file in entry.folder.rglob("*-*-*.csv")} == {where}
    assert not any("/resourceGroups/local/" in line for line in azure.asked)


def test_the_door_passes_on_all_that_is_not_ours(azure: Azure) -> None:
    connect("local")
    asked = [
        "https://management.azure.com/subscriptions/11111111-2222-3333-4444-555555555555?api-version=2022-12-01",
        f"https://{azure.entry.account}.blob.core.windows.net/azureml/absent",
    ]

    for url in asked:
        assert requests.get(url, timeout=30).status_code == 401

    assert azure.asked == [f"GET {url}" for url in asked]


def test_a_token_of_the_local_workspace_never_reaches_azure(azure: Azure) -> None:
    made = connection(connect("local"))
    token = made.credential.get_token("https://management.azure.com/.default").token

    requests.get(
        f"https://management.azure.com{azure.entry.arm_id}?api-version=2024-04-01",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )

    assert azure.asked == []


def test_one_client_goes_here_while_adopted_and_to_azure_before_and_after(azure: Azure) -> None:
    from azure.ai.ml import MLClient
    from azure.identity import EnvironmentCredential

    entry = azure.entry
    client = MLClient(EnvironmentCredential(), entry.subscription, entry.group, entry.name, enable_telemetry=False)

    def where() -> str:
        return str(client.workspaces.get("prod").resource_group)

    assert where() == "cloud"
    asked = len(azure.asked)
    connect("local", adopt=True)
    assert where() == "local"
    other = MLClient(EnvironmentCredential(), entry.subscription, entry.group, entry.name)
    assert other.workspaces.get("prod").resource_group == "local"
    assert len(azure.asked) == asked
    disconnect()
    assert where() == "cloud"
    assert other.workspaces.get("prod").resource_group == "cloud", "it asks its own credential again"


def test_offline_the_cloud_is_refused_before_anything_is_asked(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_aml.errors import ConnectError

    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "1")

    with pytest.raises(ConnectError, match="keeps this process offline"):
        connect(azure.target)
    assert connect("local").workspaces.get("local").name == "local"
    assert (azure.asked, azure.authority.asked) == ([], [])
