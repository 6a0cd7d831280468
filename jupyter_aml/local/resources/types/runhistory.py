"""Run history and the asset data planes: what the SDK asks beside ARM to stream, change and download jobs."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.jobs import bodies, records, submit, uris
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Filter, Record
from jupyter_aml.local.resources.base import API, Call, Route, Type
from jupyter_aml.local.store import records as resources

HISTORY = "/history/v1.0{WS}"
MANY = 100_000
LOOKS, FRESH = 10_000, 5.0
"""How many looks are remembered, and for how many seconds a run has ended just now."""
LOG_FOLDERS = ("user_logs", "azureml-logs", "logs")
_OUTPUT_ASSET = re.compile(r"azureml_(?P<job>.+)_output_(?P<output>.+)")


def _run(call: Call) -> Response:
    with call.workspace.database.read() as connection:
        record = records.find(connection, call.params["run"])
    _attend(call, record)
    return Response.of(bodies.run(call.workspace, record))


def _attend(call: Call, record: Record) -> None:
    """Have a host for a job that has not ended: who looks at one must not wait for a host that was killed."""
    if not record.final:
        call.store.attend()


def _logs(call: Call, job: str) -> dict[str, str]:
    """The run's log files as blob URLs."""
    folder = call.workspace.runs_folder(job)
    base = f"https://{call.workspace.entry.account}.blob.core.windows.net/{call.workspace.artifact_container}"
    found = {}
    for name in LOG_FOLDERS:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and not path.is_symlink():
                relative = path.relative_to(folder).as_posix()
                found[relative] = f"{base}/ExperimentRun/dcid.{job}/{quote(relative)}"
    return found


def _rundata(call: Call) -> Response:
    body = call.request.json
    name = str(body.get("runId") or "") if isinstance(body, dict) else ""
    if not name:
        raise ResourceError("The body names no runId.", code="InvalidRequestContent", target="runId")
    with call.workspace.database.read() as connection:
        record = records.find(connection, name)
    document = bodies.run(call.workspace, record)
    return Response.of({"runMetadata": document, "runDefinition": None, "jobSpecification": None})


def _children(call: Call) -> Response:
    """Children, newest first: all of them, for the SDK asks for no second page, or pages of `$top`."""
    token = call.query("$continuationtoken") or call.query("$skip")
    before = _position(token) if token else None
    limit = paging.size(call.query("$top") or None, MANY, MANY)
    wanted = Filter(view="All", parent=call.params["run"])
    with call.workspace.database.read() as connection:
        records.find(connection, call.params["run"])
        found, end = records.page(connection, wanted, before=before, limit=limit)
    following = list(end) if end else None
    body = paging.page([bodies.run(call.workspace, record) for record in found], call.request.url, following)
    return Response.of({"nextLink": None, "continuationToken": paging.encode(following) if following else None, **body})


def _position(token: str) -> tuple[float, int]:
    """Where a page of children begins: creation time and row number."""
    match paging.decode(token):
        case [int() | float() as created, int() as number]:
            return float(created), number
    raise ResourceError(f"The page token {token!r} was not issued by this list.", code="InvalidPagingToken")


def _services(call: Call) -> Response:
    with call.workspace.database.read() as connection:
        record = records.find(connection, call.params["run"])
    return Response.of({"instances": bodies.service_instances(call.workspace, record)})


def _modify(call: Call) -> Response:
    """Archive, restore, rename or tag a job; tags and properties are merged."""
    body = call.request.json
    body = body if isinstance(body, dict) else {}
    changes: dict[str, Any] = {
        key: body[key] for key in ("displayName", "description", "tags", "properties") if body.get(key) is not None
    }
    if body.get("hidden") is not None:
        changes["isArchived"] = bool(body["hidden"])
    with call.workspace.database.write() as transaction:
        held = records.find(transaction, call.params["run"])
        record = submit.merge(transaction, held, changes, call.now)
    return Response.of(bodies.run(call.workspace, record))


def _resolve_data(call: Call) -> Response:
    values = {}
    with call.workspace.database.read() as connection:
        for asset_id in _wanted(call):
            found = _resolved(call, connection, asset_id)
            if found:
                uri, kind = found
                values[asset_id] = {"uri": uri, "type": bodies.KINDS.get(kind, "UriFolder")}
    return Response.of({"values": values})


