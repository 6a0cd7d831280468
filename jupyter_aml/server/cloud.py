"""Workspaces in Azure for the pages of Jupyter Server: Azure's REST, with the credential of the server's user.

A workspace in Azure is known by its profile. Tokens come from what needs nobody (a service principal, a managed
identity, `az login`) or from a sign-in that a notebook has kept; they never reach the page.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_aml.client import connect, reach, targets
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.rest import SAFE, Answer, Rest
from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.arm import ids

PASSED = ("content-type", "retry-after", "azure-asyncoperation", "location", "etag", "x-ms-request-id")
"""Headers of an answer that a page may need."""
PLACES = ("subscriptions", "resourcegroups", "workspaces")
Names = tuple[str, str, str]
OPERATION = re.compile(
    r"subscriptions/[^/]+/providers/Microsoft\.MachineLearningServices/locations/[^/]+/\w*operations?(status|results?)/[^/]+$",
    re.IGNORECASE,
)
"""An operation that goes on; its address names a subscription, and no workspace."""


class Cloud:
    """Passes requests on to Azure.

    Args:
        home: The store's folder, which keeps the profiles.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._held: dict[Profile, Rest] = {}
        self._latest: dict[Names, str] = {}
        self._lock = threading.Lock()

    def workspaces(self) -> list[dict[str, Any]]:
        """Those that a profile names: name, resourceGroup, id, place, profile."""
        found = []
        for profile in self._profiles():
            target = targets.parse(profile.target)
            named = ids.workspace_id(target.subscription, target.group, target.workspace)
            if target.workspace and profile == self.profile(named):
                found.append(
                    {
                        "name": target.workspace,
                        "resourceGroup": target.group,
                        "id": named,
                        "place": targets.AZURE,
                        "profile": profile.name,
                    }
                )
        return found

    def hold(self, profile: Profile, connection: Connection) -> None:
        """From now on reach the workspace of a profile by this connection, which has been signed in."""
        with self._lock:
            before = self._held.get(profile)
            self._held[profile] = Rest(connection)
            self._latest[_names(profile)] = profile.name
        if before is not None:
            before.close()

    def forget(self, name: str) -> None:
        """Let go of the connection of a profile."""
        with self._lock:
            gone = [self._held.pop(profile) for profile in list(self._held) if profile.name == name]
        for rest in gone:
            rest.close()

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
            ResourceError: Azure refuses, or the path leads out of the workspace or to a secret.
            ConnectError: Nobody has signed in, the rules forbid the cloud, or it cannot be reached.
        """
        rest = self._rest(path)
        if not (surface == reach.ARM and OPERATION.match(path)):
            reach.check(method, surface, path, rest.connection.workspace_path)
        base = rest.connection.cloud.arm if surface == "arm" else rest.services()
        url = f"{base}/{quote(path, safe=SAFE)}"
        content_type = (headers or {}).get("Content-Type", "")
        return rest.request(
            method,
            f"{url}?{query}" if query else url,
            body=body,
            headers={"Content-Type": content_type} if body and content_type else None,
        )

    def connection(self, path: str) -> Connection:
        """The connection of the profile whose workspace a path, or an ARM id, names.

        Raises:
            NotFoundError: No profile names it.
        """
        return self._rest(path.lstrip("/")).connection

    def signed_in(self, path: str) -> Profile:
        """The profile whose workspace a path names, when a token can be had without a person.

        Raises:
            NotFoundError: No profile names it.
            ConnectError: Nobody has signed in, or the rules forbid the cloud.
        """
        connection = self.connection(path)
        connection.credential.get_token(f"{connection.cloud.arm}/.default")
        return self.profile(path)

    def profile(self, path: str) -> Profile:
        """The profile whose workspace a path names; of several the one that was signed in to last, else the first.

        Raises:
            NotFoundError: No profile names it.
        """
        path = path.lstrip("/")
        named, profiles = _workspace(path), self._profiles()
        depth = 1 if OPERATION.match(path) else len(PLACES)
        found = [one for one in profiles if _names(one)[:depth] == named[:depth]]
        if found:
            return next((one for one in found if one.name == self._latest.get(named)), found[0])
        known = ", ".join(profile.name for profile in profiles) or "none"
        raise NotFoundError(
            f"No local workspace and no profile has the address /{path}; profiles of Azure are {known}.",
            remedy="Connect to it from the panel in JupyterLab, or with `%aml connect azure:SUB/RG/WS --save NAME`.",
        )

    def _profiles(self) -> list[Profile]:
        """Those of Azure that name a workspace."""
        found = [one for one in Profiles(self._home).list() if one.place == targets.AZURE]
        return [one for one in found if targets.parse(one.target).subscription]

    def _rest(self, path: str) -> Rest:
        profile = self.profile(path)
        with self._lock:
            if profile not in self._held:
                self._held[profile] = Rest(connect.opened(profile, self._home))
            return self._held[profile]


def subscription(path: str) -> str:
    """The subscription that a path names, in lower case; empty where it names none."""
    return _workspace(path)[0]


def _names(profile: Profile) -> Names:
    """Subscription, group and workspace of a profile, in lower case."""
    target = targets.parse(profile.target)
    return target.subscription.lower(), target.group.lower(), target.workspace.lower()


def _workspace(path: str) -> Names:
    """Subscription, group and workspace that a path names, in lower case; empty where it names none."""
    words = path.lower().split("/")
    found = [words[words.index(place) + 1] if place in words[:-1] else "" for place in PLACES]
    return found[0], found[1], found[2]
