"""Events: whatever changes in a workspace, whoever changes it, told to the pages of Jupyter Server.

An event means "changed, fetch again": nothing is replayed, and a page that sees a gap in the sequence, or another
instance, fetches all that it shows.
"""

from __future__ import annotations

from typing import Any

SCHEMA_ID = "https://schemas.jupyter-aml.org/workspace-changed/v1"
SCHEMA: dict[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "A workspace has changed",
    "description": "Something of a local Azure ML workspace was written; fetch again what is shown of it.",
    "type": "object",
    "properties": {
        "instance": {"type": "string", "description": "Of the server; another one tells nothing of what was before."},
        "sequence": {"type": "integer", "description": "Rises by one with every event of the instance."},
        "workspace": {"type": "string", "description": "ARM id of the workspace; empty for the list of workspaces."},
        "changes": {
            "type": "array",
            "description": "What was written, the last change of each thing; empty for metrics, parameters and tags.",
            "items": {
                "type": "object",
                "properties": {"kind": {"type": "string"}, "name": {"type": "string"}, "action": {"type": "string"}},
                "required": ["kind", "name", "action"],
            },
        },
        "more": {"type": "boolean", "description": "Whether there were more changes than are named."},
    },
    "required": ["instance", "sequence", "workspace", "changes", "more"],
}
