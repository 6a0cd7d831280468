"""Jobs: submitted with PUT, listed newest first, cancelled, changed, deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import Any

from jupyter_aml.errors import ConflictError, ResourceError
from jupyter_aml.local.arm import ids, paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.jobs import bodies, records, submit, visits
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Filter, Record
from jupyter_aml.local.resources.base import ARM, Call, Route, Type, system_data

SEGMENT = "jobs"
PAGE, LARGEST_PAGE = 100, 1000


def resource(call: Call, record: Record) -> dict[str, Any]:
    """The ARM envelope around a job."""
    return {
        "id": f"{call.workspace.entry.arm_id}/{SEGMENT}/{record.name}",
        "name": record.name,
        "type": f"{ids.PROVIDER}/workspaces/{SEGMENT}",
        "systemData": system_data(record.created, record.created_by, record.modified, record.created_by),
        "properties": bodies.properties(call.workspace, record),
    }


def _put(call: Call) -> Response:
    record, new = submit.submit(
        call.workspace,
        call.params["name"],
        call.properties(),
        identity=call.identity,
        interpreter=call.interpreter,
        now=call.now,
    )
    return Response.of(resource(call, record), 201 if new else 200)


def _get(call: Call) -> Response:
    with call.workspace.database.read() as connection:
        record = records.find(connection, call.params["name"])
    if not record.final:
        call.store.attend()
    return Response.of(resource(call, record))


def _list(call: Call) -> Response:
    wanted = Filter(
        view=call.query("listViewType", "ActiveOnly") or "ActiveOnly",
        type=call.query("jobType"),
        status=call.query("status"),
        experiment=call.query("experimentName"),
        tag=call.query("tag"),
        property=call.query("properties"),
        parent=call.query("parentJobName"),
    )
    token = call.query("$skip")
    before = _position(token) if token else None
    limit = paging.size(call.query("$top") or None, PAGE, LARGEST_PAGE)
    with call.workspace.database.read() as connection:
        found, following = records.page(connection, wanted, before=before, limit=limit, brief=True)
    if not all(record.final for record in found):
        call.store.attend()
    items = [resource(call, record) for record in found]
    return Response.of(paging.page(items, call.request.url, list(following) if following else None))


def _position(token: str) -> tuple[float, int]:
    position = paging.decode(token)
    if len(position) != 2 or not all(isinstance(part, int | float) for part in position):  # noqa: PLR2004
        raise ResourceError(
            f"The page token {token!r} was not issued by this list.",
            code="InvalidPagingToken",
            remedy="Begin the list again without $skip.",
        )
    return float(position[0]), int(position[1])


def _patch(call: Call) -> Response:
    """Change tags, description, display name or archived; tags and properties are merged."""
    body = call.request.json
    found = body.get("properties") if isinstance(body, dict) else None
    changes = dict(found) if isinstance(found, dict) else {}
    if isinstance(body, dict) and isinstance(body.get("tags"), dict):
        changes["tags"] = {**(changes.get("tags") or {}), **body["tags"]}
    with call.workspace.database.write() as transaction:
        held = records.find(transaction, call.params["name"])
        record = submit.merge(transaction, held, changes, call.now)
    return Response.of(resource(call, record))


def _cancel(call: Call) -> Response:
    with call.workspace.database.write() as transaction:
        record = records.find(transaction, call.params["name"])
        if record.status in {Status.COMPLETED, Status.FAILED}:
            raise ResourceError(
                f"The job '{record.name}' is {record.status} already; there is nothing to cancel.",
                code="UserError",
            )
        if record.status not in {Status.CANCELED, Status.CANCEL_REQUESTED}:
            records.ask_cancel(transaction, record.name, call.now)
    return Response(200)


def _attach(call: Call) -> Response:
    """Open a Jupyter kernel inside a running job; ours alone, in Azure a service of the job does this."""
    record = visits.begun(call.workspace, call.params["name"])
    found = visits.ask(call.workspace, record, "open")
    shown = {"connectionFile": found["connection_file"], "held": found["held"], "pid": found["pid"]}
    return Response.of({"name": record.name, **shown})


def _release(call: Call) -> Response:
    """Let a job end that failed and is held."""
    with call.workspace.database.read() as reader:
        record = records.find(reader, call.params["name"])
    return Response.of({"name": record.name, "released": visits.ask(call.workspace, record, "release")["released"]})


def _delete(call: Call) -> Response:
    with call.workspace.database.write() as transaction:
        record = records.get(transaction, call.params["name"])
        if record is None:
            return Response(204)
        if not record.final:
            raise ConflictError(
                f"The job '{record.name}' is {record.status} and cannot be deleted.",
                remedy=f"Cancel it first: `%aml job cancel {record.name}`.",
            )
        records.delete(transaction, record.name)
        transaction.execute("DELETE FROM runs WHERE run_id=?", (record.name,))
    for folder in (call.workspace.runs_folder(record.name), call.workspace.work_folder(record.name)):
        shutil.rmtree(folder, ignore_errors=True)
    return Response(200)


class Jobs(Type):
    """Jobs of every type."""

    def routes(self) -> Iterable[Route]:
        many, one = f"{{WS}}/{SEGMENT}", f"{{WS}}/{SEGMENT}/{{name}}"
        return (
            Route("GET", ARM, many, _list, "workspaces/jobs/read"),
            Route("GET", ARM, one, _get, "workspaces/jobs/read"),
            Route("PUT", ARM, one, _put, "workspaces/jobs/write"),
            Route("PATCH", ARM, one, _patch, "workspaces/jobs/write"),
            Route("DELETE", ARM, one, _delete, "workspaces/jobs/delete"),
            Route("POST", ARM, f"{one}/cancel", _cancel, "workspaces/jobs/cancel/action"),
            Route("POST", ARM, f"{one}/attach", _attach, "workspaces/jobs/write"),
            Route("POST", ARM, f"{one}/release", _release, "workspaces/jobs/write"),
        )


TYPE = Jobs(SEGMENT, "job")
