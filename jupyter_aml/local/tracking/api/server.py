"""What the tracking service says of itself."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.tracking.api.call import Call, Endpoint

VERSION = "3.3.2"
"""The version of MLflow's protocol: from 3.4 on clients would send spans as OTLP, which is not spoken here."""


def plain(text: str) -> Response:
    """Text as MLflow's server sends it."""
    return Response(200, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())


def info(_call: Call) -> dict[str, Any]:
    """GET 3.0/server-info."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {},
    }


def features(_call: Call) -> dict[str, Any]:
    """GET 3.0/server-features."""
    return {"workspaces_enabled": False}


ROUTES = (
    Endpoint("GET", "mlflow/server-info", info),
    Endpoint("GET", "mlflow/server-features", features),
)
