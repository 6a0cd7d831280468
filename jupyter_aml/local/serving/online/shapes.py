"""The bodies of online endpoints and deployments: what of a request is kept, and what clients are shown of a record."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from jupyter_aml.local.jobs.checks import invalid
from jupyter_aml.local.serving.online import settings
from jupyter_aml.local.serving.online.settings import KUBERNETES, MANAGED
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

AUTH_MODES = ("Key", "AMLToken", "AADToken")
IDENTITIES = ("SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned", "None")
ACCESS = ("Enabled", "Disabled")
COMPUTE_TYPES = (MANAGED, KUBERNETES)
ENVELOPE = ("location", "tags", "identity", "kind", "sku")
"""What ARM keeps beside `properties`."""
FULL, MOST_MIRRORED = 100, 50
INSTANCE_TYPE = re.compile(r"Standard_[A-Za-z0-9_-]+|LOCAL", re.IGNORECASE)
DEFAULT_INSTANCE = "Standard_DS3_v2"
MOST_INSTANCES = 50
"""Instances of one managed deployment. Source: Azure's limits for online endpoints."""
SHOWN_ONLY = frozenset({
    "createdBy", "createdAt", "lastModifiedAt", "lastModifiedBy", "AzureAsyncOperationUri", "azureml.onlineendpointid",
})  # fmt: skip
"""Properties that service and SDK show, and that clients send back with what they were given."""
OURS = "azureml.local."
"""Prefix of the properties that tell of what runs here."""


def endpoint(body: Mapping[str, Any], old: Record | None, location: str) -> dict[str, Any]:
    """An endpoint's body as it is kept.

    Args:
        body: As sent, with an object `properties`.
        old: The endpoint, when there is one: what a PUT leaves out of traffic stays.
        location: Of the workspace.

    Raises:
        ResourceError: A field has a value that Azure refuses (400).
    """
    sent = {key: value for key, value in body["properties"].items() if value is not None}
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    kept = {
        "authMode": settings.word(sent.get("authMode") or before.get("authMode") or "Key", AUTH_MODES, "authMode"),
        "properties": _properties(sent, before),
        "traffic": traffic(sent.get("traffic", before.get("traffic") or {})),
        "mirrorTraffic": mirror(sent.get("mirrorTraffic", before.get("mirrorTraffic") or {})),
        "publicNetworkAccess": settings.word(
            sent.get("publicNetworkAccess") or ACCESS[0], ACCESS, "publicNetworkAccess"
        ),
    }
    kept |= {key: sent[key] for key in ("description", "compute") if sent.get(key)}
    return {**_envelope(body, location), "kind": "K8S" if kept.get("compute") else MANAGED, "properties": kept}


def deployment(body: Mapping[str, Any], old: Record | None, location: str) -> dict[str, Any]:
    """A deployment's body as it is kept: checked, in Azure's spelling, with what Azure adds to it.

    Raises:
        ResourceError: A field has a value that Azure refuses (400).
    """
    sent = {key: value for key, value in body["properties"].items() if value is not None}
    sent.pop("provisioningState", None)
    before: Mapping[str, Any] = old.body["properties"] if old else {}
    kind = settings.word(sent.get("endpointComputeType") or MANAGED, COMPUTE_TYPES, "endpointComputeType")
    sent["endpointComputeType"] = kind
    sent["properties"] = _properties(sent, before)
    sent["appInsightsEnabled"] = bool(sent.get("appInsightsEnabled"))
    settings.check_requests(sent, kind)
    settings.check_probes(sent)
    settings.check_scale(sent, kind)
    settings.check_collector(sent)
    settings.check_resources(sent)
    settings.check_variables(sent)
    _check_instance(sent, kind)
    sku = {"name": "Default", **{key: value for key, value in (body.get("sku") or {}).items() if value is not None}}
    sku["capacity"] = capacity(sku.get("capacity", 1), kind)
    return {**_envelope(body, location), "kind": kind, "sku": sku, "properties": sent}


def capacity(value: object, kind: str) -> int:
    """How many instances a deployment has.

    Raises:
        ResourceError: It is no number that Azure takes (400).
    """
    found = settings.whole(value, "sku.capacity", 1 if kind == MANAGED else 0, MOST_INSTANCES)
    return int(found)


def _check_instance(properties: dict[str, Any], kind: str) -> None:
    found = properties.get("instanceType")
    if kind == MANAGED:
        found = found or DEFAULT_INSTANCE
        if not isinstance(found, str) or not INSTANCE_TYPE.fullmatch(found):
            raise invalid("instanceType", f"is {found!r}, which is no size of Azure's", f"Write {DEFAULT_INSTANCE}.")
        properties["instanceType"] = found


