"""Traces of the requests that online endpoints have answered: rows of the workspace's application insights.

A route of the local workspace alone; in Azure the rows are asked of Application Insights in its own language.
"""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import times
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.resources import changes, served
from jupyter_aml.local.resources.base import ARM, Call, Route, Type
from jupyter_aml.local.serving.online import insights, states

SEGMENT = "requests"
LINES = 100


def _requests(call: Call) -> Response:
    """The newest requests, oldest first: of an endpoint or of a deployment, `tail` of them, within `timespan`."""
    record = served.asked(call)
    count = changes.tail(call.query("tail"), LINES, insights.MOST)
    since, until = _span(call.query("timespan"))
    rows = insights.requests(call.workspace, record.name, record.version, tail=count, since=since, until=until)
    return Response.of({"value": rows})


def _span(text: str) -> tuple[str, str]:
    """Beginning and end of `2026-01-31T12:00:00Z/2026-01-31T13:00:00Z` in UTC; either may be empty.

    Raises:
        ResourceError: One is no time (400).
    """
    begin, _, end = text.partition("/")
    try:
        found = [times.iso(times.epoch(part))[:19] + "Z" if part else "" for part in (begin, end)]
    except ValueError as error:
        msg = f"timespan is {text!r}; BEGIN/END in ISO 8601 was expected."
        raise ResourceError(msg, code="BadRequest", target="timespan") from error
    return found[0], found[1]


class ServingRequests(Type):
    """Request rows below the ids of endpoints and deployments."""

    def routes(self) -> Iterable[Route]:
        endpoint, action = f"{{WS}}/{states.ENDPOINTS}/{{endpoint}}", f"workspaces/{states.ENDPOINTS}/read"
        yield Route("GET", ARM, f"{endpoint}/requests", _requests, action)
        yield Route("GET", ARM, f"{endpoint}/deployments/{{deployment}}/requests", _requests, action)


TYPE = ServingRequests(SEGMENT, "request")
