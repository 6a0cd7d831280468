"""Where a workspace's containers and blobs are on disk.

The blob `ExperimentRun/dcid.<job>/<path>` of the container `azureml` is the file `runs/<job>/<path>`; all others
are below `blobs/<account>/<container>`.
"""

# ruff: noqa: PTH112, PTH118 - paths are strings: this runs for each request and file
from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Protocol

from jupyter_aml.errors import ConflictError, NotFoundError
from jupyter_aml.local.store import blob_files, blob_names, blob_rows
from jupyter_aml.local.store.blob_files import refusal
from jupyter_aml.local.store.database import Database

ARTIFACTS = "azureml"
RUNS = "ExperimentRun/"
RUN = RUNS + "dcid."


class Place(Protocol):
    """Where a workspace stands; see `catalogue.Entry`."""

    @property
    def id(self) -> str: ...
    @property
    def account(self) -> str: ...


class Owner(Protocol):
    """What the blobs need of their workspace."""

    @property
    def folder(self) -> Path: ...
    @property
    def database(self) -> Database: ...
    @property
    def entry(self) -> Place: ...


class Spot(NamedTuple):
    """A blob's names and its file: a real folder that no link may leave, and the path below it."""

    container: str
    name: str
    root: str
    relative: str


class Places:
    """Containers and paths of one workspace.

    Args:
        workspace: Its folder, database, GUID and account name.
    """

    def __init__(self, workspace: Owner) -> None:
        folder = os.path.realpath(workspace.folder)
        self.account = workspace.entry.account
        self.standing = frozenset({ARTIFACTS, f"azureml-blobstore-{workspace.entry.id}"})
        self._database = workspace.database
        self._blobs = os.path.realpath(os.path.join(folder, "blobs"))
        self._runs = os.path.realpath(os.path.join(folder, "runs"))
        self._incoming = os.path.join(self._blobs, blob_files.INCOMING)

    def locate(self, container: str, name: str) -> Spot:
        """Where the file of a blob, or a folder of blobs, is or would be."""
        if container == ARTIFACTS and name.startswith(RUN):
            job, slash, rest = name[len(RUN) :].partition("/")
            if slash and job:
                path = blob_names.escape(job) + os.sep + blob_names.to_path(rest)
                return Spot(container, name, self._runs, path)
        folder = self.account + os.sep + blob_names.check_container(container)
        return Spot(container, name, self._blobs, folder + os.sep + blob_names.to_path(name))

    def path(self, container: str, name: str = "") -> Path:
        """Where a blob, or a folder of blobs (with or without a slash at the end), is or would be."""
        bare = name.removesuffix("/")
        if container == ARTIFACTS and bare.startswith(RUN) and "/" not in bare[len(RUN) :]:
            return Path(self._runs, blob_names.escape(bare[len(RUN) :]))
        if not name:
            return Path(self._container(container))
        spot = self.locate(container, bare)
        return Path(spot.root, spot.relative)

    def _container(self, container: str) -> str:
        return os.path.join(self._blobs, self.account, blob_names.check_container(container))

    def containers(self) -> list[tuple[str, float]]:
        """Names and times of last change (seconds since the epoch), by name."""
        found = dict.fromkeys(self.standing, 0.0)
        account = Path(self._blobs, self.account)
        if account.is_dir():
            found |= {entry.name: entry.stat().st_mtime for entry in account.iterdir() if entry.is_dir()}
        return sorted(found.items())

    def has_container(self, container: str) -> bool:
        return container in self.standing or os.path.isdir(self._container(container))

    def create_container(self, container: str) -> bool:
        """Make a container; whether it is new.

        Raises:
            ResourceError: The name breaks Azure's rules, or the disk refuses.
        """
        if self.has_container(container):
            return False
        try:
            Path(self._container(container)).mkdir(mode=0o700, parents=True)
        except FileExistsError:
            return False
        except OSError as error:
            raise refusal(error, container) from error
        return True

    def delete_container(self, container: str) -> None:
        """Remove a container with all its blobs.

        Raises:
            ConflictError: The workspace cannot do without it.
            NotFoundError: There is none.
        """
        if container in self.standing:
            raise ConflictError(
                f"The container '{container}' belongs to the workspace and cannot be deleted.",
                code="OperationNotAllowed",
                remedy="Delete the blobs in it instead.",
            )
        self.require_container(container)
        blob_files.remove_tree(self._container(container))
        with self._database.write() as transaction:
            blob_rows.delete_prefix(transaction, container, "")

    def require_container(self, container: str) -> None:
        """Raise unless the container exists: NotFoundError `ContainerNotFound`."""
        if not self.has_container(container):
            raise NotFoundError(
                f"The container '{container}' does not exist in the account '{self.account}'.",
                code="ContainerNotFound",
                remedy="Create it first, or check the name.",
            )
