"""Whether the trials of a sweep share warm processes, one trial after another, or have each a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.errors import ResourceError

PROPERTY = "jupyter_aml.isolation"
"""The property of a sweep that says it."""
SHARED, PROCESS = "shared", "process"


def read(body: Mapping[str, Any]) -> str:
    """What a sweep's body asks for: `shared`, where nothing is said, or `process`.

    Raises:
        ResourceError: It asks for something else (400).
    """
    found = (body.get("properties") or {}).get(PROPERTY) or SHARED
    if found not in {SHARED, PROCESS}:
        target = f"properties.properties.{PROPERTY}"
        raise ResourceError(
            f"{target} is '{found}'; expected {SHARED} or {PROCESS}.",
            code="ValidationError",
            target=target,
            remedy="Leave it out to let trials share warm processes.",
        )
    return str(found)


def shares(workspace: str, parent: str, state: Mapping[str, Any]) -> str:
    """Name of those with whom a job may share a process; empty for a process of its own.

    Args:
        workspace: GUID of the workspace.
        parent: Name of the job's parent.
        state: The executor's facts of the job.
    """
    return crew(workspace, parent) if "trial" in state and state.get("isolation") == SHARED else ""


def crew(workspace: str, sweep: str) -> str:
    """Name of those who may share processes: the trials of a sweep."""
    return f"{workspace}/{sweep.lower()}"
