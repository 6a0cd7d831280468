"""Tokens of the local service."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest

from jupyter_aml.client.credentials import LocalCredential, audience, claims, local_identity
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
