"""Subscriptions, resource groups and workspaces of the store, and the discovery of a workspace's services."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.arm import ids, paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import names, workspace_words
from jupyter_aml.local.resources.base import API, ARM, Call, Route, Type, system_data
from jupyter_aml.local.store.workspace import Entry

API_URL = "https://local.api.azureml.ms"
PROVIDER = "/providers/Microsoft.MachineLearningServices/workspaces"


def _workspace(call: Call, entry: Entry) -> dict[str, Any]:
    words = workspace_words.of(call, entry)
    group = f"/subscriptions/{entry.subscription}/resourceGroups/{entry.group}/providers"
    properties = {
        "friendlyName": words.get("friendlyName") or entry.name,
        "description": words.get("description") or f"A local workspace in {entry.folder.name}.",
        "workspaceId": entry.id,
        "discoveryUrl": f"{API_URL}/discovery/workspaces/{entry.id}",
        "mlFlowTrackingUri": tracking_uri(call, entry),
        "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{entry.account}",
        "keyVault": f"{group}/Microsoft.KeyVault/vaults/{entry.account}kv",
        "applicationInsights": f"{group}/Microsoft.Insights/components/{entry.account}ai",
        "containerRegistry": None,
        "publicNetworkAccess": "Disabled",
        "provisioningState": "Succeeded",
        "tenantId": call.store.tenant_id,
        "hbiWorkspace": False,
        "v1LegacyMode": False,
        "managedNetwork": {"isolationMode": "Disabled"},
    }
    return {
        "id": entry.arm_id,
        "name": entry.name,
        "type": f"{ids.PROVIDER}/workspaces",
        "location": entry.location,
        "kind": "Default",
        "tags": words.get("tags", {}),
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "principalId": entry.id, "tenantId": call.store.tenant_id},
        "systemData": system_data(entry.created, call.identity.name, entry.created, ""),
        "properties": properties,
    }


def tracking_uri(call: Call, entry: Entry) -> str:
    """Where MLflow finds the workspace: the loopback door of the store's host."""
    return f"http://127.0.0.1:{call.store.door_port()}/mlflow/v2.0{entry.arm_id}"


def _get(call: Call) -> Response:
    return Response.of(_workspace(call, call.workspace.entry))


def _patch(call: Call) -> Response:
    """Change what is written about the workspace."""
    body = call.sent()
    workspace_words.keep(call, call.workspace, body.get("properties") or {}, body.get("tags"))
    return Response.of(_workspace(call, call.workspace.entry))


def _delete(call: Call) -> Response:
    """Remove the workspace with all that is in it, unless jobs run in it."""
    from jupyter_aml.local.store import housekeeping

    entry = call.store.entry(call.params["subscription"], call.params["group"], call.params["workspace"])
    if entry is not None:
        housekeeping.purge(call.store, entry)
    return Response(200)


def _list(call: Call) -> Response:
    _own(call)
    group = call.params.get("group")
    found = [entry for entry in call.store.entries() if group is None or entry.group.lower() == group.lower()]
    return Response.of({"value": [_workspace(call, entry) for entry in found]})


def _list_keys(call: Call) -> Response:
    from jupyter_aml.local.secrets import seal

    secret = seal.get(call.workspace, "datastores", "workspaceblobstore") or {}
    return Response.of(
        {
            "userStorageKey": secret.get("key"),
            "userStorageResourceId": _workspace(call, call.workspace.entry)["properties"]["storageAccount"],
            "appInsightsInstrumentationKey": None,
            "containerRegistryCredentials": {},
            "notebookAccessKeys": {},
        }
    )


def _discovery(call: Call) -> Response:
    if call.store.entry_by_id(call.params["id"]) is None:
        raise NotFoundError(f"No local workspace has the id {call.params['id']!r}.")
    services = ("api", "history", "experimentation", "modelmanagement", "pipelines", "studio", "catalog", "mlflow")
    return Response.of(dict.fromkeys(services, API_URL))


def _own(call: Call) -> None:
    if call.params["subscription"].lower() != call.store.subscription_id:
        raise NotFoundError(
            f"The subscription {call.params['subscription']!r} could not be found.",
            code="SubscriptionNotFound",
            remedy=f"The local one is {call.store.subscription_id}.",
        )


def _subscription(call: Call) -> dict[str, Any]:
    guid = call.store.subscription_id
    return {
        "id": f"/subscriptions/{guid}",
        "subscriptionId": guid,
        "tenantId": call.store.tenant_id,
        "displayName": "Local",
        "state": "Enabled",
    }


def _subscriptions(call: Call) -> Response:
    return Response.of({"value": [_subscription(call)]})


def _get_subscription(call: Call) -> Response:
    _own(call)
    return Response.of(_subscription(call))


def _groups(call: Call) -> Response:
    _own(call)
    found = [_group(call, row["name"], row["location"], row["tags"]) for row in call.store.groups()]
    return Response.of(paging.page(found, call.request.url, None))


def _group(call: Call, name: str, location: str, tags: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{call.store.subscription_id}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": location,
        "tags": json.loads(tags),
        "properties": {"provisioningState": "Succeeded"},
    }


def _get_group(call: Call) -> Response:
    _own(call)
    rows = call.store.groups()
    for row in rows:
        if row["name"].lower() == call.params["group"].lower():
            return Response.of(_group(call, row["name"], row["location"], row["tags"]))
    raise NotFoundError(
        f"Resource group {call.params['group']!r} could not be found.",
        code="ResourceGroupNotFound",
        remedy=names.nearest(call.params["group"], (row["name"] for row in rows)),
    )


class WorkspaceType(Type):
    """Workspaces and what stands above them."""

    def routes(self) -> Iterable[Route]:
        yield Route("GET", ARM, "{WS}", _get, "workspaces/read")
        yield Route("PATCH", ARM, "{WS}", _patch, "workspaces/write")
        yield Route("DELETE", ARM, "{WS}", _delete, "workspaces/delete")
        yield Route("POST", ARM, "{WS}/listKeys", _list_keys, "workspaces/listKeys/action")
        yield Route("GET", ARM, "/subscriptions", _subscriptions, "subscriptions/read")
        yield Route("GET", ARM, "/subscriptions/{subscription}", _get_subscription, "subscriptions/read")
        yield Route("GET", ARM, "/subscriptions/{subscription}" + PROVIDER, _list, "workspaces/read")
        groups = "/subscriptions/{subscription}/resourceGroups"
        yield Route("GET", ARM, groups, _groups, "resourceGroups/read")
        yield Route("GET", ARM, groups + "/{group}", _get_group, "resourceGroups/read")
        yield Route("GET", ARM, groups + "/{group}" + PROVIDER, _list, "workspaces/read")
        yield Route("GET", API, "/discovery/workspaces/{id}", _discovery, "")


TYPE = WorkspaceType("workspaces", "workspace")
