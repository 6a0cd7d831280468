"""What workers elsewhere send home of the runs that they make; asked by the agent alone, with the token of the run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.jobs import snapshots, tries
from jupyter_aml.local.resources.base import API, Call, Route, Type

ROOT = "/_aml{WS}/tries/{job}"
WRITE = "workspaces/experiments/runs/write"


def _own(call: Call) -> tuple[str, str]:
    """The job and the try that ask.

    Raises:
        ResourceError: The token is another job's, or no try is named.
    """
    job, attempt = call.params["job"], call.query("try")
    if call.identity.job.lower() != job.lower() or not call.identity.away:
        raise ResourceError(
            f"Only the worker that runs {job} may say anything of it.", status=403, code="AuthorizationFailed"
        )
    if not attempt.isalnum():
        raise ResourceError(f"{attempt!r} names no try.", code="ValidationError", target="try")
    return job, attempt


def _offset(call: Call) -> int:
    text = call.query("offset") or "0"
    if not text.isdecimal():
        raise ResourceError(f"offset is {text!r}; a number was expected.", code="ValidationError", target="offset")
    return int(text)


def _object(call: Call) -> dict[str, Any]:
    found = call.request.json
    if not isinstance(found, dict):
        raise ResourceError("The body must be a JSON object.", code="InvalidRequestContent")
    return found


def _begin(call: Call) -> Response:
    job, attempt = _own(call)
    tries.begin(call.workspace, job, attempt, _object(call))
    return Response.of({})


def _append(call: Call) -> Response:
    job, attempt = _own(call)
    tries.append(call.workspace, job, attempt, call.params["log"], offset=_offset(call), piece=call.request.content)
    return Response.of({})


def _put(call: Call) -> Response:
    job, attempt = _own(call)
    tries.put(call.workspace, job, attempt, call.params["path"], offset=_offset(call), stream=call.request.stream)
    return Response.of({})


def _code(call: Call) -> Response:
    job, _ = _own(call)
    file, length = snapshots.packed(call.workspace, job)
    return Response(200, {"Content-Type": "application/zip"}, stream=file, length=length)


def _end(call: Call) -> Response:
    job, attempt = _own(call)
    tries.end(call.workspace, job, attempt, _object(call))
    return Response.of({})


class _Tries(Type):
    def routes(self) -> Iterable[Route]:
        return (
            Route("POST", API, f"{ROOT}/begin", _begin, WRITE),
            Route("PUT", API, f"{ROOT}/logs/{{log}}", _append, WRITE),
            Route("PUT", API, f"{ROOT}/files/{{path:path}}", _put, WRITE),
            Route("GET", API, f"{ROOT}/code", _code, "workspaces/codes/versions/read"),
            Route("POST", API, f"{ROOT}/end", _end, WRITE),
        )


TYPE = _Tries("tries", "try")
