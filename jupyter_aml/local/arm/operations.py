"""Operations that go on: their names, the headers that tell of one, and what its status says.

An operation keeps no record: its name says which change of which resource it is, and the resource says how far that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_aml.local.arm import ids, times

RUNNING, SUCCEEDED, FAILED, CANCELED = "InProgress", "Succeeded", "Failed", "Canceled"
POLL_MILLISECONDS = 200
"""What clients of the Azure SDKs wait between two looks; `Retry-After` knows whole seconds only."""
STATUS, RESULTS = "mfeOperationsStatus", "mfeOperationResults"
_PARTS = 6
_LINK = "https://{host}/subscriptions/{subscription}/providers/{provider}/locations/{location}/{kind}/{operation}"


@dataclass(frozen=True)
class Operation:
    """One change of one resource.

    Attributes:
        kind: `oe` for an online endpoint, `od` for an online deployment.
        workspace: GUID of the workspace.
        name: Of the endpoint.
        child: Of the deployment, empty for an endpoint.
        verb: `put` or `delete`.
        serial: The resource's own mark of the change.
    """

    kind: str
    workspace: str
    name: str
    child: str
    verb: str
    serial: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.workspace}:{self.name}:{self.child}:{self.verb}:{self.serial}"


def parse(text: str) -> Operation | None:
    """The operation of that name; None when it names none."""
    parts = text.split(":")
    return Operation(*parts) if len(parts) == _PARTS else None


def link(host: str, subscription: str, location: str, operation: Operation, kind: str = STATUS) -> str:
    """Where the status of an operation is asked, or with `kind=RESULTS` its result."""
    return _LINK.format(
        host=host,
        subscription=subscription,
        provider=ids.PROVIDER,
        location=location or "local",
        kind=kind,
        operation=operation,
    )


def headers(url: str) -> dict[str, str]:
    """What an answer says of the operation that it began: where to ask for status and result, and how soon.

    Args:
        url: Where its status is asked.
    """
    return {"Azure-AsyncOperation": url, "Location": url.replace(f"/{STATUS}/", f"/{RESULTS}/"), **again()}


def again() -> dict[str, str]:
    """How soon to ask again."""
    return {"retry-after-ms": str(POLL_MILLISECONDS)}


def body(operation: Operation, status: str, began: float, error: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the status of an operation says; `error` has a code and a message."""
    found: dict[str, Any] = {
        "id": str(operation),
        "name": str(operation),
        "status": status,
        "startTime": times.iso(began),
        "percentComplete": 0 if status == RUNNING else 100,
    }
    if status in {FAILED, CANCELED}:
        found["error"] = error or {"code": f"Operation{status}", "message": f"The operation ended {status}."}
    return found
