"""The target of one command: another workspace than the connected one, as -w, -g and --subscription say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_aml.commands.suggest import listed, nearest
from jupyter_aml.errors import NotFoundError

if TYPE_CHECKING:
    from jupyter_aml.client.connection import Connection


@dataclass(frozen=True)
class Target:
    """Which workspace; "" means the connected one's."""

    workspace: str = ""
    group: str = ""
    subscription: str = ""

    def __bool__(self) -> bool:
        return bool(self.workspace or self.group or self.subscription)


def client_of(target: Target, connection: Connection) -> Any:
    """A client of the target, in the same place (LOCAL or AZURE) as the connection, which stays current.

    Raises:
        NotFoundError: The local store has no such workspace.
    """
    from jupyter_aml.client import connect

    made = replace(
        connection,
        subscription=target.subscription or connection.subscription,
        group=target.group or connection.group,
        workspace=target.workspace or connection.workspace,
    )
    return connect.client_for(_local(made, target) if connection.local else made)


def _local(made: Connection, target: Target) -> Connection:
    entries = made.store.entries() if made.store is not None else []
    found = [
        entry
        for entry in entries
        if entry.name.lower() == made.workspace.lower()
        and (not target.group or entry.group.lower() == target.group.lower())
        and entry.subscription.lower() == made.subscription.lower()
    ]
    if not found:
        names = [entry.name for entry in entries]
        close = nearest(made.workspace, names)
        msg = f"There is no local workspace {'/'.join(part for part in (target.group, made.workspace) if part)}."
        raise NotFoundError(
            msg,
            why=f"The local store has {listed(names)}.",
            remedy=f"Did you mean -w {close}?" if close else f"Type %aml connect local:{made.workspace} to make it.",
        )
    entry = found[0]
    return replace(made, group=entry.group, workspace=entry.name, entry=entry)
