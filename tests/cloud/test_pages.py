"""Workspaces in Azure through the pages of Jupyter Server: with the user's credential, and nobody there to sign in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stand_in.authority import APPLICATION, SECRET, TENANT, Authority
from stand_in.server import Azure

from jupyter_aml.client.connect import connect
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.status import whoami
from jupyter_aml.commands.actions import jobs, pieces
from jupyter_aml.errors import ConnectError, NotFoundError, ResourceError
from jupyter_aml.server.cloud import Cloud


@pytest.fixture
def cloud(azure: Azure, home: Path) -> Cloud:
    Profiles(home).save(Profile("prod", azure.target, sign_in="device-code"))
    Profiles(home).save(Profile("here", "local:mine"))
    return Cloud(home)


@pytest.fixture
def principal(azure: Azure, home: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server's administrator puts into its environment."""
    Profiles(home).save(Profile("prod", azure.target))
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", APPLICATION)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET)


def path(azure: Azure, tail: str) -> str:
    return f"{azure.entry.arm_id[1:]}/{tail}"


def test_profiles_of_azure_are_its_workspaces(cloud: Cloud, azure: Azure) -> None:
    assert cloud.workspaces() == [
        {"name": "prod", "resourceGroup": "cloud", "id": azure.entry.arm_id, "place": "AZURE", "profile": "prod"}
    ]


@pytest.mark.usefixtures("principal")
def test_requests_are_answered_with_the_credential_of_the_server(
    cloud: Cloud, azure: Azure, authority: Authority
) -> None:
    listed = cloud.send("GET", path(azure, "datastores"), query="api-version=2024-10-01&isDefault=true")
    body = json.dumps(
        {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/x"}}
    ).encode()
    made = cloud.send(
        "PUT",
        path(azure, "data/x/versions/1"),
        query="api-version=2024-10-01",
        body=body,
        headers={"Content-Type": "application/json", "Cookie": "secret"},
    )

    assert [one["name"] for one in json.loads(listed.content)["value"]] == ["workspaceblobstore"]
    assert made.status in {200, 201}
    assert azure.asked[0].startswith("GET https://management.azure.com/subscriptions/")
    assert [one.client for one in authority.granted] == [APPLICATION], "it signs in once"


@pytest.mark.usefixtures("principal")
def test_the_services_of_the_workspace_are_found(cloud: Cloud, azure: Azure) -> None:
    found = cloud.send("GET", f"mlflow/v2.0{azure.entry.arm_id}/api/2.0/mlflow/experiments/search", surface="api",
                       query="max_results=1")  # fmt: skip

    assert found.status == 200
    assert any("https://local.api.azureml.ms/mlflow/v2.0" in line for line in azure.asked)


@pytest.mark.usefixtures("principal")
def test_what_azure_refuses_keeps_its_code(cloud: Cloud, azure: Azure) -> None:
    with pytest.raises(ResourceError, match="nobody") as caught:
        cloud.send("GET", path(azure, "jobs/nobody"), query="api-version=2024-10-01")

    assert caught.value.status == 404


def test_a_sign_in_of_a_notebook_is_enough(cloud: Cloud, azure: Azure, authority: Authority) -> None:
    whoami(connect("prod"))

    assert cloud.send("GET", path(azure, "jobs"), query="api-version=2024-10-01").status == 200
    assert len(authority.grants("device_code")) == 1


def test_without_a_sign_in_nobody_is_waited_for(cloud: Cloud, azure: Azure, authority: Authority) -> None:
    with pytest.raises(ConnectError, match="Nobody has signed in") as caught:
        cloud.send("GET", path(azure, "jobs"))

    assert "%aml connect" in caught.value.remedy
    assert authority.grants("device_code") == []


def test_offline_stays_offline(cloud: Cloud, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_OFFLINE", "1")

    with pytest.raises(ConnectError, match="keeps this process offline"):
        cloud.send("GET", path(azure, "jobs"))
    assert azure.asked == []


@pytest.mark.parametrize(
    "elsewhere",
    [
        "subscriptions/9/resourceGroups/cloud/providers/Microsoft.MachineLearningServices/workspaces/prod/jobs",
        "subscriptions",
        "../evil",
        "",
    ],
)
def test_only_workspaces_of_profiles_are_reached(cloud: Cloud, azure: Azure, elsewhere: str) -> None:
    with pytest.raises(NotFoundError, match="profiles of Azure are prod"):
        cloud.send("GET", elsewhere)
    assert azure.asked == []


@pytest.mark.usefixtures("principal")
def test_a_log_is_read_by_offset(cloud: Cloud, azure: Azure) -> None:
    name = "told"
    base = path(azure, "")
    environment = json.dumps({"properties": {"image": "x"}}).encode()
    job = json.dumps(
        {
            "properties": {
                "jobType": "Command",
                "command": "echo x",
                "environmentId": f"{azure.entry.arm_id}/environments/e/versions/1",
            }
        }
    ).encode()
    kind = {"Content-Type": "application/json"}
    cloud.send("PUT", f"{base}environments/e/versions/1", body=environment, headers=kind)
    cloud.send("PUT", f"{base}jobs/{name}", body=job, headers=kind)
    before, final = pieces.piece(jobs.Reader(cloud.connection(azure.entry.arm_id)), name)
    assert (before.text, before.size, final) == ("", 0, False)

    folder = azure.service.store.workspace(azure.entry).runs_folder(name) / "user_logs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "std_log.txt").write_bytes("first é\nsecond\n".encode() + b"\xc3")
    whole, _ = pieces.piece(jobs.Reader(cloud.connection(azure.entry.arm_id)), name)
    rest, _ = pieces.piece(jobs.Reader(cloud.connection(azure.entry.arm_id)), name, offset=9)
    end, _ = pieces.piece(jobs.Reader(cloud.connection(azure.entry.arm_id)), name, offset=-10)
    none, _ = pieces.piece(jobs.Reader(cloud.connection(azure.entry.arm_id)), name, offset=whole.next)

    assert (whole.text, whole.next, whole.size) == ("first é\nsecond\n", 16, 17)
    assert (rest.text, rest.offset) == ("second\n", 9)
    assert (end.text, end.offset) == ("second\n", 9)
    assert (none.text, none.next) == ("", 16)
    with pytest.raises(ResourceError, match="nobody"):
        pieces.piece(jobs.Reader(cloud.connection(azure.entry.arm_id)), "nobody")
