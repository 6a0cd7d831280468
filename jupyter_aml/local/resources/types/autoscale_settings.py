"""Autoscale settings of Azure Monitor for online deployments, kept in the workspace of the deployment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jupyter_aml.errors import NotFoundError, ResourceError, StoreError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import names
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.serving.online import autoscale, states, targets
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

SEGMENT = autoscale.SEGMENT
MANY = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Insights/autoscalesettings"
ACTION = "Microsoft.Insights/AutoscaleSettings"


def _workspaces(call: Call) -> Iterator[Workspace]:
    """The workspaces of the path's resource group that the asker's token is good for."""
    for entry in call.store.entries():
        if entry.group.lower() != call.params["group"].lower():
            continue
        if call.identity.workspace_id in {"", entry.id}:
            try:
                yield call.store.workspace(entry)
            except StoreError:  # its folder is gone
                continue


def _find(call: Call) -> tuple[Workspace, Record] | None:
    for workspace in _workspaces(call):
        with workspace.database.read() as reader:
            record = records.get(reader, SEGMENT, call.params["name"])
        if record is not None:
            return workspace, record
    return None


def _out(call: Call, record: Record) -> dict[str, Any]:
    root = f"/subscriptions/{call.params['subscription']}/resourceGroups/{call.params['group']}"
    return {
        "id": f"{root}/providers/microsoft.insights/autoscalesettings/{record.name}",
        "name": record.name,
        "type": "Microsoft.Insights/autoscaleSettings",
        **record.body,
        "properties": {**record.body["properties"], "name": record.name},
    }


def _list(call: Call) -> Response:
    found: list[dict[str, Any]] = []
    for workspace in _workspaces(call):
        with workspace.database.read() as reader:
            held = records.named(reader, SEGMENT, records.ALL, None, autoscale.MOST)
        found += [_out(call, record) for record in held]
    return Response.of({"value": found})


def _get(call: Call) -> Response:
    found = _find(call)
    if found is None:
        raise NotFoundError(
            f"The autoscale setting {call.params['name']!r} was not found in the resource group"
            f" {call.params['group']!r}."
        )
    return Response.of(_out(call, found[1]))


def _put(call: Call) -> Response:
    name = call.params["name"]
    names.ASSET.check(name, "autoscale setting")
    held = _find(call)
    workspace = _target(call, str(call.properties().get("targetResourceUri") or ""))
    with workspace.database.write() as transaction:
        body = autoscale.check(transaction, dict(call.request.json))
        record = Record(SEGMENT, name, "", body, call.now, call.now, created_by=call.identity.name)
        records.put(transaction, record)
        _note(transaction, record)
    if held is not None and held[0] is not workspace:
        _forget(*held)
    return Response.of(_out(call, record), 200 if held else 201)


def _target(call: Call, uri: str) -> Workspace:
    """The workspace of the deployment that is to scale."""
    target = targets.parse(uri)
    known = {workspace.entry.arm_id.lower(): workspace for workspace in _workspaces(call)}
    wanted = uri.lower().partition("/onlineendpoints/")[0]
    if target is None or wanted not in known:
        raise ResourceError(
            f"properties.targetResourceUri is {uri!r}; the id of an online deployment of this resource group was"
            " expected.",
            code="ValidationError",
            target="properties.targetResourceUri",
            remedy="Take it from `online_deployments.get(...).id`.",
        )
    return known[wanted]


def _delete(call: Call) -> Response:
    found = _find(call)
    if found is None:
        return Response(204)
    _forget(*found)
    return Response(200)


def _forget(workspace: Workspace, record: Record) -> None:
    with workspace.database.write() as transaction:
        records.delete(transaction, SEGMENT, record.name)
        _note(transaction, record)


def _note(transaction: Transaction, record: Record) -> None:
    """Tell the host that the deployment is to scale otherwise."""
    target = targets.parse(str(record.body["properties"]["targetResourceUri"]))
    if target is not None:
        transaction.note(states.DEPLOYMENTS, target.endpoint, target.deployment)


class AutoscaleSettings(Type):
    """Autoscale settings by name in a resource group."""

    def routes(self) -> Iterable[Route]:
        one = f"{MANY}/{{name}}"
        yield Route("GET", ARM, MANY, _list, f"{ACTION}/Read")
        yield Route("GET", ARM, one, _get, f"{ACTION}/Read")
        yield Route("PUT", ARM, one, _put, f"{ACTION}/Write")
        yield Route("DELETE", ARM, one, _delete, f"{ACTION}/Delete")


TYPE = AutoscaleSettings(SEGMENT, "autoscale setting")
