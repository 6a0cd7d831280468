"""Test calls of online endpoints through Jupyter Server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar

from jupyter_server.auth.decorator import authorized
from tornado import web  # type: ignore[attr-defined]  # tornado re-exports it without saying so

from jupyter_aml.client.rest import Rest
from jupyter_aml.client.scoring import SEGMENT, Scored, invoke, swagger
from jupyter_aml.errors import ResourceError
from jupyter_aml.server import places
from jupyter_aml.server.base import Handler
from jupyter_aml.server.openapi import operation, parameter

THREADS = ThreadPoolExecutor(4, "jupyter_aml-invoke")
"""Of their own: endpoints may take minutes, and what else a page asks does not wait for them."""


class InvokeHandler(Handler):
    """Test calls of an online endpoint: the server fetches its key and asks it, off the event loop."""

    operations: ClassVar = {
        "get": operation(
            "What an online endpoint says of its requests: its answer, whose body is a swagger document.",
            parameter("workspace", "ARM id of the workspace.", required=True),
            parameter("segment", f"{SEGMENT}.", required=True),
            parameter("name", "Name of the endpoint.", required=True),
        ),
        "post": operation(
            "Ask an online endpoint: status, headers, body and milliseconds of its answer.",
            body={
                "type": "object",
                "required": ["workspace", "segment", "name", "body"],
                "properties": {
                    "workspace": {"type": "string", "description": "ARM id of the workspace."},
                    "segment": {"type": "string", "enum": [SEGMENT]},
                    "name": {"type": "string", "description": "Name of the endpoint."},
                    "deployment": {"type": "string", "description": "Which one; by the traffic without it."},
                    "body": {"type": "string", "description": "JSON, as it is sent."},
                },
            },
        ),
    }

    @web.authenticated
    @authorized
    async def get(self) -> None:
        asked = {name: self.get_query_argument(name) for name in ("workspace", "segment", "name")}
        await self._answer(asked, lambda rest: swagger(rest, asked["name"]))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        given = self.get_json_body()
        asked = given if isinstance(given, dict) else {}
        for field in ("workspace", "segment", "name", "body"):
            if not isinstance(asked.get(field), str):
                raise ResourceError(f"{field} is missing; a text was expected.", code="UserError", target=field)
        name, body, deployment = asked["name"], asked["body"], str(asked.get("deployment") or "")
        await self._answer(asked, partial(invoke, name=name, body=body, deployment=deployment))

    async def _answer(self, asked: dict[str, Any], ask: Callable[[Rest], Scored]) -> None:
        if asked["segment"] != SEGMENT:
            msg = f"segment is '{asked['segment']}'; only {SEGMENT} answer at once."
            raise ResourceError(msg, code="UserError", target="segment")
        found = await asyncio.get_running_loop().run_in_executor(THREADS, _over, asked["workspace"], ask)
        self.finish(vars(found))


def _over(workspace: str, ask: Callable[[Rest], Scored]) -> Scored:
    """Ask with a connection that is let go of afterwards."""
    rest = Rest(places.connection(workspace))
    try:
        return ask(rest)
    finally:
        rest.close()
