"""Datastores: named storage; credentials are kept apart, sealed, and leave only through listSecrets."""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from jupyter_aml.errors import ConflictError, NotFoundError, NotOfflineError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import checks, names
from jupyter_aml.local.resources.base import ARM, Call, Route
from jupyter_aml.local.resources.named import NamedType
from jupyter_aml.local.secrets import seal
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

SEGMENT = "datastores"
KINDS = ("AzureBlob", "AzureFile", "AzureDataLakeGen2", "AzureDataLakeGen1", "OneLake")
REQUIRED = {
    "AzureBlob": ("accountName", "containerName"),
    "AzureFile": ("accountName", "fileShareName"),
    "AzureDataLakeGen2": ("accountName", "filesystem"),
}
CREDENTIALS = ("AccountKey", "Sas", "ServicePrincipal", "Certificate", "None")
BUILT_IN = ("workspaceblobstore", "workspaceartifactstore", "workspacefilestore", "workspaceworkingdirectory")


def _bootstrap(workspace: Workspace) -> None:
    """The four datastores that every workspace has, and the key of its storage account."""
    with workspace.database.write() as transaction:
        if records.get(transaction, SEGMENT, BUILT_IN[0]) is not None:
            return
        account_key = base64.b64encode(randomness.token_bytes(64)).decode()
        where: dict[str, dict[str, Any]] = {
            "workspaceblobstore": {"datastoreType": "AzureBlob", "containerName": workspace.blob_container},
            "workspaceartifactstore": {"datastoreType": "AzureBlob", "containerName": workspace.artifact_container},
            "workspacefilestore": {
                "datastoreType": "AzureFile",
                "fileShareName": f"azureml-filestore-{workspace.entry.id}",
            },
            "workspaceworkingdirectory": {
                "datastoreType": "AzureFile",
                "fileShareName": f"code-{workspace.entry.id}",
            },
        }
        now = workspace.store.clock()
        for name, own in where.items():
            properties = {
                "accountName": workspace.entry.account,
                "endpoint": "core.windows.net",
                "protocol": "https",
                "isDefault": name == BUILT_IN[0],
                "credentials": {"credentialsType": "AccountKey"},
                "subscriptionId": workspace.entry.subscription,
                "resourceGroup": workspace.entry.group,
                "tags": {},
                "properties": {},
                **own,
            }
            records.put(transaction, Record(SEGMENT, name, "", {"properties": properties}, now, now))
            secret = {"secretsType": "AccountKey", "key": account_key}
            seal.put(workspace, transaction, SEGMENT, name, secret)


def _accept(call: Call, body: dict[str, Any], old: Record | None, transaction: Transaction) -> dict[str, Any]:
    """Check a datastore and put its secret away."""
    properties = dict(body["properties"])
    kind = checks.one_of(properties.get("datastoreType"), KINDS, "properties.datastoreType")
    if kind == "AzureDataLakeGen1":
        raise NotOfflineError(
            "Azure Data Lake Gen1 was retired and has no local form.", remedy="Use AzureDataLakeGen2."
        )
    for field in REQUIRED.get(kind, ()):
        if not properties.get(field):
            raise _missing(kind, field)
    if old is not None and old.body["properties"]["datastoreType"] != kind:
        raise ConflictError(
            f"The datastore {old.name!r} is a {old.body['properties']['datastoreType']}, not a {kind}.",
            remedy="Delete it first, or choose another name.",
        )
    credentials = dict(properties.get("credentials") or {"credentialsType": "None"})
    secret = credentials.pop("secrets", None)
    credentials["credentialsType"] = checks.one_of(
        credentials.get("credentialsType"), CREDENTIALS, "properties.credentials.credentialsType"
    )
    name = old.name if old else call.params["name"]
    if secret:
        seal.put(call.workspace, transaction, SEGMENT, name, secret)
    elif credentials["credentialsType"] == "None":
        seal.delete(transaction, SEGMENT, name)
    is_default = bool(properties.get("isDefault"))
    if is_default:
        _only_default(call, transaction, name)
    kept = old.body["properties"] if old else {}
    properties = {
        **properties,
        "datastoreType": kind,
        "credentials": credentials,
        "isDefault": is_default or bool(kept.get("isDefault")),
    }
    return {"properties": properties}


def _missing(kind: str, field: str) -> Exception:
    from jupyter_aml.errors import ResourceError

    return ResourceError(f"The {kind} datastore has no {field}.", code="ValidationError", target=f"properties.{field}")


def _only_default(call: Call, transaction: Transaction, name: str) -> None:
    for record in records.named(transaction, SEGMENT, records.ALL, None, 1000):
        if record.name.lower() != name.lower() and record.body["properties"].get("isDefault"):
            body = {"properties": {**record.body["properties"], "isDefault": False}}
            records.put(transaction, replace(record, body=body, modified=call.now))


def _may_delete(_call: Call, record: Record, transaction: Transaction) -> None:
    if record.name in BUILT_IN or record.body["properties"].get("isDefault"):
        raise ConflictError(
            f"The datastore {record.name!r} cannot be deleted: the workspace itself keeps its files there.",
            remedy="Make another one the default first." if record.name not in BUILT_IN else "",
        )
    seal.delete(transaction, SEGMENT, record.name)


def _keep(call: Call, record: Record) -> bool:
    wanted = call.query("isDefault")
    return not wanted or bool(record.body["properties"].get("isDefault")) == (wanted.lower() == "true")


def _list_secrets(call: Call) -> Response:
    name = call.params["name"]
    with call.workspace.database.read() as connection:
        TYPE.find(call, connection, name)
    secret = seal.get(call.workspace, SEGMENT, name)
    if secret is None:
        raise NotFoundError(
            f"The datastore {name!r} has no credentials; it is read with the identity of whoever asks.",
            code="NoCredentials",
        )
    return Response.of(secret)


def _routes() -> Iterable[Route]:
    yield Route(
        "POST",
        ARM,
        f"{{WS}}/{SEGMENT}/{{name}}/listSecrets",
        _list_secrets,
        "workspaces/datastores/listsecrets/action",
    )


TYPE = NamedType(
    SEGMENT,
    "datastore",
    rule=names.DATASTORE,
    accept=_accept,
    may_delete=_may_delete,
    keep=_keep,
    extra=_routes,
    bootstrap=_bootstrap,
)
