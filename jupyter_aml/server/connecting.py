"""Connecting from a page: a workspace on this machine is made, one in Azure becomes a profile that is signed in to."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from jupyter_server.auth.decorator import authorized
from tornado import web  # type: ignore[attr-defined]  # tornado re-exports it without saying so

from jupyter_aml.client import targets
from jupyter_aml.client.keeping import TEXTS, kept, target_of, texts
from jupyter_aml.client.profiles import Profiles
from jupyter_aml.errors import ConnectError, NotFoundError, ResourceError
from jupyter_aml.local.arm import ids
from jupyter_aml.server import commands, places
from jupyter_aml.server.base import Handler
from jupyter_aml.server.openapi import operation, parameter

PROXIED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded")
PROFILE = parameter("profile", "Name of the profile.", required=True)
TOLD = "Its state: none, waiting, done or failed; way, url, code, message, expires and, once done, the workspace."


class ConnectHandler(Handler):
    """Makes a local workspace, or keeps a profile of Azure; forgets a profile."""

    operations: ClassVar = {
        "post": operation(
            "Make a workspace on this machine, or keep one in Azure as a profile: its id, place, profile and target.",
            body={
                "type": "object",
                "required": ["target"],
                "properties": {name: {"type": "string", "description": text} for name, text in TEXTS.items()},
            },
        ),
        "delete": operation("Forget a profile; the workspace stays as it is.", PROFILE),
    }

    @web.authenticated
    @authorized
    async def post(self) -> None:
        asked = texts(self.get_json_body())
        target = target_of(asked["target"])
        if target.kind == "local":
            self.finish(await self._local(asked["target"], asked["profile"]))
            return
        keep = partial(kept, target, asked, places.service().store.home, self._root())
        self.finish(await asyncio.get_running_loop().run_in_executor(None, keep))

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        name = self.get_query_argument("profile")
        try:
            Profiles(places.service().store.home).remove(name)
        except ConnectError as error:
            raise NotFoundError(error.message) from error
        places.signing().forget(name)
        places.away().forget(name)
        self.finish({"profile": name})

    async def _local(self, target: str, profile: str) -> dict[str, Any]:
        """Let `aml connect` make the workspace, as it does in a terminal."""
        words = ["connect", target, *(["--save", profile] if profile else []), "-o", "json"]
        running = commands.run(
            places.service().store.home, commands.anywhere(words), folder=self._root(), interpreter=sys.executable
        )
        ended = await running
        if ended.code:
            raise ResourceError(ended.error.strip() or "The workspace could not be made.", target="target")
        found = json.loads(ended.output)
        named = ids.workspace_id(found["subscription"], found["resource_group"], found["workspace"])
        return {"id": named, "place": targets.LOCAL, "profile": profile, "target": target}

    def _root(self) -> Path:
        return Path(str(self.settings.get("server_root_dir") or ".")).expanduser()


class SignInHandler(Handler):
    """Signs the person in to a profile of Azure."""

    operations: ClassVar = {
        "post": operation(
            f"Begin to sign in. {TOLD}",
            body={"type": "object", "required": ["profile"], "properties": {"profile": {"type": "string"}}},
        ),
        "get": operation(f"How far a sign-in has come. {TOLD}", PROFILE),
        "delete": operation(f"Cancel a sign-in. {TOLD}", PROFILE),
    }

    @web.authenticated
    @authorized
    async def post(self) -> None:
        name = texts(self.get_json_body(), ("profile",))["profile"]
        if not name:
            raise ResourceError("profile is missing; the name of one was expected.", target="profile")
        self.finish(vars(places.signing().start(name, beside=self._beside())))

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.finish(vars(places.signing().state(self.get_query_argument("profile"))))

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        self.finish(vars(places.signing().cancel(self.get_query_argument("profile"))))

    def _beside(self) -> bool:
        """Whether the page is on the server's own machine: its browser is the one that the server would open."""
        if any(name in self.request.headers for name in PROXIED):
            return False
        try:
            return ipaddress.ip_address(str(self.request.remote_ip)).is_loopback
        except ValueError:
            return False
