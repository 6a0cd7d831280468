"""Adoption: unedited cells get the local workspace, until it is released."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.client import adopt
from jupyter_aml.client.connect import connect, connection, disconnect
from jupyter_aml.client.status import status
from jupyter_aml.errors import ConnectError

SUB = "11111111-2222-3333-4444-555555555555"


def unedited() -> Any:
    """A lab's own cell."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    return MLClient(DefaultAzureCredential(), SUB, "prod", "ws")


def test_an_unedited_client_gets_the_local_workspace() -> None:
    made = connection(connect("local", adopt=True))

    client = unedited()

    assert client.workspaces.get("ws").name == made.workspace
    assert {store.name for store in client.datastores.list()} >= {"workspaceblobstore"}
    assert connection(client).place == "LOCAL"


def test_an_unedited_client_from_a_config_file_does_too(folder: Path) -> None:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    (folder / "config.json").write_text(
        json.dumps({"subscription_id": SUB, "resource_group": "prod", "workspace_name": "ws"}), encoding="utf-8"
    )
    connect("local", adopt=True)

    client = MLClient.from_config(DefaultAzureCredential())

    assert client.datastores.get_default().name == "workspaceblobstore"


def test_data_made_by_an_unedited_client_is_in_the_local_workspace(folder: Path) -> None:
    from azure.ai.ml.entities import Data

    client = connect("local", adopt=True)
    (folder / "iris.csv").write_text("a,b\n1,2\n", encoding="utf-8")

    unedited().data.create_or_update(Data(name="iris", version="1", path="iris.csv", type="uri_file"))

    assert client.data.get("iris", "1").name == "iris"


def test_what_it_stood_for_is_recorded() -> None:
    connect("local", adopt=True)
    unedited().datastores.get_default()

    found = status()["adopted"]

    assert found["as"] == "local/local"
    assert found["places"] == [{"subscription": SUB, "group": "prod", "workspace": "ws"}]


def test_after_disconnecting_everything_passes_on_again() -> None:
    connect("local", adopt=True)
    client = unedited()
    disconnect()

    assert adopt.current() is None
    assert status()["adopted"] is None
    from azure.core.exceptions import ClientAuthenticationError

    with pytest.raises(ClientAuthenticationError):
        client.datastores.get_default()


def test_no_cloud_client_beside_an_adopted_workspace() -> None:
    connect("local", adopt=True)

    with pytest.raises(ConnectError, match="none reaches Azure") as caught:
        connect(f"azure:{SUB}/rg/ws", sign_in="cli")

    assert "disconnect()" in caught.value.remedy


def test_azure_cannot_be_adopted() -> None:
    with pytest.raises(ConnectError, match="Only a local workspace can be adopted") as caught:
        connect(f"azure:{SUB}/rg/ws", sign_in="cli", adopt=True)

    assert "connect('local', adopt=True)" in caught.value.remedy


def test_telemetry_is_off_for_an_adopted_client(monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.ai.ml._telemetry import logging_handler

    asked: list[object] = []
    monkeypatch.setattr(logging_handler, "in_jupyter_notebook", lambda: True)
    monkeypatch.setattr(logging_handler, "setup_azure_monitor", asked.append)
    connect("local", adopt=True)
    unedited()

    assert asked == []


def test_every_credential_of_azure_identity_is_answered_here() -> None:
    import azure.identity

    made = connection(connect("local", adopt=True))
    kinds = [getattr(azure.identity, name) for name in azure.identity.__all__]
    asked = [kind for kind in kinds if isinstance(kind, type) and hasattr(kind, "get_token")]

    for kind in asked:
        bare = kind.__new__(kind)  # not one is asked how it would sign in
        for method in ("get_token", "get_token_info"):
            token = getattr(bare, method)("https://management.azure.com/.default").token
            assert token == made.credential.get_token("https://management.azure.com/.default").token, kind
    assert {"DeviceCodeCredential", "InteractiveBrowserCredential", "ClientSecretCredential"} <= {
        kind.__name__ for kind in asked
    }


def test_a_notebook_without_a_config_file_gets_it_too_and_only_while_it_is_adopted(folder: Path) -> None:
    from azure.ai.ml import MLClient
    from azure.ai.ml.exceptions import ValidationException
    from azure.identity import DefaultAzureCredential

    connect("local", adopt=True)
    client = MLClient.from_config(DefaultAzureCredential())

    assert (client.workspace_name, client.datastores.get_default().name) == ("local", "workspaceblobstore")
    disconnect()
    with pytest.raises(ValidationException, match=r"could not find config\.json"):
        MLClient.from_config(DefaultAzureCredential())


def test_placeholders_that_nobody_filled_in_are_a_workspace_too() -> None:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    connect("local", adopt=True)
    client = MLClient(DefaultAzureCredential(), "<SUBSCRIPTION_ID>", "<RESOURCE_GROUP>", "<AML_WORKSPACE_NAME>")

    assert client.datastores.get_default().name == "workspaceblobstore"


def test_adoption_is_said_and_so_is_every_workspace_it_stands_for(capsys: pytest.CaptureFixture[str]) -> None:
    connect("local", adopt=True)
    client = unedited()
    client.datastores.get_default()
    client.datastores.get_default()

    adopted, named = capsys.readouterr().err.splitlines()
    assert adopted.startswith("Every MLClient of this process gets the workspace local/local of this machine")
    assert "disconnect()" in adopted
    assert named == f"LOCAL local/local answers for {SUB}/prod/ws; nothing is asked in Azure."


def test_a_client_of_its_own_does_not_report_either(monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.ai.ml import MLClient
    from azure.ai.ml._telemetry import logging_handler

    asked: list[object] = []
    monkeypatch.setattr(logging_handler, "in_jupyter_notebook", lambda: True)
    monkeypatch.setattr(logging_handler, "setup_azure_monitor", asked.append)
    made = connection(connect("local"))

    MLClient(made.credential, made.subscription, made.group, made.workspace)
    assert asked == []
    MLClient(made.credential, SUB, "rg", "ws")
    assert len(asked) == 1
    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "1")
    MLClient(made.credential, SUB, "rg", "ws")
    assert len(asked) == 1
