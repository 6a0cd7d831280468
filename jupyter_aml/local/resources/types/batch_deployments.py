"""Batch deployments: a model with its scoring script, an MLflow model, or a pipeline component behind an endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from jupyter_aml.local.arm import paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.jobs import submit
from jupyter_aml.local.resources import changes, names
from jupyter_aml.local.resources.base import Call, Route, Type
from jupyter_aml.local.serving.batch import rules, shapes
from jupyter_aml.local.store import records
from jupyter_aml.local.store.records import Connection, Record

PAGE = 100


def _find(call: Call, reader: Connection) -> Record:
    return rules.deployment(reader, rules.endpoint(reader, call.params["endpoint"]), call.params["name"])


def _out(call: Call, record: Record) -> dict[str, Any]:
    path = f"{shapes.ENDPOINTS}/{record.name}/deployments/{record.version}"
    shown = replace(record, body=shapes.shown_deployment(record))
    return call.resource(shown, f"{shapes.ENDPOINTS}/deployments", path=path)


def _get(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        return Response.of(_out(call, _find(call, reader)))


def _list(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        found = rules.deployments(reader, rules.endpoint(reader, call.params["endpoint"]).name)
    page, following = changes.paged(call, changes.ordered(found, call.query("$orderBy")), PAGE)
    return Response.of(paging.page([_out(call, record) for record in page], call.request.url, following))


def _put(call: Call) -> Response:
    call.properties()
    return _write(call, dict(call.request.json))


def _patch(call: Call) -> Response:
    """Change tags or properties; what is not sent stays."""
    with call.workspace.database.read() as reader:
        held = _find(call, reader)
    return _write(call, changes.merged(held.body, call.sent(), "tags", "properties"))


def _write(call: Call, sent: dict[str, Any]) -> Response:
    """Check and keep the deployment; it needs nothing else to be ready."""
    name = call.params["name"]
    with call.workspace.database.write() as transaction:
        endpoint = rules.endpoint(transaction, call.params["endpoint"])
        old = records.get(transaction, shapes.DEPLOYMENTS, endpoint.name, name)
        if old is None:
            names.ENDPOINT.check(name, "batch deployment")
        body = shapes.deployment(sent, old, call.workspace.entry.location)
        rules.made_of(call.workspace, transaction, name, body["properties"])
        held = (old.body.get("_local") or {}).get("interpreter") if old else None
        asks = held is None or bool(call.interpreter)
        body["_local"] = {"interpreter": submit.read_interpreter(call.interpreter) if asks else held}
        record = call.record(shapes.DEPLOYMENTS, endpoint.name, name, body, old)
        records.put(transaction, record)
    return Response.of(_out(call, record), 200 if old else 201)


def _delete(call: Call) -> Response:
    with call.workspace.database.write() as transaction:
        endpoint = records.get(transaction, shapes.ENDPOINTS, call.params["endpoint"])
        if endpoint is None or records.get(transaction, shapes.DEPLOYMENTS, endpoint.name, call.params["name"]) is None:
            return Response(204)
        rules.may_go(endpoint, call.params["name"])
        records.delete(transaction, shapes.DEPLOYMENTS, endpoint.name, call.params["name"])
    return Response(200)


class BatchDeployments(Type):
    """Deployments of batch endpoints."""

    def routes(self) -> Iterable[Route]:
        yield from changes.below(shapes.ENDPOINTS, get=_get, many=_list, put=_put, patch=_patch, delete=_delete)


TYPE = BatchDeployments(shapes.DEPLOYMENTS, "batch deployment")
