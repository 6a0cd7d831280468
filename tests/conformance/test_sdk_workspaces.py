"""Workspaces through the unmodified SDK."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError


def test_the_workspace_says_what_the_sdk_needs(ml_client: Any) -> None:
    found = ml_client.workspaces.get()

    assert found.name == "local"
    assert found.resource_group == "local"
    assert found.location == "local"
    assert found.discovery_url.startswith("https://local.api.azureml.ms/discovery/workspaces/")
    assert "/mlflow/v2.0/subscriptions/" in found.mlflow_tracking_uri


def test_workspaces_are_listed_in_the_group_and_in_the_subscription(ml_client: Any) -> None:
    assert [one.name for one in ml_client.workspaces.list()] == ["local"]
    assert [one.name for one in ml_client.workspaces.list(scope="subscription")] == ["local"]


def test_an_unknown_workspace_is_not_found(ml_client: Any) -> None:
    with pytest.raises(ResourceNotFoundError) as caught:
        ml_client.workspaces.get("absent")

    assert caught.value.error.code == "ResourceNotFound"
    assert "'Microsoft.MachineLearningServices/workspaces/absent'" in caught.value.message


def test_names_are_matched_whatever_the_case(ml_client: Any) -> None:
    assert ml_client.workspaces.get("LOCAL").name == "local"


def test_keys_can_be_read(ml_client: Any) -> None:
    assert ml_client.workspaces.get_keys().user_storage_key


def test_a_foreign_resource_type_is_refused_in_words(world: Any) -> None:
    with pytest.raises(HttpResponseError) as caught:
        world.client.connections.get("nothing")

    assert (caught.value.status_code, caught.value.error.code) == (501, "NotImplemented")


def test_a_workspace_is_made_described_and_deleted(world: Any) -> None:
    from azure.ai.ml.entities import Workspace

    operations = world.client.workspaces
    local = operations.get().location
    made = operations.begin_create(
        Workspace(name="clinic", location=local, description="patients", display_name="The clinic", tags={"a": "b"})
    ).result()

    assert (made.name, made.description, made.display_name, made.tags["a"]) == (
        "clinic", "patients", "The clinic", "b",
    )  # fmt: skip
    assert {one.name for one in operations.list()} == {"local", "clinic"}

    made.description, made.tags = "no patients", {"c": "d"}
    changed = operations.begin_update(made).result()
    assert (changed.description, changed.display_name, changed.tags) == ("no patients", "The clinic", {"c": "d"})

    operations.begin_delete("clinic", delete_dependent_resources=False).result()
    assert [one.name for one in operations.list()] == ["local"]


def test_a_workspace_name_outside_azures_rules_is_refused(world: Any) -> None:
    from azure.ai.ml.entities import Workspace

    with pytest.raises(HttpResponseError, match="cannot name a workspace"):
        world.client.workspaces.begin_create(Workspace(name="no good", location="local")).result()
