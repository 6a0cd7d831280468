"""A job in the host's hands: its record, how far it has come, and what it has become so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.local.jobs import lifecycle, registry, slots
from jupyter_aml.local.jobs.conducted.performance import Performance
from jupyter_aml.local.jobs.lifecycle import Event, Job
from jupyter_aml.local.jobs.prepare import Ready
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.runtime.environments import Environment
from jupyter_aml.local.runtime.handles import Handle
from jupyter_aml.local.store.workspace import Workspace

Key = tuple[str, str]
"""(GUID of the workspace, name of the job in lower case)."""


@dataclass
class Live:
    """A job in the host's hands.

    Attributes:
        untold: Events that are not committed yet.
        environment: What was built for it.
        given_up: Set when what is being built for it is not wanted any more.
        state: The executor's facts, as the record will keep them.
        slot: The compute's line; `need` is how many of its slots the job takes.
    """

    workspace: Workspace
    record: Record
    job: Job
    state: dict[str, Any]
    slot: slots.Key
    need: int
    untold: list[Event] = field(default_factory=list)
    environment: Environment | None = None
    given_up: threading.Event = field(default_factory=threading.Event)
    ready: Ready | None = None
    handle: Handle | Performance | None = None

    @property
    def conducts(self) -> bool:
        """Whether its work is other jobs."""
        return registry.job_type(self.record.type).conducts

    @property
    def key(self) -> Key:
        return self.workspace.entry.id, self.record.name.lower()

    @property
    def begun(self) -> float | None:
        """When the run began, as long as that is not committed."""
        for event in self.untold:
            if isinstance(event, lifecycle.Started) or (isinstance(event, lifecycle.HostReturned) and event.alive):
                return self.handle.started if self.handle and self.handle.started else event.at
        return None
