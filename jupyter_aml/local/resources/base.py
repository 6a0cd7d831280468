"""What a resource type is: one object that names its routes, and the call that a route's handler gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import ids, times
from jupyter_aml.local.arm.http import Identity, Request, Response
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

ARM, API, BLOB = "arm", "api", "blob"

INTERPRETER_HEADER = "x-jupyter-aml-interpreter"
"""What the doors say of the asker's Python, as JSON."""

WS = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
"""Path of a workspace; patterns write it `{WS}`."""


@dataclass
class Call:
    """One request on its way through a handler.

    Attributes:
        request: As a door built it.
        store: The catalogue.
        params: Values of the pattern's placeholders, in the case they were sent.
        opened: The workspace that the path or the host names; None on other paths.
    """

    request: Request
    store: Store
    params: Mapping[str, str]
    opened: Workspace | None = None

    @property
    def workspace(self) -> Workspace:
        """The workspace of the request."""
        if self.opened is None:
            raise ResourceError(f"{self.request.path} names no workspace.", code="InvalidResourceId")
        return self.opened

    @property
    def identity(self) -> Identity:
        return self.request.identity

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.store.clock()

    @property
    def interpreter(self) -> str:
        """The asker's Python as the door's private header says it; empty when it does not."""
        return self.request.headers.get(INTERPRETER_HEADER, "")

    def query(self, name: str, default: str = "") -> str:
        """A query parameter, whatever the case of its name."""
        return self.request.query.get(name.lower(), default)

    def properties(self) -> dict[str, Any]:
        """`properties` of the body.

        Raises:
            ResourceError: The body has none (400).
        """
        body = self.request.json
        found = body.get("properties") if isinstance(body, dict) else None
        if not isinstance(found, dict):
            raise ResourceError(
                "The body has no object 'properties'.",
                code="InvalidRequestContent",
                target="properties",
                remedy='Send {"properties": {...}}.',
            )
        return found

    def record(self, segment: str, name: str, version: str, body: dict[str, Any], old: Record | None) -> Record:
        """What is to be stored: a new resource, or a change of an old one, whose name, maker and age stay."""
        who = self.identity.name
        made = Record(segment, name, version, body, self.now, self.now, created_by=who, modified_by=who)
        if old is None:
            return made
        return replace(made, name=old.name, version=old.version, created=old.created, created_by=old.created_by)

    def sent(self) -> dict[str, Any]:
        """The body of a request that need not have one; empty where it is no object."""
        sent = self.request.json
        return sent if isinstance(sent, dict) else {}

    def resource(self, record: Record, kind: str, *, path: str = "") -> dict[str, Any]:
        """The ARM envelope around a record: id, name, type, systemData, and the record's body."""
        tail = path or (f"{record.segment}/{record.name}" + (f"/versions/{record.version}" if record.version else ""))
        return {
            "id": f"{self.workspace.entry.arm_id}/{tail}",
            "name": record.version or record.name,
            "type": f"{ids.PROVIDER}/workspaces/{kind}",
            "systemData": system_data(record.created, record.created_by, record.modified, record.modified_by),
            **record.body,
        }


def system_data(created: float, created_by: str, modified: float, modified_by: str) -> dict[str, str]:
    """Who made a resource and who changed it last, as ARM says it."""
    return {
        "createdAt": times.iso(created),
        "createdBy": created_by,
        "createdByType": "User",
        "lastModifiedAt": times.iso(modified),
        "lastModifiedBy": modified_by or created_by,
        "lastModifiedByType": "User",
    }


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Route:
    """One method on one pattern.

    Attributes:
        method: GET, PUT, POST, PATCH, DELETE, HEAD; `*` for all.
        surface: `arm`, `api` or `blob`: which family of hosts.
        pattern: Path with `{name}` for one segment, `{name:path}` at the end for the rest, `{WS}` for a workspace.
        handler: Called with the Call.
        action: ARM action that a role must grant, such as `workspaces/data/versions/read`.
    """

    method: str
    surface: str
    pattern: str
    handler: Handler
    action: str = ""


@dataclass
class Type:
    """A resource type, found by discovery in `resources/types`.

    Obligations: `routes()` gives the same routes at every call. Handlers keep nothing between calls that a later one
    depends on: another process may answer it.

    Attributes:
        segment: URL word, such as `datastores`; for protocols a name such as `history`.
        title: What a person calls one, such as `datastore`.
    """

    segment: str
    title: str
    bootstrap: Callable[[Workspace], None] | None = field(default=None, kw_only=True)

    def routes(self) -> Iterable[Route]:
        """The requests that this type answers."""
        return ()
