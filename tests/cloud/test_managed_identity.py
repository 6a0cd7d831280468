"""A machine in Azure signs in with its own identity, without a secret."""

from __future__ import annotations

import pytest
from stand_in.identity import SECRET, IdentityEndpoint
from stand_in.server import Azure

from jupyter_aml.client.connect import connect
from jupyter_aml.client.status import whoami
from jupyter_aml.errors import ConnectError

USER_ASSIGNED = "dddddddd-2222-3333-4444-555555555555"


@pytest.fixture
def app_service(identity_endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch) -> IdentityEndpoint:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{identity_endpoint.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", SECRET)
    return identity_endpoint


def test_an_app_service_says_who_it_is(azure: Azure, app_service: IdentityEndpoint) -> None:
    client = connect(azure.target)

    assert client.workspaces.get("prod").name == "prod"
    assert (whoami(client)["application"], whoami(client)["sign_in"]) == ("system", "managed-identity")
    assert app_service.asked[0]["resource"].rstrip("/") == "https://management.azure.com"


def test_a_compute_instance_names_its_identity(
    azure: Azure, identity_endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSI_ENDPOINT", f"{identity_endpoint.url}/msi/token")
    monkeypatch.setenv("MSI_SECRET", SECRET)
    monkeypatch.setenv("DEFAULT_IDENTITY_CLIENT_ID", USER_ASSIGNED)

    assert whoami(connect(azure.target))["application"] == USER_ASSIGNED


def test_a_virtual_machine_is_asked_when_its_identity_is_named(
    azure: Azure, identity_endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", identity_endpoint.url)

    client = connect(azure.target, sign_in="managed-identity", client_id=USER_ASSIGNED)

    assert client.workspaces.get("prod").name == "prod"
    assert identity_endpoint.asked[-1]["client_id"] == USER_ASSIGNED


def test_a_machine_without_an_identity_says_so(
    azure: Azure, app_service: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")

    with pytest.raises(ConnectError, match="There is no managed identity here") as caught:
        whoami(connect(azure.target, sign_in="managed-identity"))

    assert "device-code" in caught.value.remedy
