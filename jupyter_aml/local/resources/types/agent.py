"""What the agent inside a job asks the loopback door: tokens for the SDK, and the names that are answered here."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.authz import tokens
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


class _Agent(Type):
    def routes(self) -> Iterable[Route]:
        return (
            Route("POST", API, "/_aml/token", _token, "workspaces/read"),
            Route("GET", API, "/_aml/names", _names, "workspaces/read"),
        )


TYPE = _Agent("agent", "agent")
