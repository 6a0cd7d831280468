"""Tokens of the local service, and how azure-identity is set up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jwt
import pytest

from jupyter_aml.client import clouds
from jupyter_aml.client.credentials import (
    AzureSignIn,
    LocalCredential,
    Remembered,
    audience,
    claims,
    has_browser,
    local_identity,
)
from jupyter_aml.errors import ConnectError
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.store.catalogue import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store.open(tmp_path / "store")
    made.rings = False
    return made


def test_a_token_says_what_it_is_for(store: Store) -> None:
    token = LocalCredential(store, local_identity(store)).get_token("https://ml.azure.com/.default").token
    said = jwt.decode(token, options={"verify_signature": False})

    assert said["aud"] == "https://ml.azure.com"
    assert said["tid"] == store.tenant_id
    assert claims(token) == said


def test_the_service_knows_its_own_token(store: Store) -> None:
    ada = local_identity(store, "ada")
    info = LocalCredential(store, ada).get_token_info("https://management.azure.com/.default")

    assert tokens.verify(store, info.token) == ada
    assert ada.name == "ada@local"


def test_a_token_is_asked_for_once_per_audience(store: Store) -> None:
    credential = LocalCredential(store, local_identity(store))

    first = credential.get_token("https://management.azure.com/.default")
    assert credential.get_token("https://management.azure.com/.default") == first
    assert credential.get_token("https://ml.azure.com/.default") != first


def test_a_token_near_its_end_is_renewed(tmp_path: Path) -> None:
    now = [1_900_000_000.0]
    store = Store(tmp_path / "store", clock=lambda: now[0])
    credential = LocalCredential(store, local_identity(store))
    first = credential.get_token("a/.default")
    now[0] += tokens.LIFETIME - 60

    assert credential.get_token("a/.default").expires_on > first.expires_on


def test_no_scope_is_refused_as_azure_identity_does(store: Store) -> None:
    with pytest.raises(ValueError, match="at least one scope"):
        LocalCredential(store, local_identity(store)).get_token()


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("https://management.azure.com/.default", "https://management.azure.com"),
        ("https://management.azure.com//.default", "https://management.azure.com"),
        ("https://storage.azure.com/.default", "https://storage.azure.com"),
        ("api://x/read", "api://x/read"),
    ],
)
def test_the_audience_is_the_scope_without_its_ending(scope: str, expected: str) -> None:
    assert audience(scope) == expected


def test_what_is_no_token_says_nothing() -> None:
    assert claims("opaque") == {}
    assert claims("a.!!!.c") == {}


def sign_in(tmp_path: Path, **named: Any) -> AzureSignIn:
    return AzureSignIn(clouds.CLOUDS["AzureChinaCloud"], tmp_path, **named)


def test_an_unknown_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="'carrier-pigeon' is no way to sign in") as caught:
        sign_in(tmp_path).credential("carrier-pigeon")

    assert "device-code" in caught.value.message


def test_a_service_principal_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ConnectError, match="cannot sign in without AZURE_TENANT_ID") as caught:
        sign_in(tmp_path, client="c").credential("service-principal")

    assert "environment" in caught.value.remedy


@pytest.mark.parametrize(
    ("way", "kind"),
    [
        ("cli", "AzureCliCredential"),
        ("browser", "Remembered"),
        ("device-code", "Remembered"),
        ("managed-identity", "ManagedIdentityCredential"),
        ("auto", "ChainedTokenCredential"),
        ("", "ChainedTokenCredential"),
    ],
)
def test_every_way_makes_a_credential_without_a_request(tmp_path: Path, way: str, kind: str) -> None:
    assert type(sign_in(tmp_path).credential(way)).__name__ == kind


def test_a_sovereign_cloud_signs_in_at_its_own_authority(tmp_path: Path) -> None:
    made = sign_in(tmp_path, tenant="t", client="c", secret="s").credential("service-principal")

    assert made._authority == "https://login.chinacloudapi.cn"


def test_managed_identity_comes_before_the_person_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token")
    chain = sign_in(tmp_path).credential()

    assert [type(link).__name__ for link in chain.credentials] == [
        "ManagedIdentityCredential",
        "AzureCliCredential",
        "Remembered",
    ]


def test_a_remembered_account_is_asked_once(tmp_path: Path) -> None:
    from azure.core.credentials import AccessToken
    from azure.identity import AuthenticationRecord, AuthenticationRequiredError

    record = AuthenticationRecord("tenant", "client", "login.example", "home", "ada@example.com")
    made: list[Any] = []

    class Person:
        def __init__(self, known: Any) -> None:
            self.known = known
            made.append(self)

        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            if self.known is None:
                raise AuthenticationRequiredError(scopes)
            return AccessToken("t", 1)

        def authenticate(self, *, scopes: list[str]) -> AuthenticationRecord:
            self.known = record
            return record

    path = tmp_path / "accounts" / "a.json"
    assert Remembered(Person, path).get_token("s/.default").token == "t"
    assert Remembered(Person, path).get_token("s/.default").token == "t"
    assert made[1].known.username == "ada@example.com"


def test_over_ssh_no_browser_would_appear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")

    assert not has_browser()


def test_an_unknown_cloud_is_refused() -> None:
    with pytest.raises(ConnectError, match="no cloud called 'AzureMoon'") as caught:
        clouds.cloud("AzureMoon")

    assert "cloud_metadata" in caught.value.remedy


def test_the_clouds_are_those_of_the_sdk() -> None:
    from azure.ai.ml._azure_environments import _environments

    for name, ours in clouds.CLOUDS.items():
        theirs = _environments[name]
        assert ours.arm == theirs["resource_manager"].rstrip("/")
        assert ours.authority == theirs["active_directory"].rstrip("/")
        assert ours.studio == theirs["aml_resource_id"].rstrip("/")
        assert ours.storage == theirs["storage_endpoint"]
