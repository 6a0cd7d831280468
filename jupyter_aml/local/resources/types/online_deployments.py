"""Online deployments: a model or a scoring script behind an online endpoint, with its settings and its log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jupyter_aml.errors import ConflictError, NotFoundError
from jupyter_aml.local.arm import paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.jobs import submit
from jupyter_aml.local.resources import changes, checks, names, served
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.serving.online import logs, rules, settings, shapes, states, talk
from jupyter_aml.local.store import records
from jupyter_aml.local.store.records import Connection, Record

SEGMENT = states.DEPLOYMENTS
PAGE = 100
CONTAINERS = ("InferenceServer", "StorageInitializer")
LINES, MOST_LINES = 50, 100_000
TOLD = {"state": "state", "ready": "ready", "wanted": "replicas"}
"""What the endpoint's process says of a deployment, and how it is shown."""
ASIDE = frozenset({"provisioningState", "description", "properties"})
"""Properties whose change asks nothing of what runs."""


def _endpoint(call: Call, reader: Connection) -> Record:
    return served.endpoint(call, reader, call.params["endpoint"], code="ParentResourceNotFound")


def _find(call: Call, reader: Connection) -> Record:
    """The deployment that the path names.

    Raises:
        NotFoundError: There is none; the nearest name is offered.
    """
    endpoint, name = _endpoint(call, reader), call.params["name"]
    record = states.deployment(reader, endpoint.name, name)
    if record is None:
        raise NotFoundError(
            f"The deployment {name!r} was not found in the online endpoint {endpoint.name!r}.",
            remedy=names.nearest(name, [one.version for one in states.deployments(reader, endpoint.name)]),
        )
    return record


def _out(call: Call, record: Record, running: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(running.get(record.version) or {})
    texts = {shown: str(told[name]) for name, shown in TOLD.items() if told.get(name) is not None}
    if told.get("error"):
        texts["error"] = str(told["error"].get("message") or "")
    verb = "delete" if states.state(record) == states.DELETING else "put"
    body = shapes.shown_deployment(record, texts, changes.link(call, record, verb))
    path = f"{states.ENDPOINTS}/{record.name}/deployments/{record.version}"
    return call.resource(replace(record, body=body), f"{states.ENDPOINTS}/deployments", path=path)


def _running(call: Call, endpoint: str) -> dict[str, Any]:
    """What the endpoint's process says of each deployment."""
    found = talk.status(call.workspace, endpoint) or {}
    return dict(found.get("deployments") or {})


def _get(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        record = _find(call, reader)
    if states.state(record) in states.BUSY:
        call.store.attend()
    return Response.of(_out(call, record, _running(call, record.name)))


def _list(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        endpoint = _endpoint(call, reader)
        found = states.deployments(reader, endpoint.name)
    page, following = changes.paged(call, changes.ordered(found, call.query("$orderBy")), PAGE)
    running = _running(call, endpoint.name)
    shown = [_out(call, record, running) for record in page]
    return Response.of(paging.page(shown, call.request.url, following))


def _put(call: Call) -> Response:
    call.properties()
    return _write(call, dict(call.request.json), 200)


def _patch(call: Call) -> Response:
    """Change tags, the number of instances or properties; what is not sent stays."""
    with call.workspace.database.read() as reader:
        body = changes.merged(_find(call, reader).body, call.sent(), "tags", "sku", "properties")
    body.pop("_local", None)
    return _write(call, body, 202)


def _write(call: Call, sent: dict[str, Any], changing: int) -> Response:
    """Check and keep the deployment; the host does the rest.

    Args:
        call: The request.
        sent: The whole body.
        changing: The status that tells of a change that goes on.
    """
    name = call.params["name"]
    with call.workspace.database.write() as transaction:
        endpoint = _endpoint(call, transaction)
        old = states.deployment(transaction, endpoint.name, name)
        if old is None:
            names.ENDPOINT.check(name, "deployment")
        elif states.state(old) == states.DELETING:
            raise ConflictError(f"The deployment {old.version!r} is being deleted.", remedy="Wait until it is gone.")
        body = shapes.deployment(sent, old, call.workspace.entry.location)
        rules.deployment(call.workspace, transaction, endpoint, name, body)
        body = _begun(call, body, old)
        record = call.record(SEGMENT, endpoint.name, name, body, old)
        records.put(transaction, record)
    status = 201 if old is None else changing if states.state(record) in states.BUSY else 200
    return changes.answer(call, record, _out(call, record, {}), status)


def _begun(call: Call, body: dict[str, Any], old: Record | None) -> dict[str, Any]:
    """The body with its state: changing, unless it asks nothing new of what runs."""
    if old is None:
        return states.begun(body, states.CREATING, interpreter=submit.read_interpreter(call.interpreter))
    ours = states.local(old)
    if call.interpreter:
        ours["interpreter"] = submit.read_interpreter(call.interpreter)
    body["_local"] = ours
    same = ours == states.local(old) and _works(body) == _works(old.body)
    if same and states.state(old) == states.SUCCEEDED:
        body["properties"]["provisioningState"] = states.SUCCEEDED
        return body
    return states.begun(body, states.UPDATING)


def _works(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of a body decides over what runs."""
    return body["sku"], {key: value for key, value in body["properties"].items() if key not in ASIDE}


def _delete(call: Call) -> Response:
    with call.workspace.database.write() as transaction:
        endpoint = states.endpoint(transaction, call.params["endpoint"])
        record = states.deployment(transaction, endpoint.name, call.params["name"]) if endpoint else None
        if endpoint is None or record is None:
            return Response(204)
        rules.may_go(endpoint, record.version)
        if states.state(record) != states.DELETING:
            record = replace(record, body=states.begun(record.body, states.DELETING, deleting=True))
            records.put(transaction, record)
    return changes.leaving(call, record)


def _logs(call: Call) -> Response:
    """The last lines of what the replicas, or those who put things in place for them, have written."""
    sent = call.sent()
    with call.workspace.database.read() as reader:
        record = _find(call, reader)
    container = checks.one_of(sent.get("containerType") or CONTAINERS[0], CONTAINERS, "containerType")
    tail = changes.tail(sent.get("tail"), LINES, MOST_LINES)
    content = logs.read(call.workspace, record.name, record.version, container=container, tail=tail)
    return Response.of({"content": content})


def _skus(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        record = _find(call, reader)
    least = 1 if record.body["properties"]["endpointComputeType"] == settings.MANAGED else 0
    capacity = {"default": 1, "minimum": least, "maximum": shapes.MOST_INSTANCES, "scaleType": "Automatic"}
    kind = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    sku = {"resourceType": kind, "sku": {"name": "Default", "tier": "Standard"}, "capacity": capacity}
    return Response.of({"value": [sku]})


class OnlineDeployments(Type):
    """Deployments of both shapes."""

    def routes(self) -> Iterable[Route]:
        yield from changes.below(states.ENDPOINTS, get=_get, many=_list, put=_put, patch=_patch, delete=_delete)
        one = f"{{WS}}/{states.ENDPOINTS}/{{endpoint}}/deployments/{{name}}"
        action = f"workspaces/{states.ENDPOINTS}/deployments"
        yield Route("POST", ARM, f"{one}/getLogs", _logs, f"{action}/getLogs/action")
        yield Route("GET", ARM, f"{one}/skus", _skus, f"{action}/read")


TYPE = OnlineDeployments(SEGMENT, "online deployment")
