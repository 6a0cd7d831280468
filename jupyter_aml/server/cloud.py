"""Workspaces in Azure for the pages of Jupyter Server: Azure's REST, with the credential of the server's user.

A workspace in Azure is known by its profile. Tokens come from what needs nobody (a service principal, a managed
identity, `az login`) or from a sign-in that a notebook has kept; they never reach the page.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_aml.client import connect, targets
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.rest import Answer, Rest
from jupyter_aml.commands.actions import jobs
from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.arm import ids
from jupyter_aml.local.jobs.logs import MOST, Piece, decode

SAFE = "/:@$,;=+!*()~"
PASSED = ("content-type", "retry-after", "azure-asyncoperation", "location", "etag", "x-ms-request-id")
"""Headers of an answer that a page may need."""
PLACES = ("subscriptions", "resourcegroups", "workspaces")


class Cloud:
    """Passes requests on to Azure.

    Args:
        home: The store's folder, which keeps the profiles.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._held: dict[Profile, Rest] = {}
        self._lock = threading.Lock()

    def workspaces(self) -> list[dict[str, Any]]:
        """Those that a profile names: name, resourceGroup, id, place, profile."""
        found = []
        for profile in Profiles(self._home).list():
            if profile.place != targets.AZURE:
                continue
            target = targets.parse(profile.target)
            if target.subscription and target.workspace:
                found.append(
                    {
                        "name": target.workspace,
                        "resourceGroup": target.group,
                        "id": ids.workspace_id(target.subscription, target.group, target.workspace),
                        "place": targets.AZURE,
                        "profile": profile.name,
                    }
                )
        return found

    def send(
        self,
        method: str,
        path: str,
        *,
        surface: str = "arm",
        query: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request with the credential of the workspace's profile.

        Args:
            method: Such as `GET`.
            path: Below the surface's address, not quoted.
            surface: `arm` for Resource Manager, `api` for the workspace's own services.
            query: As it was sent.
            body: As it was sent.
            headers: Of the request; its content type is passed on.

        Raises:
            NotFoundError: No profile names a workspace of this path's subscription.
            ResourceError: Azure refuses.
            ConnectError: Nobody has signed in, the rules forbid the cloud, or it cannot be reached.
        """
        rest = self._rest(path)
        base = rest.connection.cloud.arm if surface == "arm" else rest.services()
        url = f"{base}/{quote(path, safe=SAFE)}"
        content_type = (headers or {}).get("Content-Type", "")
        return rest.request(
            method,
            f"{url}?{query}" if query else url,
            body=body,
            headers={"Content-Type": content_type} if body and content_type else None,
        )

    def log(self, arm_id: str, job: str, file: str = "", offset: int = 0) -> tuple[Piece, bool]:
        """A piece of a log in Azure, as `local.jobs.logs.read` gives it, and whether the job has ended.

        Raises:
            NotFoundError: No profile names the workspace.
            ResourceError: There is no such job, or Azure refuses.
        """
        reader = jobs.Reader(self.connection(arm_id))
        final = reader.status(job) in jobs.FINAL  # before the log, so that an ended job's log is whole
        files = reader.log_files(job)
        wanted = file or next((name for name in jobs.MAIN_LOGS if name in files), "")
        if wanted not in files:
            return Piece(wanted, "", 0, 0, 0), final
        _, size = reader.bytes_of(files[wanted], 0, 0)
        begin = min(offset, size) if offset >= 0 else max(size + offset, 0)
        found = b""
        if begin < size:
            found, size = reader.bytes_of(files[wanted], begin, begin + MOST - 1)
        if offset < 0 < begin:
            skipped = found.find(b"\n") + 1
            found, begin = found[skipped:], begin + skipped
        text, whole = decode(found, ends=final and begin + len(found) >= size)
        return Piece(wanted, text, begin, begin + whole, size), final

    def connection(self, path: str) -> Connection:
        """The connection of the profile whose workspace a path, or an ARM id, names.

        Raises:
            NotFoundError: No profile names it.
        """
        return self._rest(path.lstrip("/")).connection

    def _rest(self, path: str) -> Rest:
        named = _workspace(path)
        profiles = [one for one in Profiles(self._home).list() if one.place == targets.AZURE]
        for profile in profiles:
            target = targets.parse(profile.target)
            if (target.subscription.lower(), target.group.lower(), target.workspace.lower()) == named:
                with self._lock:
                    if profile not in self._held:
                        self._held[profile] = Rest(connect.opened(profile, self._home))
                    return self._held[profile]
        known = ", ".join(profile.name for profile in profiles) or "none"
        raise NotFoundError(
            f"No local workspace and no profile has the address /{path}; profiles of Azure are {known}.",
            remedy="Type `%aml connect azure:SUB/RG/WS --save NAME` in a notebook, then repeat.",
        )


def subscription(path: str) -> str:
    """The subscription that a path names, in lower case; empty where it names none."""
    return _workspace(path)[0]


def _workspace(path: str) -> tuple[str, str, str]:
    """Subscription, group and workspace that a path names, in lower case; empty where it names none."""
    words = path.lower().split("/")
    found = [words[words.index(place) + 1] if place in words[:-1] else "" for place in PLACES]
    return found[0], found[1], found[2]
