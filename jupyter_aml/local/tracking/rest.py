"""MLflow's REST protocol: one request in, one answer out.

`/api/2.0/mlflow/...`, `/api/3.0/mlflow/...` and `/api/2.0/mlflow-artifacts/...` as clients of MLflow 2.x and 3.x
send them, `/ajax-api/...` and `/graphql` as MLflow's own UI does, which is here too; faults are MLflow's
`{"error_code", "message"}`.
"""

from __future__ import annotations

import re
from functools import cache

from jupyter_aml.errors import AmlError, ResourceError, StoreError
from jupyter_aml.local.arm.http import Request, Response
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import faults
from jupyter_aml.local.tracking.api import (
    artifacts,
    experiments,
    graphql,
    logged_models,
    metrics,
    models,
    runs,
    server,
    traces,
    ui,
    versions,
)
from jupyter_aml.local.tracking.api.call import Call, Endpoint, Handler

_API = re.compile(r"^(?:api|ajax-api)/(?P<version>[23])\.\d(?:-preview)?/(?P<path>.*)$")
_COMMON = (
    *metrics.ROUTES,
    *runs.ROUTES,
    *experiments.ROUTES,
    *models.ROUTES,
    *versions.ROUTES,
    *logged_models.ROUTES,
    *artifacts.ROUTES,
)
_OF = {
    "": (*ui.PAGES, *graphql.ROUTES),
    "2": (*_COMMON, *traces.OLD),
    "3": (*traces.ROUTES, *server.ROUTES, *ui.ROUTES, *_COMMON),
}
"""Endpoints by the protocol's version; those without one stand at the tracking URI itself."""
_BARE = {
    ("GET", "health"): lambda _call: server.plain("OK"),
    ("GET", "version"): lambda _call: server.plain(server.VERSION),
    ("GET", "get-artifact"): artifacts.get_artifact,
    ("GET", "model-versions/get-artifact"): versions.get_artifact,
}


@cache
def _tables(version: str) -> tuple[dict[tuple[str, str], Handler], tuple[tuple[str, re.Pattern[str], Handler], ...]]:
    fixed: dict[tuple[str, str], Handler] = {}
    patterns = []
    for one in _OF[version]:
        if "{" in one.path:
            patterns.append((one.method, _pattern(one), one.handler))
        else:
            fixed.setdefault((one.method, one.path), one.handler)
    return fixed, tuple(patterns)


def _pattern(endpoint: Endpoint) -> re.Pattern[str]:
    text = re.sub(r"\{(\w+):path\}", r"(?P<\1>.+)", endpoint.path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", text))


def _find(method: str, path: str) -> tuple[Handler, dict[str, str]]:
    bare = _BARE.get((method, path))
    if bare is not None:
        return bare, {}
    match = _API.match(path)
    version, rest = (match["version"], match["path"]) if match else ("", path)
    fixed, patterns = _tables(version)
    handler = fixed.get((method, rest))
    if handler is not None:
        return handler, {}
    for wanted, pattern, handler in patterns:
        if wanted == method and (found := pattern.fullmatch(rest)):
            return handler, found.groupdict()
    raise faults.no_endpoint(method, f"/{path}")


def handle(workspace: Workspace, request: Request, path: str, now: float) -> Response:
    """Answer one request.

    Args:
        workspace: The open workspace.
        request: As a door built it; its identity has been checked.
        path: What follows the tracking URI, such as `/api/2.0/mlflow/runs/create`.
        now: Seconds since the epoch.

    Returns:
        MLflow's answer; a refusal is MLflow's error body with its status.
    """
    try:
        handler, parts = _find(request.method, path.strip("/"))
        answer = handler(Call(workspace, request, parts, now))
    except ResourceError as error:
        return Response.of(faults.body_of(error), error.status)
    except StoreError as error:
        return Response.of(faults.body_of(_unavailable(error)), 503)
    return answer if isinstance(answer, Response) else Response.of(answer)


def _unavailable(error: AmlError) -> ResourceError:
    return ResourceError(error.message, status=503, why=error.why, remedy=error.remedy)
