"""Connecting to a local workspace."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import jupyter_aml
from jupyter_aml.client import services
from jupyter_aml.client.connect import connect, connection, current, disconnect
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.errors import ConnectError

SUB = "11111111-2222-3333-4444-555555555555"


def stray(folder: Path) -> None:
    (folder / "config.json").write_text(
        json.dumps({"subscription_id": SUB, "resource_group": "prod", "workspace_name": "ws"}),
        encoding="utf-8",
    )


def test_a_bare_connect_is_the_local_workspace() -> None:
    client = connect()

    assert type(client).__module__ == "azure.ai.ml._ml_client"
    assert str(connection(client)) == "LOCAL local/local"
    assert client.workspace_name == "local"


def test_the_default_workspace_has_its_four_datastores() -> None:
    names = {store.name for store in connect().datastores.list()}

    assert names == {
        "workspaceblobstore",
        "workspaceartifactstore",
        "workspacefilestore",
        "workspaceworkingdirectory",
    }


def test_connecting_again_finds_the_same_workspace() -> None:
    first, second = connection(connect()), connection(connect("local"))

    assert first.entry == second.entry
    assert first.service is second.service


def test_the_public_name_is_the_same_function() -> None:
    assert jupyter_aml.connect is connect
    assert jupyter_aml.connection is connection


def test_a_workspace_by_name_is_made_and_said_to_be_new() -> None:
    made = connection(connect("local:clinic"))

    assert made.workspace == "clinic"
    assert "is new" in made.notes[0]
    assert connection(connect("local:Clinic")).entry == made.entry
    assert connection(connect("local:clinic")).notes == ()


def test_a_workspace_by_path_lies_in_that_folder(tmp_path: Path) -> None:
    made = connection(connect(f"local:{tmp_path}/my clinic"))

    assert made.entry is not None
    assert made.entry.folder == tmp_path / "my clinic"
    assert made.workspace == "my-clinic"
    assert (tmp_path / "my clinic" / "workspace.db").is_file()
    assert connection(connect(f"local:{tmp_path}/my clinic")).entry == made.entry


def test_two_folders_of_one_name_are_two_workspaces(tmp_path: Path) -> None:
    first = connection(connect(f"local:{tmp_path}/a/ws"))
    second = connection(connect(f"local:{tmp_path}/b/ws"))

    assert (first.workspace, second.workspace) == ("ws", "ws-2")


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()

    with pytest.raises(ConnectError, match="holds files, but no workspace") as caught:
        connect(f"local:{tmp_path}")

    assert "new folder inside it" in caught.value.remedy


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()

    with pytest.raises(ConnectError, match="is a file"):
        connect(f"local:{tmp_path}/photo.png")


def test_a_name_outside_the_rules_is_refused() -> None:
    with pytest.raises(ConnectError, match="cannot be a workspace's name") as caught:
        connect("local:my clinic!")

    assert "local:my-clinic" in caught.value.remedy


def test_a_stray_config_is_only_offered_in_words(folder: Path) -> None:
    stray(folder)

    made = connection(connect())

    assert made.place == "LOCAL"
    assert "connect('config') goes there" in made.notes[0]


def test_an_explicit_local_says_nothing_of_a_stray_config(folder: Path) -> None:
    stray(folder)

    assert connection(connect("local")).notes == ()


def test_a_config_of_the_local_workspace_leads_to_it(folder: Path) -> None:
    entry = connection(connect()).entry
    assert entry is not None
    (folder / "config.json").write_text(
        json.dumps(
            {"subscription_id": entry.subscription, "resource_group": entry.group, "workspace_name": entry.name}
        ),
        encoding="utf-8",
    )

    assert connection(connect("config")).entry == entry


def test_keyword_arguments_name_a_local_workspace_too() -> None:
    entry = connection(connect()).entry
    assert entry is not None

    client = connect(subscription_id=entry.subscription, resource_group_name=entry.group, workspace_name=entry.name)

    assert connection(client).entry == entry


def test_no_config_is_an_error_that_says_what_to_type() -> None:
    with pytest.raises(ConnectError, match=r"No config\.json was found") as caught:
        connect("config")

    assert "azure:SUB/RG/WS" in caught.value.remedy


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(ConnectError, match="no profile called 'lokal'") as caught:
        connect("lokal")

    assert caught.value.remedy == "Did you mean connect('local')?"


def test_a_profile_chosen_by_name_is_where_a_bare_connect_goes(home: Path) -> None:
    Profiles(home).save(Profile("trial", "local:trial", identity="ada"))

    connect("trial")
    made = connection(connect())

    assert (made.workspace, made.profile, made.identity) == ("trial", "trial", "ada@local")


def test_an_explicit_local_undoes_the_choice(home: Path) -> None:
    Profiles(home).save(Profile("trial", "local:trial"))
    connect("trial")
    connect("local")

    assert connection(connect()).workspace == "local"


def test_azure_is_refused_while_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "1")

    with pytest.raises(ConnectError, match="keeps this process offline") as caught:
        connect(f"azure:{SUB}/rg/ws")

    assert "connect('local')" in caught.value.remedy


def test_a_chosen_profile_of_azure_is_refused_while_offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Profiles(home).save(Profile("prod", f"azure:{SUB}/rg/ws"))
    Profiles(home).choose("prod")
    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "1")

    with pytest.raises(ConnectError, match="'prod' is in Azure"):
        connect()


def test_azure_alone_must_be_clear() -> None:
    with pytest.raises(ConnectError, match=r"no profile of Azure and no config\.json"):
        connect("azure")


def test_a_client_for_azure_is_made_without_a_request() -> None:
    client = connect(f"azure:{SUB}/rg/ws", sign_in="cli")

    assert str(connection(client)) == "AZURE rg/ws"
    assert client.workspace_name == "ws"


def test_a_client_that_a_notebook_made_itself_is_recognised() -> None:
    from azure.ai.ml import MLClient

    made = connection(connect())
    again = MLClient(made.credential, made.subscription, made.group, made.workspace, enable_telemetry=False)
    far = MLClient(made.credential, SUB, "rg", "ws", enable_telemetry=False)

    assert connection(again).place == "LOCAL"
    assert connection(far).place == "AZURE"


def test_several_threads_may_connect_at_once() -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(connection(connect()).entry)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 6
    assert len(set(found)) == 1


def test_the_host_is_woken_and_the_call_does_not_wait(rung: list[Path], home: Path) -> None:
    connect()
    for thread in threading.enumerate():
        if thread.name == "jupyter_aml-ring":
            thread.join()

    assert rung
    assert set(rung) == {home}


def test_disconnecting_leaves_no_current_connection() -> None:
    connect()
    assert current() is not None

    disconnect()

    assert current() is None


def test_another_store_is_another_world(tmp_path: Path) -> None:
    here, there = connection(connect()), connection(connect(home=tmp_path / "other"))

    assert here.subscription != there.subscription
    assert here.service is not there.service
    services.close(tmp_path / "other")


def test_the_offer_of_a_stray_config_is_shown_to_the_person(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stray(folder)
    connect()

    said = capsys.readouterr()
    assert f"{folder / 'config.json'} names the workspace prod/ws; connect('config') goes there." in said.err
    assert said.out == ""

    connect(quiet=True)
    assert capsys.readouterr().err == ""
