"""A connection: which workspace a client works on, where that is, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_aml.client import clouds, targets

if TYPE_CHECKING:
    from jupyter_aml.local.app import Service
    from jupyter_aml.local.store.catalogue import Store
    from jupyter_aml.local.store.workspace import Entry


@dataclass(frozen=True)
class Connection:
    """Where a client works.

    Attributes:
        place: `LOCAL` or `AZURE`: the badge of all that is shown.
        subscription: With `group` and `workspace`, the names that ARM ids bear; `workspace` may be empty in Azure.
        profile: The profile's name, empty when none was named.
        identity: Who it is in a local workspace.
        credential: Gives tokens: `get_token(scope).token`.
        service: Answers for a local workspace, else None; so is `entry`.
        notes: Sentences for the person, such as an offer to use a `config.json` that lies about.
    """

    place: str
    subscription: str
    group: str
    workspace: str
    credential: Any = field(repr=False)
    cloud: clouds.Cloud = field(default=clouds.CLOUDS[clouds.PUBLIC], repr=False)
    profile: str = ""
    identity: str = ""
    service: Service | None = field(default=None, repr=False)
    entry: Entry | None = field(default=None, repr=False)
    adopted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        return self.place == targets.LOCAL

    @property
    def store(self) -> Store | None:
        return self.service.store if self.service is not None else None

    @property
    def workspace_path(self) -> str:
        """The ARM id of the workspace."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )

    def __str__(self) -> str:
        """The badge and the workspace, such as `LOCAL local/local`."""
        whole = "/".join(part for part in (self.group, self.workspace) if part)
        return f"{self.place} {whole or self.subscription}"