def _resolve_models(call: Call) -> Response:
    values = {}
    with call.workspace.database.read() as connection:
        for asset_id in _wanted(call):
            found = _resolved(call, connection, asset_id)
            if found:
                values[asset_id] = {"path": found[0]}
    return Response.of({"values": values})


def _wanted(call: Call) -> list[str]:
    body = call.request.json
    values = body.get("values") if isinstance(body, dict) else None
    if not isinstance(values, list):
        raise ResourceError("The body has no list 'values'.", code="InvalidRequestContent", target="values")
    return [str(value) for value in values]


def _resolved(call: Call, connection: Any, asset_id: str) -> tuple[str, str] | None:
    """Where an asset's content is (a long datastore URI), and its type; None when it does not exist."""
    found = uris.parse(asset_id)
    if not isinstance(found, uris.Asset):
        return None
    output = _OUTPUT_ASSET.fullmatch(found.name)
    if output:
        record = records.get(connection, output["job"])
        kept = (record.state.get("outputs") or {}).get(output["output"]) if record else None
        if kept:
            return _long(call, str(kept["uri"])), str(kept.get("type") or "uri_folder")
    held = resources.get(connection, found.segment, found.name, found.version)
    if held is None:
        return None
    properties = held.body.get("properties") or {}
    uri = properties.get("modelUri") if found.segment == "models" else properties.get("dataUri")
    kind = properties.get("modelType") if found.segment == "models" else properties.get("dataType")
    return (_long(call, str(uri)), str(kind or "uri_folder")) if uri else None


def _long(call: Call, uri: str) -> str:
    """A datastore URI with its subscription, group and workspace, as the data planes write it."""
    found = uris.parse(uri)
    if not isinstance(found, uris.DatastorePath):
        return uri
    entry = call.workspace.entry
    return (
        f"azureml://subscriptions/{entry.subscription}/resourcegroups/{entry.group}/workspaces/{entry.name}"
        f"/datastores/{found.datastore}/paths/{found.path}"
    )


class Looks:
    """Which runs have been looked at: the first look at one that ended just now finds it finalizing, as on Azure.

    The SDK prints the log of a run only while it finds the run under way. Here a run, or a pipeline of finished steps,
    can be done before the SDK's first look, and would stream nothing.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[Path, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def status(self, call: Call, record: Record) -> Status:
        """What a look at a run shows, once."""
        key = call.workspace.folder, record.name
        with self._lock:
            first = key not in self._seen
            self._seen[key] = None
            if len(self._seen) > LOOKS:
                self._seen.popitem(last=False)
        fresh = record.ended is not None and call.now - record.ended < FRESH
        return Status.FINALIZING if record.final and first and fresh else record.status


class RunHistory(Type):
    """Run history's documents of jobs."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._looks = Looks()

    def _details(self, call: Call) -> Response:
        with call.workspace.database.read() as connection:
            record = records.find(connection, call.params["run"])
        _attend(call, record)
        document = bodies.details(call.workspace, record, _logs(call, record.name))
        return Response.of({**document, "status": self._looks.status(call, record)})

    def routes(self) -> Iterable[Route]:
        read, write = "workspaces/jobs/read", "workspaces/jobs/write"
        one = f"{HISTORY}/runs/{{run}}"
        named = f"{HISTORY}/experiments/{{experiment}}/runs/{{run}}"
        for base in (one, named):
            yield Route("GET", API, base, _run, read)
            yield Route("GET", API, f"{base}/details", self._details, read)
            yield Route("GET", API, f"{base}/children", _children, read)
            yield Route("GET", API, f"{base}/serviceinstances/{{node}}", _services, read)
            yield Route("PATCH", API, base, _modify, write)
        yield Route("POST", API, f"{HISTORY}/rundata", _rundata, read)
        data = "/data/v1.0{WS}/dataversion/batchGetResolvedUris"
        models = "/modelregistry/v1.0{WS}/models/batchGetResolvedUris"
        yield Route("POST", API, data, _resolve_data, read)
        yield Route("POST", API, models, _resolve_models, read)


TYPE = RunHistory("history", "run")
