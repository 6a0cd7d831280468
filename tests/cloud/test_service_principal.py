"""A service principal of the environment works on a workspace in Azure, with the unmodified SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stand_in.authority import APPLICATION, SECRET, TENANT, Authority
from stand_in.server import Azure

from jupyter_aml.client.connect import connect, connection
from jupyter_aml.client.rest import Rest
from jupyter_aml.client.status import whoami
from jupyter_aml.errors import ConnectError, ResourceError


@pytest.fixture
def principal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pipeline puts into the environment."""
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", APPLICATION)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET)


@pytest.fixture
def client(azure: Azure, principal: None) -> Any:
    return connect(azure.target, show_progress=False)


def test_the_sdk_lists_what_is_there(client: Any) -> None:
    assert str(connection(client)) == "AZURE cloud/prod"
    assert {store.name for store in client.datastores.list()} >= {"workspaceblobstore", "workspacefilestore"}
    assert client.workspaces.get("prod").name == "prod"
    assert list(client.jobs.list()) == []


def test_it_signs_in_once_for_everything_the_sdk_does(client: Any, authority: Authority, machine: Path) -> None:
    client.datastores.get_default()
    list(client.jobs.list())
    list(client.models.list())

    assert [(one.client, one.tenant) for one in authority.granted] == [(APPLICATION, TENANT)]
    assert not (machine / ".IdentityService").exists(), "a principal's tokens are kept nowhere"


def test_a_file_is_uploaded_and_registered(client: Any, azure: Azure, tmp_path: Path) -> None:
    from azure.ai.ml.entities import Data

    (tmp_path / "iris.csv").write_text("a,b\n1,2\n", encoding="utf-8")

    made = client.data.create_or_update(Data(name="iris", path=str(tmp_path / "iris.csv"), type="uri_file"))

    assert (made.name, made.version) == ("iris", "1")
    assert client.data.get("iris", label="latest").path == made.path
    blob = f"PUT https://{azure.entry.account}.blob.core.windows.net/"
    assert any(line.startswith(blob) and "iris.csv" in line for line in azure.asked)
    kept = list(azure.entry.folder.rglob("iris.csv"))
    assert [file.read_text(encoding="utf-8") for file in kept] == ["a,b\n1,2\n"]


def test_a_job_is_sent_with_its_code_listed_and_cancelled(client: Any, azure: Azure, tmp_path: Path) -> None:
    from azure.ai.ml import command

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print('hello')\n", encoding="utf-8")

    job = client.jobs.create_or_update(
        command(code=str(tmp_path / "src"), command="python train.py", environment=environment(client))
    )

    assert [one.name for one in client.jobs.list()] == [job.name]
    assert list(azure.entry.folder.rglob("train.py"))
    client.jobs.begin_cancel(job.name).wait()
    assert client.jobs.get(job.name).status in {"Canceled", "CancelRequested"}


def environment(client: Any) -> str:
    from azure.ai.ml.entities import Environment

    made = client.environments.create_or_update(Environment(name="plain", image="python:3.11"))
    return f"{made.name}:{made.version}"


def test_who_am_i(client: Any) -> None:
    found = whoami(client)

    assert (found["place"], found["application"], found["tenant"]) == ("AZURE", APPLICATION, TENANT)
    assert found["sign_in"] == "service-principal"
    assert 0 < found["minutes"] <= 60


def test_raw_rest_goes_the_same_way(client: Any, azure: Azure) -> None:
    rest = Rest(connection(client))
    try:
        assert rest.get("datastores/workspaceblobstore")["name"] == "workspaceblobstore"
        base = rest.url("runs", api="history/v1.0")
        with pytest.raises(ResourceError) as caught:
            rest.get("data/absent/versions/1")
    finally:
        rest.close()

    assert base.startswith("https://local.api.azureml.ms/history/v1.0/subscriptions/")
    assert caught.value.status == 404
    assert any("/discovery/" in line for line in azure.asked)


def test_a_certificate_signs_in_without_a_secret(
    azure: Azure, principal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", str(azure.certificates.application))

    client = connect(azure.target, sign_in="service-principal")

    assert client.workspaces.get("prod").name == "prod"


@pytest.mark.parametrize("way", ["auto", "service-principal"])
def test_a_wrong_secret_is_refused_in_one_sentence(
    azure: Azure, principal: None, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong-secret")
    client = connect(azure.target, sign_in=way)

    with pytest.raises(ConnectError) as caught:
        client.datastores.get_default()

    assert caught.value.message == (
        f"Azure refused the sign-in: Invalid client secret provided for app '{APPLICATION}' (AADSTS7000215)."
    )
    assert "AZURE_CLIENT_SECRET" in caught.value.remedy
    assert "wrong-secret" not in str(caught.value)
    assert "Trace ID" not in str(caught.value)


def test_the_refusal_is_the_sdks_own_kind_too(azure: Azure, principal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong-secret")

    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        list(connect(azure.target).jobs.list())


def test_an_unknown_tenant_and_an_unknown_application_are_named(
    azure: Azure, principal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConnectError, match=r"There is no tenant 'nobody\.example'") as caught:
        whoami(connect(azure.target, tenant_id="nobody.example"))
    assert "tenant" in caught.value.remedy

    monkeypatch.setenv("AZURE_CLIENT_ID", "11111111-2222-3333-4444-555555555555")
    with pytest.raises(ConnectError, match=r"'11111111-.*AADSTS700016") as caught:
        whoami(connect(azure.target))
    assert "AZURE_CLIENT_ID" in caught.value.remedy


def test_a_workspace_that_is_not_there_is_azures_own_refusal(client: Any, azure: Azure) -> None:
    from azure.core.exceptions import ResourceNotFoundError

    other = connect(f"azure:{azure.entry.subscription}/cloud/absent")

    with pytest.raises(ResourceNotFoundError, match="absent"):
        list(other.datastores.list())
