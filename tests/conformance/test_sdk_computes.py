"""Computes through the unmodified SDK."""

from __future__ import annotations

from typing import Any

import pytest
from azure.ai.ml.entities import AmlCompute, ComputeInstance
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError


def cluster(name: str = "cpu", **more: Any) -> AmlCompute:
    return AmlCompute(name=name, size="Standard_DS3_v2", **{"min_instances": 0, "max_instances": 2, **more})


def test_this_machine_is_a_compute_from_the_start(ml_client: Any) -> None:
    found = ml_client.compute.get("local")

    assert found.type == "amlcompute"
    assert found.provisioning_state == "Succeeded"
    assert found.max_instances >= 1


def test_a_cluster_is_created_listed_and_deleted(ml_client: Any) -> None:
    made = ml_client.compute.begin_create_or_update(cluster(idle_time_before_scale_down=300)).result()

    assert (made.name, made.size, made.max_instances) == ("cpu", "Standard_DS3_v2", 2)
    assert made.idle_time_before_scale_down == 300
    assert {one.name for one in ml_client.compute.list()} == {"local", "cpu"}

    ml_client.compute.begin_delete("cpu").result()
    assert {one.name for one in ml_client.compute.list()} == {"local"}


def test_a_cluster_can_be_changed(ml_client: Any) -> None:
    made = ml_client.compute.begin_create_or_update(cluster()).result()
    made.max_instances = 5

    assert ml_client.compute.begin_update(made).result().max_instances == 5


def test_an_instance_stops_and_starts(ml_client: Any) -> None:
    ml_client.compute.begin_create_or_update(ComputeInstance(name="my-box", size="Standard_DS3_v2")).result()
    assert ml_client.compute.get("my-box").state == "Running"

    ml_client.compute.begin_stop("my-box").result()
    assert ml_client.compute.get("my-box").state == "Stopped"

    ml_client.compute.begin_start("my-box").result()
    assert ml_client.compute.get("my-box").state == "Running"


def test_sizes_usage_and_nodes_are_told(ml_client: Any) -> None:
    assert [size.name for size in ml_client.compute.list_sizes()] == ["LOCAL"]
    assert [usage.name["value"] for usage in ml_client.compute.list_usage()] == ["local"]
    assert list(ml_client.compute.list_nodes("local")) == []


def test_an_unknown_compute_offers_the_nearest(ml_client: Any) -> None:
    with pytest.raises(ResourceNotFoundError, match=r"Did you mean 'local'\?") as caught:
        ml_client.compute.get("lokal")

    assert caught.value.error.code == "ResourceNotFound"


def test_this_machine_cannot_be_deleted(ml_client: Any) -> None:
    with pytest.raises(HttpResponseError, match="is this machine") as caught:
        ml_client.compute.begin_delete("local").result()

    assert (caught.value.status_code, caught.value.error.code) == (409, "Conflict")


def test_a_cluster_that_shrinks_below_its_minimum_is_refused(ml_client: Any) -> None:
    with pytest.raises(HttpResponseError, match="would scale from 3 to 2") as caught:
        ml_client.compute.begin_create_or_update(cluster(min_instances=3)).result()

    assert (caught.value.status_code, caught.value.error.code) == (400, "ValidationError")


def test_a_name_outside_azures_rules_is_refused(ml_client: Any) -> None:
    with pytest.raises(HttpResponseError, match="cannot name a compute") as caught:
        ml_client.compute.begin_create_or_update(cluster("1cpu_x")).result()

    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidResourceName")
