"""Datastores through the unmodified SDK: built-in ones, created ones, and their secrets."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from azure.ai.ml.entities import (
    AccountKeyConfiguration,
    AzureBlobDatastore,
    AzureDataLakeGen2Datastore,
    AzureFileDatastore,
    SasTokenConfiguration,
    ServicePrincipalConfiguration,
)
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

KEY = "c2VjcmV0LWtleQ=="
BUILT_IN = {"workspaceblobstore", "workspaceartifactstore", "workspacefilestore", "workspaceworkingdirectory"}


def blob(name: str = "lake", **more: Any) -> AzureBlobDatastore:
    return AzureBlobDatastore(
        name=name,
        account_name="theiraccount",
        container_name="raw",
        credentials=AccountKeyConfiguration(account_key=KEY),
        **more,
    )


def test_a_workspace_has_four_datastores(ml_client: Any) -> None:
    found = {store.name: store for store in ml_client.datastores.list()}

    assert set(found) == BUILT_IN
    assert found["workspaceblobstore"].container_name.startswith("azureml-blobstore-")
    assert found["workspaceartifactstore"].container_name == "azureml"


def test_the_default_is_the_blob_store(ml_client: Any) -> None:
    assert ml_client.datastores.get_default().name == "workspaceblobstore"


def test_a_blob_store_with_a_key_is_kept_and_its_key_hidden(ml_client: Any) -> None:
    made = ml_client.datastores.create_or_update(blob(description="Raw data.", tags={"team": "a"}))

    found = ml_client.datastores.get("lake")
    assert (found.account_name, found.container_name, found.description) == ("theiraccount", "raw", "Raw data.")
    assert found.tags == {"team": "a"}
    assert made.id.endswith("/datastores/lake")
    assert getattr(found.credentials, "account_key", None) is None


def test_secrets_come_when_they_are_asked_for(ml_client: Any) -> None:
    ml_client.datastores.create_or_update(blob())

    assert ml_client.datastores.get("lake", include_secrets=True).credentials.account_key == KEY
    listed = {store.name: store for store in ml_client.datastores.list(include_secrets=True)}
    assert listed["lake"].credentials.account_key == KEY


def test_a_sas_token_and_a_service_principal_are_kept_too(ml_client: Any) -> None:
    ml_client.datastores.create_or_update(
        AzureFileDatastore(
            name="share",
            account_name="theiraccount",
            file_share_name="s",
            credentials=SasTokenConfiguration(sas_token="sv=1&sig=2"),
        )
    )
    principal = ServicePrincipalConfiguration(tenant_id="t", client_id="c", client_secret="hush")
    ml_client.datastores.create_or_update(
        AzureDataLakeGen2Datastore(name="gen2", account_name="theiraccount", filesystem="fs", credentials=principal)
    )

    assert ml_client.datastores.get("share", include_secrets=True).credentials.sas_token == "sv=1&sig=2"
    gen2 = ml_client.datastores.get("gen2", include_secrets=True)
    assert (gen2.filesystem, gen2.credentials.client_secret) == ("fs", "hush")
    assert gen2.credentials.client_id == "c"


def test_a_store_without_credentials_has_none(ml_client: Any) -> None:
    ml_client.datastores.create_or_update(
        AzureBlobDatastore(name="open", account_name="theiraccount", container_name="public")
    )

    assert type(ml_client.datastores.get("open").credentials).__name__ == "NoneCredentialConfiguration"


def test_a_secret_is_nowhere_readable_on_disk(world: Any) -> None:
    world.client.datastores.create_or_update(blob())

    for path in world.entry.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes()
    with sqlite3.connect(world.entry.folder / "workspace.db") as connection:
        assert connection.execute("SELECT count(*) FROM secrets").fetchone()[0] >= 1
    connection.close()


def test_writing_again_changes_it(ml_client: Any) -> None:
    ml_client.datastores.create_or_update(blob(description="first"))
    ml_client.datastores.create_or_update(blob(description="second"))

    assert ml_client.datastores.get("lake").description == "second"


def test_another_kind_under_the_same_name_is_a_conflict(ml_client: Any) -> None:
    ml_client.datastores.create_or_update(blob())

    with pytest.raises(ResourceExistsError, match="is a AzureBlob, not a AzureFile") as caught:
        ml_client.datastores.create_or_update(
            AzureFileDatastore(name="lake", account_name="theiraccount", file_share_name="s")
        )

    assert caught.value.error.code == "Conflict"
    assert "Delete it first" in caught.value.message


def test_a_deleted_store_is_gone_with_its_secret(ml_client: Any) -> None:
    ml_client.datastores.create_or_update(blob())
    ml_client.datastores.delete("lake")

    with pytest.raises(ResourceNotFoundError) as caught:
        ml_client.datastores.get("lake")

    assert caught.value.error.code == "ResourceNotFound"


def test_an_unknown_name_offers_the_nearest(ml_client: Any) -> None:
    with pytest.raises(ResourceNotFoundError, match=r"Did you mean 'workspaceblobstore'\?"):
        ml_client.datastores.get("workspacebobstore")


def test_a_built_in_store_cannot_be_deleted(ml_client: Any) -> None:
    with pytest.raises(HttpResponseError, match="cannot be deleted") as caught:
        ml_client.datastores.delete("workspaceblobstore")

    assert (caught.value.status_code, caught.value.error.code) == (409, "Conflict")


def test_a_name_outside_azures_rules_is_refused(ml_client: Any) -> None:
    with pytest.raises(HttpResponseError, match="cannot name a datastore") as caught:
        ml_client.datastores.create_or_update(blob("my-lake"))

    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidResourceName")
