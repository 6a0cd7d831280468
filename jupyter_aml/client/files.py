"""`azureml://` for fsspec, and so for pandas, polars, dask and pyarrow: the files of the connected workspace.

A URI that names a workspace is answered by that one, here or in Azure; a short one by the connected workspace, or by
the one that `connect()` means when nothing is connected. What is local is read straight from the store's files; what
is in Azure goes to Microsoft's own package `azureml-fsspec`, if that is installed.

fsspec finds the class by the entry point of the installed package. `%load_ext jupyter_aml` and `connect()` register
it as well, for a checkout without entry points, and to stand before `azureml-fsspec` where both are installed: that
one knows nothing of local workspaces, while this one hands it what is Azure's. A process that does neither keeps what
fsspec finds first.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from jupyter_aml.agent import files, relay
from jupyter_aml.agent.files import Answer, Door, Foreign, Place
from jupyter_aml.client import adopt as adoption
from jupyter_aml.client import connect, services
from jupyter_aml.client.connection import Connection
from jupyter_aml.errors import ConnectError
from jupyter_aml.local.app import Service
from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.store.catalogue import default_home

_BAD = 400
_ARTIFACTS = re.compile(r"jobs/([^/]+)/outputs/(?:artifacts|default)/paths(?:/(.*))?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class ServiceDoor(Door):
    """The service in this process."""

    service: Service
    identity: Identity

    def send(
        self, method: str, host: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        request = Request.build(method, f"https://{host}{target}", identity=self.identity, headers=headers, body=body)
        response = self.service.handle(request)
        lowered = {name.lower(): value for name, value in response.headers.items()}
        if response.stream is None:
            return Answer(response.status, lowered, io.BytesIO(response.body))
        if response.status == 206:  # noqa: PLR2004 - Partial Content: the stream goes on behind it
            with response.stream as stream:
                return Answer(response.status, lowered, io.BytesIO(stream.read(response.length)))
        return Answer(response.status, lowered, response.stream)

    def whole(self, place: Place) -> IO[bytes] | None:
        answer = self.blob("GET", place)
        if answer.status < _BAD:
            return answer.stream
        answer.stream.close()
        return None


class AzureMLFileSystem(files.JobFiles):
    """The file system of this process: see the module."""

    def _home(self, path: str) -> Door | Foreign:
        scope = files.scope_of(path)
        found = _named(scope) if scope else None
        if found is not None:
            return found
        if scope and adoption.current() is None:
            if relay.given() is not None:
                return super()._home(path)
            _refuse_when_offline(path)
            return files.foreign(path)
        if connect.current() is None and relay.given() is not None:
            return super()._home(path)
        made = adoption.current() or connect.current() or connect.connection(connect.connect())
        if made.service is not None:
            return _door(made.service, made.workspace_path, made)
        _refuse_when_offline(path)
        return files.foreign(path, _in_azure(path, made))


def _named(scope: str) -> Door | None:
    """The door to the local workspace of an ARM id, of the stores that are open and of the default one."""
    _, _, subscription, _, group, _, _, _, workspace = scope.split("/")
    opened = services.opened()
    home = default_home()
    if (home / "store.db").exists() and all(service.store.home != home for service in opened):
        opened = [*opened, services.service(home)]
    for service in opened:
        entry = service.store.entry(subscription, group, workspace)
        if entry is not None:
            return _door(service, entry.arm_id, connect.current())
        if subscription.lower() == service.store.subscription_id.lower():
            raise ConnectError(
                f"The local subscription has no workspace {group}/{workspace}.",
                remedy=f"Type connect('local:{workspace}').",
            )
    return None


def _door(service: Service, workspace: str, made: Connection | None) -> Door:
    """The service's door for whoever is connected to it, else for the user of the operating system."""
    held = made.credential if made is not None and made.service is service else None
    identity = getattr(held, "identity", None) or tokens.local_identity(service.store)
    return ServiceDoor(workspace, service, identity)


def _in_azure(path: str, made: Connection) -> str:
    """A short path with the connection's names.

    Raises:
        ConnectError: It is an output of a job, which Microsoft's file system does not know.
    """
    artifact = _ARTIFACTS.fullmatch(path)
    if artifact is not None:
        run = f"ExperimentRun/dcid.{artifact[1]}/{artifact[2] or ''}".rstrip("/")
        path = f"datastores/workspaceartifactstore/paths/{run}"
    if path.startswith("datastores/"):
        place = f"subscriptions/{made.subscription}/resourcegroups/{made.group}/workspaces/{made.workspace}"
        return f"{place}/{path}"
    if path.startswith("jobs/"):
        uri = files.uri_of(path)
        raise ConnectError(
            f"{uri} is an output of a job in Azure, which cannot be read as a file system.",
            remedy=f"Type %aml cp {uri} . --recursive",
        )
    return path


def _refuse_when_offline(path: str) -> None:
    if connect.offline():
        raise ConnectError(
            f"{files.uri_of(path)} is in Azure, and {connect.OFFLINE}=1 keeps this process offline.",
            remedy=f"Name a path of the local workspace, or unset {connect.OFFLINE}.",
        )
