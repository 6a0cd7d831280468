"""Online endpoints and deployments by their names, for all types that stand for them or below them."""

from __future__ import annotations

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.resources import names
from jupyter_aml.local.resources.base import Call
from jupyter_aml.local.serving.online import states
from jupyter_aml.local.store.records import Connection, Record


def endpoint(call: Call, reader: Connection, name: str, *, code: str = "ResourceNotFound") -> Record:
    """The endpoint of that name.

    Raises:
        NotFoundError: There is none, with this code; the nearest name is offered.
    """
    record = states.endpoint(reader, name)
    if record is None:
        raise NotFoundError(
            f"The online endpoint {name!r} was not found in workspace {call.workspace.entry.name!r}.",
            code=code,
            remedy=names.nearest(name, [one.name for one in states.endpoints(reader)]),
        )
    return record


def asked(call: Call) -> Record:
    """The endpoint, or the deployment of it, below which a path lies.

    Raises:
        NotFoundError: There is none.
    """
    name, child = call.params["endpoint"], call.params.get("deployment", "")
    with call.workspace.database.read() as reader:
        if not child:
            return endpoint(call, reader, name)
        record = states.deployment(reader, name, child)
    if record is None:
        raise NotFoundError(
            f"The deployment {child!r} of the online endpoint {name!r} was not found in workspace"
            f" {call.workspace.entry.name!r}."
        )
    return record
