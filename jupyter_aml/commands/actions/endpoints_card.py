"""What is known of an endpoint, read from REST: the snapshot that its card draws; needs no SDK."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands import drawing
from jupyter_aml.errors import AmlError

ONLINE, BATCH = "onlineEndpoints", "batchEndpoints"
OPERATION = "AzureAsyncOperationUri"
"""Where a resource names the address of its last operation, among its properties."""
STATE, READY, REPLICAS, ERROR = (f"azureml.local.{word}" for word in ("state", "ready", "replicas", "error"))
"""What the local workspace tells of a deployment's replicas, among its properties."""
FAILED, HEALTHY = "Failed", "Healthy"


def bundle(connection: Any, name: str, segment: str = ONLINE) -> dict[str, Any]:
    """The MIME bundle of an endpoint as it is now: plain, HTML and live form.

    Args:
        connection: Of its workspace.
        name: Of the endpoint.
        segment: `onlineEndpoints` or `batchEndpoints`.

    Raises:
        ResourceError: There is no such endpoint.
    """
    rest = Rest(connection)
    try:
        found = snapshot(rest, name, segment)
    finally:
        rest.close()
    return {
        "text/plain": drawing.draw("endpoint", "plain", found),
        "text/html": drawing.draw("endpoint", "html", found),
        **drawing.live("endpoint", found),
    }


def snapshot(rest: Rest, name: str, segment: str = ONLINE) -> dict[str, Any]:
    """All that the card of an endpoint shows; see `views/endpoint.py`. Raises as `bundle` does."""
    endpoint = rest.get(f"{segment}/{name}")
    held = endpoint["properties"]
    traffic, mirror = held.get("traffic") or {}, held.get("mirrorTraffic") or {}
    listed = list(rest.items(f"{segment}/{name}/deployments"))
    default = str((held.get("defaults") or {}).get("deploymentName") or "")
    return {
        "place": str(rest.connection.place),
        "workspace": str(rest.connection.workspace_path),
        "segment": segment,
        "name": str(endpoint.get("name") or name),
        "status": str(held.get("provisioningState") or ""),
        "uri": str(held.get("scoringUri") or ""),
        "auth": str(held.get("authMode") or ""),
        "compute": _last(held.get("compute")),
        "description": str(held.get("description") or ""),
        "tags": dict(endpoint.get("tags") or {}),
        "created": (endpoint.get("systemData") or {}).get("createdAt"),
        "default": default,
        "deployments": [_deployment(rest, one, traffic, mirror, default) for one in listed],
        "error": _error(rest, held),
    }


def _deployment(
    rest: Rest, item: Mapping[str, Any], traffic: Mapping[str, int], mirror: Mapping[str, int], default: str
) -> dict[str, Any]:
    held, name = item["properties"], str(item["name"])
    said = held.get("properties") or {}
    resources = held.get("resources") or {}
    configured = held.get("deploymentConfiguration") or {}
    return {
        "name": name,
        "status": str(held.get("provisioningState") or ""),
        "serving": _serving(said),
        "model": _asset(held.get("model")) or _asset(configured.get("componentId")),
        "environment": _asset(held.get("environmentId")),
        "script": str((held.get("codeConfiguration") or {}).get("scoringScript") or ""),
        "compute": _last(held.get("compute")),
        "instances": (item.get("sku") or {}).get("capacity") or resources.get("instanceCount"),
        "traffic": int(traffic.get(name) or 0),
        "mirror": int(mirror.get(name) or 0),
        "default": name == default,
        "error": _error(rest, held),
    }


def _serving(said: Mapping[str, Any]) -> str:
    """How the replicas of a deployment are, such as `Healthy, 2 of 2 ready`."""
    state = str(said.get(STATE) or "")
    ready, wanted = said.get(READY), said.get(REPLICAS)
    return f"{state}, {ready} of {wanted} ready" if state and wanted is not None else state


def _error(rest: Rest, held: Mapping[str, Any]) -> str:
    """Why it does not serve: how its last operation failed, else what the workspace says of its replicas."""
    said = held.get("properties") or {}
    url = str(said.get(OPERATION) or "")
    message = ""
    if url and held.get("provisioningState") == FAILED:
        with contextlib.suppress(AmlError):
            message = str(((rest.get(url) or {}).get("error") or {}).get("message") or "")
        if message and said.get(STATE) == HEALTHY:
            message += " The replicas of before go on answering."
    return message or str(said.get(ERROR) or "")


def _asset(found: Any) -> str:
    """An asset's id as `name:version`."""
    text = str((found.get("assetId") if isinstance(found, Mapping) else found) or "")
    parts = text.strip("/").split("/")
    if "versions" in parts[1:-1]:
        at = parts.index("versions")
        return f"{parts[at - 1]}:{parts[at + 1]}"
    return text.removeprefix("azureml:")


def _last(arm_id: Any) -> str:
    return str(arm_id or "").rstrip("/").rpartition("/")[2]
