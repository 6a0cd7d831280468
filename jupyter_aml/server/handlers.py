"""Azure ML's REST, and what a page needs beside it, through Jupyter Server, for whoever is signed in to it.

Below `{base}/jupyter-aml/`: `arm/<ARM path>` and `api/<run history path>` are answered by the local workspace, or by
Azure for the workspaces that profiles name. `workspaces` lists what there is, `log` reads a growing log, `card` draws
a job as notebooks keep it, `state` says how far the events have come, `sections` what a panel shows, `commands` is the
command table, and a POST to it runs a verb; `connect` makes a workspace or keeps a profile, `sign-in` signs in to it;
`invoke` asks an online endpoint; `openapi.json` describes all of it. Every handler asks for Jupyter's authentication
and keeps its XSRF check.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado import web  # type: ignore[attr-defined]  # tornado re-exports it without saying so

from jupyter_aml.client import reach, targets
from jupyter_aml.commands.actions import jobs, pieces
from jupyter_aml.errors import NotFoundError, ResourceError
from jupyter_aml.local.app import API_HOST, ARM_HOST
from jupyter_aml.local.arm.http import Request, Response
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.store.watching import Watcher
from jupyter_aml.server import cards, cloud, commands, connecting, openapi, places, scoring
from jupyter_aml.server.base import Handler
from jupyter_aml.server.openapi import operation, parameter

HOSTS = {"arm": ARM_HOST, "api": API_HOST}
WATCHER = "jupyter_aml_watcher"
"""Name of the watcher among the settings of the web application."""
METHODS = ("get", "put", "post", "patch", "delete")
LONGEST_WAIT, LOOK, LOOK_AWAY = 30.0, 0.1, 2.0
"""Seconds for which a log may be waited for, and between two looks at it, here and in Azure."""
PYTHON = re.compile(r"^python[\d.]*$")
"""A kernel that names no interpreter gets Jupyter's own. Source: jupyter_client, LocalProvisioner."""
WORKSPACE = parameter("workspace", "ARM id of the workspace.", required=True)


class ServiceHandler(Handler):
    """Hands a request to the local service, off the event loop."""

    operations: ClassVar = {
        method: operation(f"{method.upper()} of Azure ML's REST; the query is passed on.") for method in METHODS
    }

    async def _pass_on(self, surface: str, path: str) -> None:
        reach.check_secret(str(self.request.method), path)
        named = cloud.subscription(path)
        if named and not places.service().store.owns(named):
            await self._away(surface, path)
            return
        url = f"https://{HOSTS[surface]}/{quote(path)}"
        if self.request.query:
            url += f"?{self.request.query}"
        request = Request.build(
            str(self.request.method),
            url,
            identity=tokens.local_identity(places.service().store),
            headers={"content-type": self.request.headers.get("Content-Type", "")},
            body=self.request.body or b"",
        )
        response = await asyncio.get_running_loop().run_in_executor(None, places.service().handle, request)
        self._answer(response)

    async def _away(self, surface: str, path: str) -> None:
        """Pass a request on to Azure, off the event loop."""
        request = self.request
        asked = partial(
            places.away().send,
            str(request.method),
            path,
            surface=surface,
            query=request.query,
            body=request.body or b"",
            headers=dict(request.headers),
        )
        answer = await asyncio.get_running_loop().run_in_executor(None, asked)
        self.set_status(answer.status)
        for name in cloud.PASSED:
            if name in answer.headers:
                self.set_header(name, answer.headers[name])
        self.finish(answer.content)

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
    """The workspaces of this user: those of the store, and those that profiles of Azure name."""

    operations: ClassVar = {
        "get": operation("The workspaces: name, resourceGroup, id and place (LOCAL or AZURE) of each, and its profile.")
    }

    @web.authenticated
    @authorized
    async def get(self) -> None:
        found = [
            {"name": one.name, "resourceGroup": one.group, "id": one.arm_id, "place": targets.LOCAL, "profile": ""}
            for one in places.service().store.entries()
        ]
        self.finish({"value": [*found, *places.away().workspaces()]})


class LogHandler(Handler):
    """A growing log, by byte offset."""

    operations: ClassVar = {
        "get": operation(
            "A piece of a job's log: text, offset, next, size, and whether the job is final.",
            WORKSPACE,
            parameter("job", "Name of the job.", required=True),
            parameter("file", "Which log, such as user_logs/std_log.txt; by default the main one."),
            parameter("offset", "From which byte; a negative one counts from the end.", kind="integer"),
            parameter("wait", "For how many seconds to wait for more; 0 by default.", kind="number"),
        )
    }

    @web.authenticated
    @authorized
    async def get(self) -> None:
        workspace = self.get_query_argument("workspace")
        job, file = self.get_query_argument("job"), self.get_query_argument("file", "")
        offset, wait = int(self._number("offset", 0)), min(self._number("wait", 0), LONGEST_WAIT)
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        reader = await loop.run_in_executor(None, _reader, workspace)
        try:
            while True:
                piece, final = await loop.run_in_executor(None, pieces.piece, reader, job, file, offset)
                if piece.text or final or loop.time() >= until or self.request.connection.stream.closed():
                    break
                await asyncio.sleep(LOOK if reader.local else LOOK_AWAY)
        finally:
            reader.rest.close()
        self.finish({**vars(piece), "final": final})


