"""The environment of a run: what its job names, and the Python that it means on this machine."""

from __future__ import annotations

from pathlib import Path

from jupyter_aml.local.jobs import lookup
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.runtime import environments
from jupyter_aml.local.runtime.environments import Environment
from jupyter_aml.local.store.workspace import Workspace


def of(workspace: Workspace, record: Record, log: Path) -> Environment:
    """The Python of a job's environment, built first when it has packages of its own; the log tells of that.

    Args:
        workspace: The job's.
        record: The job.
        log: The run's log.

    Raises:
        NotFoundError: The environment was deleted meanwhile.
        ResourceError: It cannot be built.
        AmlError: The submitter's Python cannot be run.
    """
    name = str(record.body.get("environmentId") or "")
    with workspace.database.read() as reader:
        properties = lookup.environment_properties(reader, name)
    recorded = str((record.state.get("interpreter") or {}).get("executable"))

    def say(sentence: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{sentence}\n")

    found = environments.resolve(properties, name=name, recorded=recorded, home=workspace.store.home, say=say)
    if found.interpreter.executable != recorded:
        for note in found.notes:
            say(note)
    return found
