"""Batch endpoints: an address that is invoked to score data in a job, and its default deployment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import changes, names
from jupyter_aml.local.resources.base import ARM, Call, Route
from jupyter_aml.local.resources.named import NamedType
from jupyter_aml.local.serving.batch import rules, shapes
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record


def _accept(call: Call, body: dict[str, object], old: Record | None, transaction: Transaction) -> dict[str, object]:
    kept = shapes.endpoint(body, old, call.workspace.entry.location)
    rules.default(transaction, old.name if old else call.params["name"], kept)
    return kept


def _show(call: Call, record: Record) -> Record:
    return replace(record, body=shapes.shown_endpoint(call.workspace, record))


def _drop_deployments(_call: Call, record: Record, transaction: Transaction) -> None:
    """Deployments go with their endpoint; jobs stay."""
    for one in rules.deployments(transaction, record.name):
        records.delete(transaction, shapes.DEPLOYMENTS, one.name, one.version)


def _patch(call: Call) -> Response:
    """Change tags or the default; tags and properties are merged."""
    with call.workspace.database.write() as transaction:
        held = rules.endpoint(transaction, call.params["name"])
        body = changes.merged(held.body, call.sent(), "tags", "properties")
        body = _accept(call, body, held, transaction)
        record = replace(held, body=body, modified=call.now, modified_by=call.identity.name)
        records.put(transaction, record)
    return Response.of(TYPE.out(call, record))


def _list_keys(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        record = rules.endpoint(reader, call.params["name"])
    raise ResourceError(
        f"The batch endpoint {record.name!r} has the auth mode {record.body['properties']['authMode']} and no keys.",
        code="BadRequest",
        target="properties.authMode",
        remedy="Invoke it with a token for https://ml.azure.com.",
    )


def _more() -> Iterable[Route]:
    one, action = f"{{WS}}/{shapes.ENDPOINTS}/{{name}}", f"workspaces/{shapes.ENDPOINTS}"
    yield Route("PATCH", ARM, one, _patch, f"{action}/write")
    yield Route("POST", ARM, f"{one}/listkeys", _list_keys, f"{action}/listKeys/action")


TYPE = NamedType(
    shapes.ENDPOINTS,
    "batch endpoint",
    rule=names.ENDPOINT,
    accept=_accept,
    show=_show,
    may_delete=_drop_deployments,
    extra=_more,
)
