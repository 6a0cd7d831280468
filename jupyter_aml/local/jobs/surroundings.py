"""The environment of a run: what its job names, and the Python that it means on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from jupyter_aml.local.jobs import lookup
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.runtime import builds, curated, environments
from jupyter_aml.local.runtime.environments import Environment, Unbuilt
from jupyter_aml.local.store.workspace import Workspace

BUILD_LOG = "azureml-logs/20_image_build_log.txt"
"""Where Azure keeps what the building of an environment printed."""


def of(workspace: Workspace, record: Record, outer: Mapping[str, str]) -> Environment | Unbuilt:
    """The Python of a job's environment, or what has to be built to have it.

    Args:
        workspace: The job's.
        record: The job.
        outer: The host's environment variables.

    Raises:
        NotFoundError: The environment was deleted meanwhile.
        ResourceError: Its conda file cannot be read.
        AmlError: The submitter's Python cannot be run.
    """
    name = str(record.body.get("environmentId") or "")
    with workspace.database.read() as reader:
        properties = lookup.environment_properties(reader, name)
    recorded = str((record.state.get("interpreter") or {}).get("executable"))
    curated_as = outer.get(curated.VARIABLE, "").strip().lower()
    return environments.choose(
        properties, name=name, recorded=recorded, home=workspace.store.home, curated_as=curated_as
    )


def build(
    workspace: Workspace, record: Record, unbuilt: Unbuilt, log: Path, given_up: Callable[[], bool]
) -> Environment:
    """Build what a job needs; its log tells how far it is, the build log everything.

    Raises:
        ResourceError: It cannot be built.
        GivenUpError: The job is cancelled.
    """
    everything = workspace.runs_folder(record.name) / BUILD_LOG
    everything.parent.mkdir(parents=True, exist_ok=True)
    everything.write_bytes(b"")

    def tell(sentence: str) -> None:
        for place in (everything, log):
            say(place, [sentence])

    return unbuilt.build(builds.Watch(tell, everything, given_up))


def say(log: Path, sentences: Iterable[str]) -> None:
    """Put sentences at the end of a log."""
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{sentence}\n" for sentence in sentences)
