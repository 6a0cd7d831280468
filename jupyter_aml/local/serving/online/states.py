"""The states of endpoints and deployments: written by the control plane when asked, by the host when done.

A change marks its record with an operation; whoever finishes it names that operation, so that the end of an older
change never passes for the end of a newer one.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from jupyter_aml.local.secrets import seal
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Connection, Record
from jupyter_aml.local.store.workspace import Workspace

ENDPOINTS, DEPLOYMENTS = "onlineEndpoints", "onlineDeployments"
CREATING, UPDATING, DELETING = "Creating", "Updating", "Deleting"
SUCCEEDED, FAILED = "Succeeded", "Failed"
BUSY = frozenset({CREATING, UPDATING, DELETING})
MOST = 10_000


def endpoint(reader: Connection, name: str) -> Record | None:
    """The endpoint of that name."""
    return records.get(reader, ENDPOINTS, name)


def endpoints(reader: Connection) -> list[Record]:
    """All endpoints, by name."""
    return records.named(reader, ENDPOINTS, records.ALL, None, MOST)


def deployment(reader: Connection, endpoint_name: str, name: str) -> Record | None:
    """A deployment of an endpoint."""
    return records.get(reader, DEPLOYMENTS, endpoint_name, name)


def deployments(reader: Connection, endpoint_name: str) -> list[Record]:
    """The deployments of an endpoint, oldest first."""
    return [record for record, _ in records.versions(reader, DEPLOYMENTS, endpoint_name)][::-1]


def local(record: Record) -> dict[str, Any]:
    """What of a record is ours."""
    return dict(record.body.get("_local") or {})


def state(record: Record) -> str:
    """Its provisioning state."""
    return str((record.body.get("properties") or {}).get("provisioningState") or "")


def begun(body: dict[str, Any], to: str, **ours: Any) -> dict[str, Any]:
    """A body that has begun to change: in state `to`, under a new operation, with no error."""
    mine = {**(body.get("_local") or {}), **ours, "operation": uuid.uuid4().hex, "error": None}
    return {**body, "properties": {**body["properties"], "provisioningState": to}, "_local": mine}


def pending(reader: Connection) -> list[tuple[str, str, str, str]]:
    """What waits for the host: endpoint, deployment (empty for the endpoint itself), operation and state."""
    rows = reader.execute(
        "SELECT name, version, json_extract(body, '$._local.operation') AS operation,"
        " json_extract(body, '$.properties.provisioningState') AS state FROM resources WHERE segment IN (?, ?)",
        (ENDPOINTS, DEPLOYMENTS),
    )
    return [(row["name"], row["version"], row["operation"] or "", row["state"]) for row in rows if row["state"] in BUSY]


def settle(
    workspace: Workspace,
    endpoint_name: str,
    name: str,
    operation: str,
    to: str,
    *,
    error: dict[str, Any] | None = None,
    **ours: Any,
) -> bool:
    """End a change; whether it still was the latest one.

    Args:
        workspace: Whose.
        endpoint_name: The endpoint.
        name: The deployment; empty for the endpoint itself.
        operation: The change that has ended.
        to: `Succeeded`, `Failed` or `Canceled`.
        error: Its `code` and `message`, which clients are shown.
        ours: What else is kept in `_local`.
    """
    with workspace.database.write() as transaction:
        record = _either(transaction, endpoint_name, name)
        if record is None or local(record).get("operation") != operation:
            return False
        body = {
            **record.body,
            "properties": {**record.body["properties"], "provisioningState": to},
            "_local": {**local(record), **ours, "error": error},
        }
        records.put(transaction, replace(record, body=body))
    return True


def patch_local(workspace: Workspace, endpoint_name: str, name: str, **ours: Any) -> bool:
    """Keep something in a record's `_local`; whether there is such a record."""
    with workspace.database.write() as transaction:
        record = _either(transaction, endpoint_name, name)
        if record is None:
            return False
        mine = local(record)
        if any(mine.get(key) != value for key, value in ours.items()):
            records.put(transaction, replace(record, body={**record.body, "_local": {**mine, **ours}}))
    return True


def remove(workspace: Workspace, endpoint_name: str, name: str) -> None:
    """Take a deployment's record away; with an empty name the endpoint's, its deployments' and its keys."""
    with workspace.database.write() as transaction:
        if name:
            records.delete(transaction, DEPLOYMENTS, endpoint_name, name)
            return
        for record in deployments(transaction, endpoint_name):
            records.delete(transaction, DEPLOYMENTS, record.name, record.version)
        records.delete(transaction, ENDPOINTS, endpoint_name)
        seal.delete(transaction, ENDPOINTS, endpoint_name)


def _either(transaction: Transaction, endpoint_name: str, name: str) -> Record | None:
    return deployment(transaction, endpoint_name, name) if name else endpoint(transaction, endpoint_name)
