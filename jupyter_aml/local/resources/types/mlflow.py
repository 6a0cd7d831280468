"""MLflow's tracking service of a workspace: the tracking URI is the workspace's path below `/mlflow/v2.0`."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources.base import API, Call, Route, Type
from jupyter_aml.local.tracking import abroad, rest

ROOT = "/mlflow/{protocol}{WS}"
DEPTH = 10
"""Parts of a path that belong to the tracking URI."""
SEARCHES = (
    "mlflow/runs/search",
    "mlflow/experiments/search",
    "mlflow/experiments/search-datasets",
    "mlflow/logged-models/search",
    "mlflow/registered-models/get-latest-versions",
    "mlflow/traces/search",
    "mlflow/traces/batchGetInfos",
)
READ, WRITE = "workspaces/experiments/runs/read", "workspaces/experiments/runs/write"


def _answer(call: Call) -> Response:
    path = "/".join(call.request.path.strip("/").split("/")[DEPTH:])
    if call.identity.away:
        return abroad.handle(call.workspace, call.request, path, call.now)
    return rest.handle(call.workspace, call.request, path, call.now)


class MLflow(Type):
    """Every method and path below the tracking URI; searches by POST only read."""

    def routes(self) -> Iterable[Route]:
        for search in SEARCHES:
            for way in ("api", "ajax-api"):
                yield Route("POST", API, f"{ROOT}/{way}/{{version}}/{search}", _answer, READ)
        yield Route("POST", API, f"{ROOT}/graphql", _answer, READ)
        yield Route("GET", API, ROOT, _answer, READ)
        yield Route("GET", API, f"{ROOT}/{{rest:path}}", _answer, READ)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            yield Route(method, API, f"{ROOT}/{{rest:path}}", _answer, WRITE)


TYPE = MLflow("mlflow", "tracking service")
