"""`compute attach`: what was typed becomes the SDK's entity, or a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.client import warm
from jupyter_aml.commands.actions import attaching
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args, grammar
from jupyter_aml.commands.parse import parse
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import UsageError
from jupyter_aml.testing import certificates

warm.sdk()  # before the tests import it in the slow way


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(Context, "place", "LOCAL")
    return Context(namespace={}, cwd=tmp_path)


def typed(line: str) -> Args:
    return parse(tokenize(f"compute attach {line}"), grammar(), {}).args


def entity(context: Context, line: str) -> Any:
    return attaching.entity(context, typed(line))


def refused(context: Context, line: str) -> str:
    with pytest.raises(UsageError) as caught:
        entity(context, line)
    assert caught.value.remedy
    return str(caught.value)


def test_a_dask_cluster_is_engine_address_and_what_was_said(context: Context) -> None:
    made = entity(context, "lab --type dask --address tcp://127.0.0.1:8786 --max-instances 3 --door-address 10.0.0.1:5")

    assert (made.name, made.type) == ("lab", "kubernetes")
    assert made.properties == {
        "engine": "dask", "address": "tcp://127.0.0.1:8786", "maxInstances": 3, "doorAddress": "10.0.0.1:5",
    }  # fmt: skip


def test_key_files_are_read_here(context: Context, tmp_path: Path) -> None:
    files = certificates.make(tmp_path)
    flags = "--tls-ca-file ca.pem --tls-cert-file cert.pem --tls-key-file key.pem"

    made = entity(context, f"lab --type dask --address tls://10.0.0.2 {flags}")

    assert made.properties["tls"] == {part: path.read_text(encoding="utf-8") for part, path in files.items()}


def test_a_key_file_that_is_not_there_is_named(context: Context) -> None:
    said = refused(context, "lab --type dask --address tls://10.0.0.2 --tls-ca-file nowhere.pem")

    assert "--tls-ca-file" in said
    assert "nowhere.pem" in said


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("lab", "needs a name and a --type"),
        ("--type dask --address tcp://127.0.0.1:1", "needs a name and a --type"),
        ("lab --type dask", "needs the address of the cluster"),
        ("lab --type spark", "needs the address of the cluster"),
        ("lab --type kubernetes --address tcp://127.0.0.1:1", "--address is for --type"),
        ("lab --type kubernetes", "needs --resource-id"),
    ],
)
def test_what_is_missing_or_belongs_to_another_type_is_said(context: Context, line: str, found: str) -> None:
    assert found in refused(context, line)


def test_azure_attaches_no_such_cluster(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Context, "place", "AZURE")

    assert "only the local workspace does" in refused(context, "lab --type dask --address tcp://127.0.0.1:1")


def test_what_azure_attaches_is_the_sdks_entity(context: Context) -> None:
    kubernetes = entity(context, "k8s --type kubernetes --resource-id /subscriptions/s/x --namespace ml")
    machine = entity(context, "vm --type virtualmachine --resource-id /subscriptions/s/y --admin-username ada")
    spark = entity(context, "pool --type synapsespark --resource-id /subscriptions/s/z --identity-type SystemAssigned")

    assert (kubernetes.type, kubernetes.namespace, kubernetes.resource_id) == ("kubernetes", "ml", "/subscriptions/s/x")
    assert (machine.type, machine.ssh_settings.admin_username, machine.ssh_settings.ssh_port) == (
        "virtualmachine", "ada", 22,
    )  # fmt: skip
    assert (spark.type, spark.identity.type) == ("synapsespark", "SystemAssigned")
