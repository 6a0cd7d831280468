"""ARM deployments: the way in which the SDK makes a workspace; of a template only its parameters count here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_aml.errors import ConflictError, NotFoundError, ResourceError
from jupyter_aml.local.arm import times
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import names, workspace_words
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.store.catalogue import LOCATION

ONE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{name}"
OPERATIONS = "/subscriptions/{subscription}/resourceGroups/{group}/deployments/{name}/operations"
KINDS = ("", "default")


def _put(call: Call) -> Response:
    """Make the workspace that the parameters describe."""
    if call.params["subscription"].lower() != call.store.subscription_id:
        raise NotFoundError(
            f"The subscription {call.params['subscription']!r} is not here.", code="SubscriptionNotFound"
        )
    given = {
        key: value.get("value")
        for key, value in (call.properties().get("parameters") or {}).items()
        if isinstance(value, dict)
    }
    name, kind = str(given.get("workspaceName") or ""), str(given.get("kind") or "").lower()
    if not name or kind not in KINDS:
        raise ResourceError(
            f"A deployment of {kind or 'something that is no workspace'} is not answered by the local workspace.",
            status=501,
            code="NotImplemented",
            remedy="Make a workspace of the kind default, or run it against Azure.",
        )
    names.WORKSPACE.check(name, "workspace")
    group = call.params["group"]
    if call.store.entry(call.store.subscription_id, group, name) is not None:
        raise ConflictError(f"The workspace {group}/{name} exists already.", remedy=f"%aml connect local:{name}")
    entry = call.store.create(name, group, location=str(given.get("location") or LOCATION))
    workspace_words.keep(call, call.store.workspace(entry), {
        "friendlyName": given.get("friendlyName"), "description": given.get("description"),
    }, given.get("tagValues"))  # fmt: skip
    return Response.of(_deployment(call), 201)


def _get(call: Call) -> Response:
    """A deployment is done as soon as it is sent."""
    return Response.of(_deployment(call))


def _operations(call: Call) -> Response:
    del call
    return Response.of({"value": []})


def _deployment(call: Call) -> dict[str, Any]:
    group = f"/subscriptions/{call.store.subscription_id}/resourceGroups/{call.params['group']}"
    return {
        "id": f"{group}/providers/Microsoft.Resources/deployments/{call.params['name']}",
        "name": call.params["name"],
        "type": "Microsoft.Resources/deployments",
        "properties": {
            "provisioningState": "Succeeded",
            "mode": "Incremental",
            "timestamp": times.iso(call.now),
            "duration": "PT0S",
        },
    }


class DeploymentType(Type):
    """Deployments of one workspace each."""

    def routes(self) -> Iterable[Route]:
        yield Route("PUT", ARM, ONE, _put, "workspaces/write")
        yield Route("GET", ARM, ONE, _get, "workspaces/read")
        yield Route("GET", ARM, OPERATIONS, _operations, "workspaces/read")


TYPE = DeploymentType("deployments", "deployment")
