"""MLflow's own UI: the page and scripts that the installed package brings, over this service's answers.

The page asks for everything relative to its own address, so the tracking URI, opened in a browser, is the UI.
MLflow itself is not imported. Nothing that the page does may leave the machine: its own usage reports are off.
"""

from __future__ import annotations

import importlib.util
import mimetypes
import os
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_aml.errors import NotOfflineError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.tracking import faults, places
from jupyter_aml.local.tracking.api.call import Call, Endpoint

BUILD = Path("server", "js", "build")
KEPT = "private, max-age=2419200, immutable"
"""For files whose names bear a digest of their content."""
ASKED = "no-cache"
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
        "form-action 'self'; frame-ancestors 'self'; base-uri 'self'"
    ),
}
"""What keeps the page on this machine, and other pages from framing it."""
QUIET = {"disable_ui_telemetry": True, "disable_ui_events": [], "ui_rollout_percentage": 0}


@cache
def folder() -> Path | None:
    """Where the installed mlflow keeps its UI; None when it is absent or has none (mlflow-skinny)."""
    spec = importlib.util.find_spec("mlflow")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = Path(place) / BUILD
        if (found / "index.html").is_file():
            return found
    return None


def _folder() -> Path:
    found = folder()
    if found is None:
        raise NotOfflineError(
            "MLflow's UI needs the package mlflow, which is not installed where the local workspace runs.",
            remedy="Type `pip install 'jupyter_aml[ml]'`, then `aml local stop` and `aml mlflow ui` again.",
        )
    return found


def index(call: Call) -> Response:
    """GET /: the page."""
    url, mark, query = call.request.url.partition("?")
    if not url.endswith("/"):
        return Response(308, {"Location": f"{url}/{mark}{query}"})
    return _file(_folder() / "index.html", ASKED)


def static(call: Call) -> Response:
    """GET /static-files/{path}: scripts, styles, pictures."""
    path = call.parts["path"]
    found = places.below(_folder(), path)
    if not found.is_file():
        raise faults.missing(f"MLflow's UI has no file '{path}'.")
    return _file(found, KEPT if path.startswith("static/") else ASKED)


def _file(path: Path, keep: str) -> Response:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    stream = path.open("rb")
    length = os.fstat(stream.fileno()).st_size
    return Response(200, {"Content-Type": kind, "Cache-Control": keep, **SAFE}, stream=stream, length=length)


def telemetry(_call: Call) -> dict[str, Any]:
    """GET 3.0/mlflow/ui-telemetry: the page reports nothing to anybody."""
    return QUIET


def no_report(_call: Call) -> dict[str, Any]:
    """POST 3.0/mlflow/ui-telemetry: what comes nevertheless is dropped."""
    return {"status": "disabled"}


PAGES = (
    Endpoint("GET", "", index),
    Endpoint("GET", "static-files/{path:path}", static),
)
ROUTES = (
    Endpoint("GET", "mlflow/ui-telemetry", telemetry),
    Endpoint("POST", "mlflow/ui-telemetry", no_report),
)
