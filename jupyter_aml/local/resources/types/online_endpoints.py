"""Online endpoints: an address with keys, and how its requests are shared among its deployments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from jupyter_aml.errors import ConflictError, ResourceError
from jupyter_aml.local.arm import operations, paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.jobs import submit
from jupyter_aml.local.resources import changes, names, served
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.serving.online import keys, rules, shapes, states
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Connection, Record

SEGMENT = states.ENDPOINTS
PAGE = 100
ROUTED = ("traffic", "mirrorTraffic", "authMode")
"""Properties that the endpoint's process works by."""


def _find(call: Call, reader: Connection) -> Record:
    return served.endpoint(call, reader, call.params["name"])


def _out(call: Call, record: Record) -> dict[str, Any]:
    return call.resource(replace(record, body=shapes.shown_endpoint(call.workspace, record)), SEGMENT)


def _get(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        record = _find(call, reader)
        served = bool(states.deployments(reader, record.name))
    if served:  # whoever looks at it may be about to call it, and nothing answers while no host has run since a reboot
        call.store.attend()
    return Response.of(_out(call, record))


def _list(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        found = states.endpoints(reader)
    kept = [record for record in changes.ordered(found, call.query("orderBy")) if _wanted(call, record)]
    page, following = changes.paged(call, kept, PAGE)
    return Response.of(paging.page([_out(call, record) for record in page], call.request.url, following))


def _wanted(call: Call, record: Record) -> bool:
    name, kind = call.query("name").lower(), call.query("computeType").lower()
    properties = record.body["properties"]
    own = "kubernetes" if properties.get("compute") else "managed"
    return (
        name in {"", record.name.lower()}
        and kind in {"", own}
        and changes.carries(record.body.get("tags") or {}, call.query("tags"))
        and changes.carries(properties["properties"], call.query("properties"))
    )


def _put(call: Call) -> Response:
    call.properties()
    return _write(call, dict(call.request.json))


def _patch(call: Call) -> Response:
    """Change tags, identity or properties; tags and properties are merged, traffic is replaced."""
    sent = call.sent()
    with call.workspace.database.read() as reader:
        body = changes.merged(_find(call, reader).body, sent, "tags", "properties")
    body.pop("_local", None)
    body |= {key: sent[key] for key in ("identity",) if isinstance(sent.get(key), dict)}
    return _write(call, body)


def _write(call: Call, sent: dict[str, Any]) -> Response:
    """Check and keep the endpoint; it goes on changing until its process has taken the change."""
    name = call.params["name"]
    with call.workspace.database.write() as transaction:
        old = states.endpoint(transaction, name)
        if old is None:
            names.ENDPOINT.check(name, "online endpoint")
        elif states.state(old) == states.DELETING:
            raise ConflictError(f"The online endpoint {old.name!r} is being deleted.", remedy="Wait until it is gone.")
        body = shapes.endpoint(sent, old, call.workspace.entry.location)
        rules.traffic(transaction, name, body, old)
        body = _settled(call, transaction, sent, body, old)
        record = call.record(SEGMENT, name, "", body, old)
        records.put(transaction, record)
    return changes.answer(call, record, _out(call, record), 200 if old else 201)


def _settled(
    call: Call, transaction: Transaction, sent: dict[str, Any], body: dict[str, Any], old: Record | None
) -> dict[str, Any]:
    """The body with its state and with what is ours."""
    body["properties"]["provisioningState"] = states.SUCCEEDED
    if old is None:
        if body["properties"].get("compute"):
            rules.kubernetes(transaction, str(body["properties"]["compute"]))
        port = rules.free_port(rules.taken(call.workspace, call.params["name"]))
        keys.create(call.workspace, transaction, call.params["name"], sent["properties"].get("keys"))
        return {**body, "_local": {"port": port, "interpreter": submit.read_interpreter(call.interpreter)}}
    rules.same_compute(body, old)
    body["_local"] = states.local(old)
    before = old.body["properties"]
    same = all(before.get(field) == body["properties"][field] for field in ROUTED)
    if not states.deployments(transaction, old.name) or (same and states.state(old) == states.SUCCEEDED):
        return body
    return states.begun(body, states.UPDATING)


def _delete(call: Call) -> Response:
    """Delete the endpoint and its deployments; while some run, it is gone only when they have ended."""
    with call.workspace.database.write() as transaction:
        record = states.endpoint(transaction, call.params["name"])
        if record is None:
            return Response(204)
        held = states.deployments(transaction, record.name)
        if not held:
            states.remove(call.workspace, record.name, "")
            return Response(200)
        for one in [record, *held]:
            if states.state(one) != states.DELETING:
                leaving = replace(one, body=states.begun(one.body, states.DELETING, deleting=True))
                records.put(transaction, leaving)
        record = _find(call, transaction)
    return changes.leaving(call, record)


def _list_keys(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        record = _with_auth(_find(call, reader), "Key")
    return Response.of(keys.read(call.workspace, record.name))


def _regenerate(call: Call) -> Response:
    """A new key in one slot; what the client sends as its value is the old one, and ignored."""
    sent = call.sent()
    with call.workspace.database.write() as transaction:
        record = _with_auth(_find(call, transaction), "Key")
        keys.renew(call.workspace, transaction, record.name, str(sent.get("keyType") or "Primary"))
        if states.state(record) == states.DELETING:
            raise ConflictError(f"The online endpoint {record.name!r} is being deleted.")
        if states.deployments(transaction, record.name):
            record = replace(record, body=states.begun(record.body, states.UPDATING), modified=call.now)
        records.put(transaction, record)
    if states.state(record) not in states.BUSY:
        return Response(200)
    return Response(202, operations.headers(changes.link(call, record)))


def _token(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        record = _with_auth(_find(call, reader), "AMLToken")
    return Response.of(keys.token(call.workspace, record.name, call.identity, call.now))


def _with_auth(record: Record, mode: str) -> Record:
    """The endpoint, when callers show it that kind of credential.

    Raises:
        ResourceError: They show another one (400).
    """
    found = record.body["properties"]["authMode"]
    if found != mode:
        other = {"Key": "listKeys", "AMLToken": "token"}.get(found)
        raise ResourceError(
            f"The online endpoint {record.name!r} has the auth mode {found}, not {mode}.",
            code="BadRequest",
            target="properties.authMode",
            remedy=f"Ask {other} instead." if other else "Call it with a token for https://ml.azure.com.",
        )
    return record


class OnlineEndpoints(Type):
    """Online endpoints of both shapes."""

    def routes(self) -> Iterable[Route]:
        many, one, action = f"{{WS}}/{SEGMENT}", f"{{WS}}/{SEGMENT}/{{name}}", f"workspaces/{SEGMENT}"
        yield Route("GET", ARM, many, _list, f"{action}/read")
        yield Route("GET", ARM, one, _get, f"{action}/read")
        yield Route("PUT", ARM, one, _put, f"{action}/write")
        yield Route("PATCH", ARM, one, _patch, f"{action}/write")
        yield Route("DELETE", ARM, one, _delete, f"{action}/delete")
        yield Route("POST", ARM, f"{one}/listKeys", _list_keys, f"{action}/listKeys/action")
        yield Route("POST", ARM, f"{one}/regenerateKeys", _regenerate, f"{action}/regenerateKeys/action")
        yield Route("POST", ARM, f"{one}/token", _token, f"{action}/token/action")


TYPE = OnlineEndpoints(SEGMENT, "online endpoint")
