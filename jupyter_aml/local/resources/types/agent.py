"""What is asked beside Azure's protocol: tokens for the SDK inside a job, the names answered here, a URI's place."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aml.errors import NotFoundError, NotOfflineError, ResourceError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.jobs import locate, uris
from jupyter_aml.local.resources.base import API, Call, Route, Type


def _token(call: Call) -> Response:
    """A token for another audience, with the asker's own identity, job and workspace."""
    body = call.request.json
    scope = body.get("scope") if isinstance(body, dict) else None
    if not isinstance(scope, str) or not scope:
        raise ResourceError(
            "The body names no scope.",
            code="InvalidRequestContent",
            target="scope",
            remedy='Send {"scope": "https://management.azure.com/.default"}.',
        )
    audience = scope.removesuffix("/.default").rstrip("/") or scope
    token = tokens.issue(call.store, call.identity, audience=audience)
    return Response.of({"token": token, "expires_on": int(call.now + tokens.LIFETIME)})


def _names(call: Call) -> Response:
    """Subscriptions and storage accounts of the store, in lower case."""
    entries = call.store.entries()
    subscriptions = {entry.subscription.lower() for entry in entries} | {call.store.subscription_id.lower()}
    return Response.of(
        {
            "subscriptions": sorted(subscriptions),
            "accounts": sorted(entry.account.lower() for entry in entries),
        }
    )


def _place(call: Call) -> Response:
    """Where the files behind a URI are, and whether they may be written; an asset's short name is data or a model."""
    body = call.request.json
    uri = body.get("uri") if isinstance(body, dict) else None
    if not isinstance(uri, str) or not uri:
        raise ResourceError(
            "The body names no URI.",
            code="InvalidRequestContent",
            target="uri",
            remedy='Send {"uri": "azureml://datastores/workspaceblobstore/paths/"}.',
        )
    found = _located(call, uri)
    if isinstance(found, locate.Elsewhere):
        raise NotOfflineError(f"{uri} stands for {found.uri}, which is not here.", remedy="Read that address itself.")
    account = call.workspace.entry.account
    writable = not found.asset
    return Response.of({"account": account, "container": found.container, "name": found.name, "writable": writable})


def _located(call: Call, uri: str) -> locate.Place | locate.Elsewhere:
    with call.workspace.database.read() as reader:
        if not isinstance(uris.parse(uri), uris.Asset):
            return locate.find(call.workspace, reader, uri, "uri_folder", "The path")
        try:
            return locate.find(call.workspace, reader, uri, "uri_folder", "The path")
        except NotFoundError:
            try:
                return locate.find(call.workspace, reader, uri, "custom_model", "The path")
            except NotFoundError:
                pass
            raise


class _Agent(Type):
    def routes(self) -> Iterable[Route]:
        return (
            Route("POST", API, "/_aml/token", _token, "workspaces/read"),
            Route("GET", API, "/_aml/names", _names, "workspaces/read"),
            Route("POST", API, "/_aml{WS}/place", _place, "workspaces/datastores/read"),
        )


TYPE = _Agent("agent", "agent")