def _envelope(body: Mapping[str, Any], location: str) -> dict[str, Any]:
    kept = {key: body[key] for key in ENVELOPE if body.get(key) is not None}
    kept.setdefault("location", location)
    kept["tags"] = _texts(kept.get("tags") or {}, "tags")
    identity = kept.get("identity") or {"type": IDENTITIES[0]}
    if not isinstance(identity, dict):
        raise invalid("identity", f"is {identity!r}, which is no object", 'Send {"type": "SystemAssigned"}.')
    plain = str(identity.get("type") or IDENTITIES[0]).replace(" ", "")
    kept["identity"] = {**identity, "type": settings.word(plain, IDENTITIES, "identity.type")}
    return kept


def _texts(found: object, field: str) -> dict[str, str]:
    if not isinstance(found, dict):
        raise invalid(field, f"is {found!r}, which is no object", 'Send {"name": "text"}.')
    return {str(key): str(value) for key, value in found.items() if value is not None}


def _properties(sent: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    """The dictionary `properties` inside: what was there stays, as Azure keeps it."""
    found = _texts(sent.get("properties") or {}, "properties")
    own = {key: value for key, value in found.items() if key not in SHOWN_ONLY and not key.startswith(OURS)}
    return {**(before.get("properties") or {}), **own}


def traffic(found: object) -> dict[str, int]:
    """Percents by deployment.

    Raises:
        ResourceError: They are no whole numbers from 0 to 100 that sum to 0 or 100 (400).
    """
    shares = _shares(found, "traffic", FULL)
    total = sum(shares.values())
    if total not in {0, FULL}:
        raise invalid(
            "traffic",
            f"{_spelled(shares)} sums to {total}; 100 was expected, or 0 to stop it",
            "Set it again, e.g. --traffic 'blue=90 green=10'.",
        )
    return shares


def mirror(found: object) -> dict[str, int]:
    """The percent that is mirrored to one deployment.

    Raises:
        ResourceError: There is more than one, or it is above 50 (400).
    """
    shares = _shares(found, "mirrorTraffic", MOST_MIRRORED)
    if sum(share > 0 for share in shares.values()) > 1:
        raise invalid(
            "mirrorTraffic",
            f"{_spelled(shares)} mirrors to more than one deployment",
            "Mirror to one: --mirror-traffic 'green=10'.",
        )
    return shares


def _shares(found: object, field: str, most: int) -> dict[str, int]:
    if not isinstance(found, dict):
        raise invalid(field, f"is {found!r}, which is no object", 'Send {"blue": 100}.')
    return {str(name): settings.whole(share, f"{field}.{name}", 0, most) for name, share in found.items()}


def _spelled(shares: Mapping[str, int]) -> str:
    return "'" + " ".join(f"{name}={share}" for name, share in shares.items()) + "'"


def shown_endpoint(workspace: Workspace, record: Record) -> dict[str, Any]:
    """An endpoint's body as clients see it: with its addresses and identity, without what is ours."""
    body = {key: value for key, value in record.body.items() if key != "_local"}
    port = (record.body.get("_local") or {}).get("port")
    root = f"http://127.0.0.1:{port}"
    named = f"{workspace.entry.arm_id}/onlineEndpoints/{record.name}"
    properties = {**body["properties"], "scoringUri": f"{root}/score", "swaggerUri": f"{root}/swagger.json"}
    properties["properties"] = {**properties["properties"], "azureml.onlineendpointid": named}
    return {**body, "identity": _shown_identity(workspace, body["identity"], named), "properties": properties}


def _shown_identity(workspace: Workspace, identity: Mapping[str, Any], named: str) -> dict[str, Any]:
    if "SystemAssigned" not in identity["type"]:
        return dict(identity)
    principal = str(uuid.uuid5(workspace.store.uuid, named.lower()))
    return {**identity, "principalId": principal, "tenantId": workspace.store.tenant_id}


def shown_deployment(record: Record, running: Mapping[str, str], operation_uri: str) -> dict[str, Any]:
    """A deployment's body as clients see it.

    Args:
        record: The deployment.
        running: What runs of it, as texts: `state`, `ready`, `replicas`, `error`; empty when nothing does.
        operation_uri: Where the status of its last change is asked.
    """
    body = {key: value for key, value in record.body.items() if key != "_local"}
    inner = dict(body["properties"]["properties"])
    inner |= {f"{OURS}{name}": text for name, text in running.items()}
    if operation_uri:
        inner["AzureAsyncOperationUri"] = operation_uri
    return {**body, "properties": {**body["properties"], "properties": inner}}
