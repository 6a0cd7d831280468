"""Models: files with a type, from a job's output, a run or an upload."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.resources import checks, origins
from jupyter_aml.local.resources.assets import AssetType
from jupyter_aml.local.resources.base import Call

KINDS = ("custom_model", "mlflow_model", "triton_model")


def _accept(call: Call, properties: dict[str, Any]) -> dict[str, Any]:
    kind = checks.one_of(properties.get("modelType") or "custom_model", KINDS, "properties.modelType")
    with call.workspace.database.read() as connection:
        uri = checks.uri(connection, properties.get("modelUri"), "properties.modelUri")
    uri, job = origins.settled(call, uri, kind, "properties.modelUri")
    origin = {"jobName": job} if job and not properties.get("jobName") else {}
    return {**properties, **origin, "modelUri": uri, "modelType": kind, "flavors": properties.get("flavors") or {}}


TYPE = AssetType("models", "model", accept=_accept, located="modelUri")
