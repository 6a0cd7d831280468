"""Invocations of batch endpoints, and the jobs that they made."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.jobs import records
from jupyter_aml.local.resources.base import API, Call, Route, Type
from jupyter_aml.local.serving.batch import jobs, rules, shapes

HEADER = "azureml-model-deployment"
PAGE, LARGEST_PAGE = 100, 1000
MANAGEMENT = "/mferp/managementfrontend{WS}"


def _invoke(call: Call) -> Response:
    record, deployment = jobs.invoke(
        call.workspace,
        call.params["endpoint"],
        call.request.headers.get(HEADER, "").strip(),
        call.request.json,
        identity=call.identity,
        now=call.now,
    )
    call.store.attend()
    shown = jobs.shown(call.workspace, record)
    return Response.of(shown, 200, azureml_model_deployment=deployment.version)


def _list(call: Call) -> Response:
    token = call.query("$skip")
    position = paging.decode(token) if token else None
    if position is not None and len(position) != 2:  # noqa: PLR2004 - a time and a row number
        raise ResourceError(
            f"The page token {token!r} was not issued by this list.",
            code="InvalidPagingToken",
            remedy="Begin the list again without $skip.",
        )
    before = (float(position[0]), int(position[1])) if position else None
    limit = paging.size(call.query("$top") or None, PAGE, LARGEST_PAGE)
    with call.workspace.database.read() as reader:
        endpoint = rules.endpoint(reader, call.params["endpoint"])
        named = call.params.get("deployment", "")
        deployment = rules.deployment(reader, endpoint, named).version if named else ""
        found, following = jobs.listed(reader, endpoint.name, deployment, before, limit)
    if not all(record.final for record in found):
        call.store.attend()
    items = [jobs.shown(call.workspace, record) for record in found]
    return Response.of(paging.page(items, call.request.url, list(following) if following else None))


def _get(call: Call) -> Response:
    with call.workspace.database.read() as reader:
        record = records.find(reader, call.params["job"])
    if not record.final:
        call.store.attend()
    return Response.of(jobs.shown(call.workspace, record))


class BatchJobs(Type):
    """The data plane of batch endpoints."""

    def routes(self) -> Iterable[Route]:
        write, read = "workspaces/batchEndpoints/jobs/write", "workspaces/batchEndpoints/jobs/read"
        invoked = f"/invoke{{WS}}/{shapes.ENDPOINTS}/{{endpoint}}"
        endpoint = f"{MANAGEMENT}/{shapes.ENDPOINTS}/{{endpoint}}"
        deployment = f"{endpoint}/deployments/{{deployment}}"
        yield Route("POST", API, invoked, _invoke, write)
        yield Route("POST", API, f"{invoked}/jobs", _invoke, write)
        for base in (endpoint, deployment):
            yield Route("GET", API, f"{base}/jobs", _list, read)
            yield Route("GET", API, f"{base}/jobs/{{job}}", _get, read)


TYPE = BatchJobs("batchJobs", "batch job")
