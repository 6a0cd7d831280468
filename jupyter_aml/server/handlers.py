"""Azure ML's REST, read and changed through Jupyter Server by whoever is signed in to it.

`{base}/jupyter-aml/arm/<ARM path>` and `{base}/jupyter-aml/api/<run history path>` are answered by the local
workspace; `{base}/jupyter-aml/workspaces` lists what this store has. Every handler asks for Jupyter's authentication
and keeps its XSRF check.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web  # type: ignore[attr-defined]  # tornado re-exports it without saying so

from jupyter_aml.local.app import API_HOST, ARM_HOST, Service
from jupyter_aml.local.arm.http import Request, Response
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.store.catalogue import Store

HOSTS = {"arm": ARM_HOST, "api": API_HOST}


@cache
def service() -> Service:
    """The service over this user's store."""
    return Service(Store.open())


class Handler(APIHandler):
    """What all our handlers share."""

    auth_resource = "jupyter_aml"


class ServiceHandler(Handler):
    """Hands a request to the local service, off the event loop."""

    async def _pass_on(self, surface: str, path: str) -> None:
        url = f"https://{HOSTS[surface]}/{quote(path)}"
        if self.request.query:
            url += f"?{self.request.query}"
        local = service()
        request = Request.build(
            str(self.request.method),
            url,
            identity=tokens.local_identity(local.store),
            headers={"content-type": self.request.headers.get("Content-Type", "")},
            body=self.request.body or b"",
        )
        response = await asyncio.get_running_loop().run_in_executor(None, local.handle, request)
        self._answer(response)

    def _answer(self, response: Response) -> None:
        self.set_status(response.status)
        for name, value in response.headers.items():
            self.set_header(name, value)
        for piece in response.chunks():
            self.write(piece)
        self.finish()

    @web.authenticated
    @authorized
    async def get(self, surface: str, path: str) -> None:
        await self._pass_on(surface, path)

    @web.authenticated
    @authorized
    async def put(self, surface: str, path: str) -> None:
        await self._pass_on(surface, path)

    @web.authenticated
    @authorized
    async def post(self, surface: str, path: str) -> None:
        await self._pass_on(surface, path)

    @web.authenticated
    @authorized
    async def patch(self, surface: str, path: str) -> None:
        await self._pass_on(surface, path)

    @web.authenticated
    @authorized
    async def delete(self, surface: str, path: str) -> None:
        await self._pass_on(surface, path)


class WorkspacesHandler(Handler):
    """The workspaces of this user's store: name, group, ARM id."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        found = [
            {"name": entry.name, "resourceGroup": entry.group, "id": entry.arm_id}
            for entry in service().store.entries()
        ]
        self.finish({"value": found})


def routes(base_url: str) -> list[tuple[str, Any]]:
    """URL patterns and their handlers."""
    root = url_path_join(base_url, "jupyter-aml")
    return [
        (url_path_join(root, "workspaces"), WorkspacesHandler),
        (url_path_join(root, "(arm|api)", "(.+)"), ServiceHandler),
    ]
