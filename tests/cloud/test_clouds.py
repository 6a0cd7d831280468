"""Clouds of their own: every name leads to that cloud's hosts, and tokens are for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from stand_in.authority import APPLICATION, SECRET, TENANT, Authority
from stand_in.server import Azure

from jupyter_aml.client import seams
from jupyter_aml.client.connect import connect, connection
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.rest import Rest
from jupyter_aml.client.status import whoami

STACK = {
    "resource_manager": "https://management.stack.example/",
    "active_directory": "https://login.stack.example/",
    "storage_endpoint": "core.stack.example",
}
HOSTS = {
    "AzureCloud": ("management.azure.com", "login.microsoftonline.com", "core.windows.net"),
    "AzureChinaCloud": ("management.chinacloudapi.cn", "login.chinacloudapi.cn", "core.chinacloudapi.cn"),
    "AzureUSGovernment": ("management.usgovcloudapi.net", "login.microsoftonline.us", "core.usgovcloudapi.net"),
    "Contoso": ("management.stack.example", "login.stack.example", "core.stack.example"),
}


@pytest.fixture(autouse=True)
def principal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", APPLICATION)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET)
    monkeypatch.setenv(seams.CLOUD_VARIABLE, "AzureCloud")


def metadata(cloud: str) -> dict[str, Any]:
    return {"cloud_metadata": STACK} if cloud == "Contoso" else {}


@pytest.mark.parametrize("cloud", HOSTS)
def test_data_is_registered_in_the_cloud_that_was_named(
    azure: Azure, authority: Authority, cloud: str, tmp_path: Path
) -> None:
    from azure.ai.ml.entities import Data

    arm, login, storage = HOSTS[cloud]
    client = connect(azure.target, cloud=cloud, show_progress=False, **metadata(cloud))
    (tmp_path / "iris.csv").write_text("a\n1\n", encoding="utf-8")

    client.data.create_or_update(Data(name="iris", path=str(tmp_path / "iris.csv"), type="uri_file"))

    assert client.data.get("iris", label="latest").version == "1"
    hosts = {line.split("/")[2] for line in azure.asked}
    assert hosts <= {arm, f"{azure.entry.account}.blob.{storage}"}
    assert len(hosts) == 2
    assert {one.audience for one in authority.granted} == {f"https://{arm}"}
    assert {line.split()[1].split("/")[0] for line in authority.asked if line.startswith("POST")} == {login}


@pytest.mark.parametrize("cloud", ["AzureChinaCloud", "Contoso"])
def test_who_am_i_and_raw_rest_ask_that_cloud(azure: Azure, cloud: str) -> None:
    client = connect(azure.target, cloud=cloud, **metadata(cloud))
    rest = Rest(connection(client))
    try:
        names = [item["name"] for item in rest.items("datastores")]
    finally:
        rest.close()

    assert "workspaceblobstore" in names
    assert whoami(client)["cloud"] == cloud
    assert {line.split("/")[2] for line in azure.asked} == {HOSTS[cloud][0]}


def test_a_client_that_a_notebook_made_itself_keeps_its_cloud(azure: Azure) -> None:
    from azure.ai.ml import MLClient
    from azure.identity import ClientSecretCredential

    credential = ClientSecretCredential(TENANT, APPLICATION, SECRET, authority="login.chinacloudapi.cn")
    entry = azure.entry
    client = MLClient(
        credential, entry.subscription, entry.group, entry.name, cloud="AzureChinaCloud", enable_telemetry=False
    )

    assert connection(client).cloud.name == "AzureChinaCloud"
    assert whoami(client)["application"] == APPLICATION


def test_a_profile_remembers_its_cloud(azure: Azure, home: Path) -> None:
    Profiles(home).save(Profile("shanghai", azure.target, cloud="AzureChinaCloud"))

    client = connect("shanghai")

    assert client.workspaces.get("prod").name == "prod"
    assert {line.split("/")[2] for line in azure.asked} == {"management.chinacloudapi.cn"}


def test_a_local_client_works_beside_one_of_another_cloud(azure: Azure, tmp_path: Path) -> None:
    from azure.ai.ml import command
    from azure.ai.ml.entities import Data, Environment

    far = connect(azure.target, cloud="AzureChinaCloud", show_progress=False)
    near = connect("local", show_progress=False)
    (tmp_path / "iris.csv").write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "t.py").write_text("print(1)\n", encoding="utf-8")

    near.data.create_or_update(Data(name="near", path=str(tmp_path / "iris.csv"), type="uri_file"))
    plain = Environment(image="python:3.11")
    job = near.jobs.create_or_update(command(code=str(tmp_path / "src"), command="python t.py", environment=plain))
    far.data.create_or_update(Data(name="far", path=str(tmp_path / "iris.csv"), type="uri_file"))

    assert [one.name for one in near.data.list()] == ["near"]
    assert [one.name for one in far.data.list()] == ["far"]
    assert near.jobs.get(job.name).name == job.name
    entry = connection(near).entry
    assert entry is not None
    assert [file.name for file in entry.folder.rglob("t.py")] == ["t.py"]


def test_a_cloud_that_only_the_environment_names_is_not_looked_up_for_local_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(seams.CLOUD_VARIABLE, "AzureMoon")

    client = connect("local")

    assert client.workspaces.get("local").name == "local"
    assert os.environ[seams.CLOUD_VARIABLE] == "AzureCloud"
