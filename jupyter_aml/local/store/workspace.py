"""A workspace on disk: a folder that can be moved, copied or opened elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_aml.local.arm import ids
from jupyter_aml.local.store.blobs import BlobStore
from jupyter_aml.local.store.database import Database, Note

if TYPE_CHECKING:
    from jupyter_aml.local.store.catalogue import Store

DATABASE = "workspace.db"
"""File of a workspace's records, in its folder."""
WORKED_BY_HOST = frozenset({"jobs", "onlineEndpoints", "onlineDeployments"})
"""Kinds whose changes the host must see at once."""


@dataclass(frozen=True)
class Entry:
    """Where a workspace stands in the catalogue.

    Attributes:
        id: GUID of the workspace.
        account: Name of its storage account.
    """

    subscription: str
    group: str
    name: str
    folder: Path
    id: str
    account: str
    location: str
    created: float

    @property
    def there(self) -> bool:
        """Whether it is where the store says: in the place of one that was moved or removed, nothing is to be made."""
        return (self.folder / DATABASE).exists()

    @cached_property
    def arm_id(self) -> str:
        return ids.workspace_id(self.subscription, self.group, self.name)


class Workspace:
    """An open workspace: its records, blobs and folders."""

    def __init__(self, store: Store, entry: Entry) -> None:
        self.store = store
        self.entry = entry
        self.folder = entry.folder
        self.database = Database(self.folder / DATABASE, "workspace", store.clock)
        self.database.on_commit(self._committed)

    def __repr__(self) -> str:
        return f"<Workspace {self.entry.group}/{self.entry.name} in {self.folder}>"

    @cached_property
    def blobs(self) -> BlobStore:
        return BlobStore(self)

    @property
    def blob_container(self) -> str:
        """Container of the datastore workspaceblobstore."""
        return f"azureml-blobstore-{self.entry.id}"

    @property
    def artifact_container(self) -> str:
        """Container of the datastore workspaceartifactstore."""
        return "azureml"

    @cached_property
    def runs_uri(self) -> str:
        """`file://` address of the folder that holds the runs' folders."""
        return (self.folder / "runs").as_uri()

    def runs_folder(self, job: str) -> Path:
        """What a run shows: user_logs/, outputs/, logs/ and its MLflow artifacts."""
        return self.folder / "runs" / job

    def work_folder(self, job: str) -> Path:
        """What a run needs while it runs: code/, env/ and the supervisor's records."""
        return self.folder / "work" / job

    def _committed(self, notes: list[Note]) -> None:
        self.store.ring(start=any(note[0] in WORKED_BY_HOST for note in notes))
