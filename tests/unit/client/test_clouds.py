"""The clouds of Azure."""

from __future__ import annotations

import pytest

from jupyter_aml.client import clouds
from jupyter_aml.errors import ConnectError


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
        assert {key: value.rstrip("/") for key, value in theirs.items()} == ours.metadata


def test_a_cloud_of_ones_own_takes_what_it_does_not_say_from_the_public_one() -> None:
    made = clouds.cloud("Contoso", {"resource_manager": "https://arm.example/", "storage_endpoint": "core.example"})

    assert (made.arm, made.storage, made.known) == ("https://arm.example", "core.example", False)
    assert made.metadata["aml_resource_id"] == "https://ml.azure.com"
    assert clouds.cloud("Contoso", made.metadata) == made


def test_a_cloud_of_ones_own_must_say_where_resource_manager_is() -> None:
    with pytest.raises(ConnectError, match="do not say resource_manager") as caught:
        clouds.cloud("Contoso", {"active_directory": "https://login.example"})

    assert "cloud_metadata" in caught.value.remedy