class CardHandler(Handler):
    """A job's card in its static forms, as a notebook keeps them."""

    operations: ClassVar = {
        "get": operation(
            "The MIME bundle of a job's card: text/plain, text/html and the live form.",
            WORKSPACE,
            parameter("job", "Name of the job.", required=True),
        )
    }

    @web.authenticated
    @authorized
    async def get(self) -> None:
        workspace, job = self.get_query_argument("workspace"), self.get_query_argument("job")
        self.finish(await asyncio.get_running_loop().run_in_executor(None, _card, workspace, job))


class StateHandler(Handler):
    """How far the events have come."""

    operations: ClassVar = {
        "get": operation("Instance and sequence of the latest event: whoever has seen another one has missed some.")
    }

    @web.authenticated
    @authorized
    async def get(self) -> None:
        watcher: Watcher | None = self.settings.get(WATCHER)
        if watcher is None:
            raise ResourceError("The store is not watched.", status=503, code="ServiceUnavailable")
        self.finish({"instance": watcher.instance, "sequence": watcher.sequence})


class SectionsHandler(Handler):
    """What a panel shows of a workspace."""

    operations: ClassVar = {"get": operation("The resource types that a workspace lists, with their verbs.")}

    @web.authenticated
    @authorized
    async def get(self) -> None:
        from jupyter_aml.server import words

        self.finish({"value": words.sections()})


class CommandsHandler(Handler):
    """The command table, and what runs a verb of it."""

    operations: ClassVar = {
        "get": operation("Every noun with its verbs, flags and positionals."),
        "post": operation(
            "Run a verb as `aml` does; code, output and error of it.",
            body={
                "type": "object",
                "required": ["workspace", "words"],
                "properties": {
                    "workspace": {"type": "string", "description": "ARM id of the workspace."},
                    "words": {"type": "array", "items": {"type": "string"}, "description": "Noun, verb, flags."},
                    "body": {"type": "string", "description": "What the verb reads from its standard input."},
                    "kernel": {"type": "string", "description": "Name of the kernel whose interpreter runs it."},
                },
            },
        ),
    }

    @web.authenticated
    @authorized
    async def get(self) -> None:
        from jupyter_aml.server import words

        self.finish({"value": words.table()})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        asked = self.get_json_body()
        words = asked.get("words") if isinstance(asked, dict) else None
        body = asked.get("body") if isinstance(asked, dict) else None
        if not words or not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ResourceError("words is missing; a list of words was expected.", code="UserError", target="words")
        if body is not None and not isinstance(body, str):
            raise ResourceError("body is no text.", code="UserError", target="body")
        workspace = str(asked.get("workspace") or "")
        line = await self._line(workspace, words)
        home, folder = places.service().store.home, self._root()
        interpreter = self._interpreter(str(asked.get("kernel") or ""))
        running = commands.run(home, line, body=body, folder=folder, interpreter=interpreter)
        self._task = asyncio.ensure_future(running)
        try:
            ended = await self._task
        except asyncio.CancelledError:
            return
        self.finish(vars(ended))

    async def _line(self, workspace: str, words: list[str]) -> list[str]:
        """What Python runs for words of `aml` in a workspace, here or in Azure."""
        if places.here(workspace):
            return commands.here(words, places.entry_of(workspace))
        look = partial(places.away().signed_in, workspace)
        return commands.away(words, await asyncio.get_running_loop().run_in_executor(None, look))

    def _root(self) -> Path:
        """The folder that the server serves."""
        return Path(str(self.settings.get("server_root_dir") or ".")).expanduser()

    def _interpreter(self, kernel: str) -> str:
        """The interpreter of a kernel, this server's own for an empty name."""
        if not kernel:
            return sys.executable
        try:
            named = str(self.kernel_spec_manager.get_kernel_spec(kernel).argv[0])
        except NoSuchKernel as error:
            known = ", ".join(sorted(self.kernel_spec_manager.find_kernel_specs()))
            raise NotFoundError(f"There is no kernel '{kernel}'; there are {known}.") from error
        return sys.executable if PYTHON.match(named) else named

    def on_connection_close(self) -> None:
        """Nobody waits any more: the command is ended."""
        task = getattr(self, "_task", None)
        if task is not None:
            task.cancel()


class OpenapiHandler(Handler):
    """The OpenAPI document."""

    operations: ClassVar = {"get": operation("This document.")}

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(openapi.document(self.base_url, PATHS)))


def _reader(workspace: str) -> jobs.Reader:
    """What reads a workspace's jobs; a connection may take a while to open."""
    return jobs.Reader(places.connection(workspace))


def _card(workspace: str, job: str) -> dict[str, Any]:
    return cards.bundle(places.connection(workspace), job)


PATHS: tuple[tuple[str, Any], ...] = (
    ("jupyter-aml/workspaces", WorkspacesHandler),
    ("jupyter-aml/log", LogHandler),
    ("jupyter-aml/card", CardHandler),
    ("jupyter-aml/state", StateHandler),
    ("jupyter-aml/sections", SectionsHandler),
    ("jupyter-aml/commands", CommandsHandler),
    ("jupyter-aml/connect", connecting.ConnectHandler),
    ("jupyter-aml/sign-in", connecting.SignInHandler),
    ("jupyter-aml/invoke", scoring.InvokeHandler),
    ("jupyter-aml/openapi.json", OpenapiHandler),
    ("jupyter-aml/{surface}/{path}", ServiceHandler),
)
_PATTERNS = {"{surface}": "(arm|api)", "{path}": "(.+)"}


def routes(base_url: str) -> list[tuple[str, Any]]:
    """URL patterns and their handlers."""
    found = []
    for path, handler in PATHS:
        parts = [_PATTERNS.get(part, part.replace(".", r"\.")) for part in path.split("/")]
        found.append((url_path_join(base_url, *parts), handler))
    return found
