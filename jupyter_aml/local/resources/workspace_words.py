"""What people wrote about a workspace: its friendly name, description and tags, in its own database."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.resources.base import Call
from jupyter_aml.local.store import records
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Entry, Workspace

WORDS = "workspace"
"""Kind and name of the record that keeps them."""
PROPERTIES = ("friendlyName", "description")


def of(call: Call, entry: Entry) -> dict[str, Any]:
    """What is kept about a workspace: `friendlyName`, `description`, `tags`, as far as they were given."""
    with call.store.workspace(entry).database.read() as connection:
        held = records.get(connection, WORDS, WORDS)
    return held.body if held is not None else {}


def keep(call: Call, workspace: Workspace, properties: dict[str, Any], tags: Any) -> None:
    """Keep what is written about a workspace: of the properties those that are not None, and tags unless None."""
    with workspace.database.write() as transaction:
        held = records.get(transaction, WORDS, WORDS)
        body = dict(held.body) if held is not None else {}
        body |= {key: properties[key] for key in PROPERTIES if properties.get(key) is not None}
        body |= {"tags": {str(key): str(value) for key, value in tags.items()}} if isinstance(tags, dict) else {}
        created = held.created if held is not None else call.now
        records.put(transaction, Record(WORDS, WORDS, "", body, created, call.now, created_by=call.identity.name))
