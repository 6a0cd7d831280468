"""Computes that are attached: clusters elsewhere, through the unmodified SDK."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml.entities import KubernetesCompute
from azure.core.exceptions import HttpResponseError

from jupyter_aml.testing import certificates as authority


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return authority.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def other_certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return authority.make(tmp_path_factory.mktemp("others"))


def dask(name: str = "lab", **inner: Any) -> KubernetesCompute:
    properties = {"engine": "dask", "address": "tcp://127.0.0.1:8786", **inner}
    return KubernetesCompute(name=name, resource_id=None, properties=properties)


def refused(ml_client: Any, compute: KubernetesCompute) -> HttpResponseError:
    with pytest.raises(HttpResponseError) as caught:
        ml_client.compute.begin_attach(compute).result()
    return caught.value


def test_a_cluster_is_attached_shown_listed_and_detached(ml_client: Any) -> None:
    made = ml_client.compute.begin_attach(dask(maxInstances=3)).result()

    assert (made.name, made.type, made.provisioning_state) == ("lab", "kubernetes", "Succeeded")
    shown = ml_client.compute.get("lab").properties
    assert (shown["engine"], shown["address"], shown["maxInstances"]) == ("dask", "tcp://127.0.0.1:8786", 3)
    assert {one.name for one in ml_client.compute.list()} == {"local", "lab"}

    ml_client.compute.begin_delete("lab", action="Detach").result()
    assert {one.name for one in ml_client.compute.list()} == {"local"}


def test_an_address_without_a_port_gets_dasks_own(ml_client: Any) -> None:
    made = ml_client.compute.begin_attach(dask(address="tcp://127.0.0.1")).result()

    assert made.properties["address"] == "tcp://127.0.0.1:8786"


def test_an_unknown_engine_is_refused_with_those_there_are(ml_client: Any) -> None:
    error = refused(ml_client, dask(engine="ray"))

    assert (error.status_code, error.error.code) == (400, "ValidationError")
    assert "dask" in str(error)


def test_another_scheme_is_refused(ml_client: Any) -> None:
    error = refused(ml_client, dask(address="http://127.0.0.1:8787"))

    assert error.error.code == "ValidationError"
    assert "tcp://HOST:PORT or tls://HOST:PORT was expected" in str(error)


def test_a_cluster_that_cannot_reach_the_loopback_needs_an_address_of_this_machine(ml_client: Any) -> None:
    error = refused(ml_client, dask(address="tcp://192.0.2.7:8786"))

    assert error.error.code == "ValidationError"
    assert "--door-address" in str(error)


def test_a_door_address_that_is_not_this_machines_is_refused(ml_client: Any) -> None:
    error = refused(ml_client, dask(address="tcp://192.0.2.7:8786", doorAddress="192.0.2.8"))

    assert error.error.code == "ValidationError"
    assert "192.0.2.8 cannot be listened on" in str(error)


def test_an_encrypted_address_without_keys_is_refused(ml_client: Any) -> None:
    error = refused(ml_client, dask(address="tls://127.0.0.1:8786"))

    assert error.error.code == "ValidationError"
    assert "--tls-ca-file, --tls-cert-file and --tls-key-file" in str(error)


def test_keys_are_never_shown(ml_client: Any, certificates: dict[str, Path]) -> None:
    keys = {part: path.read_text(encoding="utf-8") for part, path in certificates.items()}
    made = ml_client.compute.begin_attach(dask(address="tls://127.0.0.1:8786", tls=keys)).result()

    assert made.properties["security"] == "tls"
    assert "PRIVATE KEY" not in str(ml_client.compute.get("lab").properties)
    assert "CERTIFICATE" not in str([one.properties for one in ml_client.compute.list() if one.name == "lab"])


def test_keys_that_do_not_belong_together_are_refused(
    ml_client: Any, certificates: dict[str, Path], other_certificates: dict[str, Path]
) -> None:
    keys = {part: path.read_text(encoding="utf-8") for part, path in certificates.items()}
    keys["key"] = other_certificates["key"].read_text(encoding="utf-8")
    error = refused(ml_client, dask(address="tls://127.0.0.1:8786", tls=keys))

    assert error.error.code == "ValidationError"
    assert "does not belong to the certificate" in str(error)


def test_keys_once_given_stay_when_the_compute_is_attached_again(ml_client: Any, certificates: dict[str, Path]) -> None:
    keys = {part: path.read_text(encoding="utf-8") for part, path in certificates.items()}
    ml_client.compute.begin_attach(dask(address="tls://127.0.0.1:8786", tls=keys)).result()

    again = ml_client.compute.begin_attach(dask(address="tls://127.0.0.1:8787", maxInstances=4)).result()

    assert (again.properties["address"], again.properties["maxInstances"]) == ("tls://127.0.0.1:8787", 4)


def test_a_cluster_that_jobs_wait_for_is_not_detached(ml_client: Any) -> None:
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    ml_client.compute.begin_attach(dask()).result()
    ml_client.environments.create_or_update(Environment(name="plain", version="1", image="python:3"))
    ml_client.jobs.create_or_update(command(command="echo", environment="plain:1", compute="lab"))

    with pytest.raises(HttpResponseError, match="Jobs wait for the compute 'lab'") as caught:
        ml_client.compute.begin_delete("lab", action="Detach").result()

    assert (caught.value.status_code, caught.value.error.code) == (409, "Conflict")


def test_a_job_of_a_type_that_the_engine_does_not_run_is_refused(
    ml_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    from jupyter_aml.local.runtime import engines

    other = dataclasses.replace(engines.ENGINES["dask"], name="other", title="an other cluster", jobs=frozenset())
    monkeypatch.setattr(engines, "ENGINES", {**engines.ENGINES, "other": other})
    ml_client.compute.begin_attach(dask(engine="other")).result()
    ml_client.environments.create_or_update(Environment(name="plain", version="1", image="python:3"))

    with pytest.raises(HttpResponseError, match="runs no jobs of type Command") as caught:
        ml_client.jobs.create_or_update(command(command="echo", environment="plain:1", compute="lab"))

    assert (caught.value.status_code, caught.value.error.code) == (501, "NotImplemented")
