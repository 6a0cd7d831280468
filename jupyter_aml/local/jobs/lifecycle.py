"""The life of a job as a pure state machine: an event in, the next state and instructions out.

Nothing here reads a clock, a file or a process: events carry their time, the runner executes the instructions
and reports what came of them as further events. Statuses and their order are Azure's; `CancelRequested` is
what the world sees from the moment somebody asked until the job has ended, whatever phase it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from jupyter_aml.errors import AmlError


class Status(StrEnum):
    """Azure's words for where a job stands."""

    NOT_STARTED = "NotStarted"
    PREPARING = "Preparing"
    QUEUED = "Queued"
    STARTING = "Starting"
    RUNNING = "Running"
    FINALIZING = "Finalizing"
    CANCEL_REQUESTED = "CancelRequested"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELED})
OPEN = tuple(status for status in Status if status not in FINAL)


@dataclass(frozen=True)
class Fault:
    """Why a job failed: `code` is ARM's, `message` is for a person, `traceback` is the script's own."""

    code: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened to a job, at seconds since the epoch."""

    at: float


@dataclass(frozen=True)
class Accepted(Event):
    """A host has taken the job on."""


@dataclass(frozen=True)
class Prepared(Event):
    """Code, inputs, outputs and environment are in place."""


@dataclass(frozen=True)
class PreparationFailed(Event):
    """Something the job needs could not be had."""

    fault: Fault


@dataclass(frozen=True)
class Granted(Event):
    """The job's turn has come: a slot of its compute is free."""


@dataclass(frozen=True)
class Started(Event):
    """The run's supervisor is alive."""


@dataclass(frozen=True)
class StartFailed(Event):
    """No process could be started."""

    fault: Fault


@dataclass(frozen=True)
class Exited(Event):
    """The run is over and none of its processes is left; `fault` is None when it did well."""

    fault: Fault | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class Finalized(Event):
    """Outputs are moved and registered, the MLflow run is closed."""


@dataclass(frozen=True)
class FinalizationFailed(Event):
    """The run did its work but an output could not be kept."""

    fault: Fault


@dataclass(frozen=True)
class CancelAsked(Event):
    """Somebody wants the job to end."""


@dataclass(frozen=True)
class HostReturned(Event):
    """A host found the job that an earlier host had; `alive` says whether its supervisor lives."""

    alive: bool = False


class Instruction(StrEnum):
    """What the runner has to do next."""

    PREPARE = "prepare"
    ABORT_PREPARATION = "abort preparation"
    ENQUEUE = "enqueue"
    LEAVE_QUEUE = "leave queue"
    START = "start"
    WATCH = "watch"
    KILL = "kill"
    FINALIZE = "finalize"
    CLOSE = "close"


class ImpossibleTransitionError(AmlError):
    """An event that cannot happen in the job's phase: a fault of ours, told with the job's story."""


@dataclass(frozen=True)
class Job:
    """Where one job stands.

    Attributes:
        name: Name of the job.
        phase: How far it has come, whether or not somebody asked to cancel it.
        cancelling: Somebody asked to cancel it and it has not ended.
        fault: Why it will end as Failed, once that is known.
        cancelled: It will end as Canceled.
        story: Every event so far.
    """

    name: str
    phase: Status = Status.NOT_STARTED
    cancelling: bool = False
    fault: Fault | None = None
    cancelled: bool = False
    story: tuple[Event, ...] = field(default=(), compare=False)

    @property
    def status(self) -> Status:
        """What the world sees."""
        return Status.CANCEL_REQUESTED if self.cancelling and self.phase not in FINAL else self.phase


Step = tuple[Job, tuple[Instruction, ...]]
Handler = Callable[[Job, Any], Step]


def handle(job: Job, event: Event) -> Step:
    """The job after the event, and what to do next.

    Raises:
        ImpossibleTransitionError: The event cannot happen in this phase.
    """
    handler = _TABLE.get((job.phase, type(event)))
    if handler is None:
        raise _impossible(job, event)
    after, instructions = handler(job, event)
    return replace(after, story=(*job.story, event)), instructions


def _impossible(job: Job, event: Event) -> ImpossibleTransitionError:
    story = "\n".join(f"  {past.at:.3f} {type(past).__name__}" for past in job.story) or "  (nothing yet)"
    msg = f"Job {job.name} is {job.status} (phase {job.phase}) and cannot take {type(event).__name__}."
    return ImpossibleTransitionError(
        msg, why=f"Its story so far:\n{story}", remedy="Please report this with the story above."
    )


def _enter(phase: Status, *instructions: Instruction) -> Handler:
    return lambda job, _event: (replace(job, phase=phase), instructions)


def _prepared(job: Job, _event: Prepared) -> Step:
    if job.cancelling:
        return _end(job, Status.CANCELED)
    return replace(job, phase=Status.QUEUED), (Instruction.ENQUEUE,)


def _not_prepared(job: Job, event: PreparationFailed) -> Step:
    if job.cancelling:
        return _end(job, Status.CANCELED)
    return _end(replace(job, fault=event.fault), Status.FAILED)


def _not_started(job: Job, event: StartFailed) -> Step:
    if job.cancelling:
        return _end(job, Status.CANCELED)
    return _end(replace(job, fault=event.fault), Status.FAILED)


def _started(job: Job, _event: Started) -> Step:
    orders = (Instruction.WATCH, Instruction.KILL) if job.cancelling else (Instruction.WATCH,)
    return replace(job, phase=Status.RUNNING), orders


def _exited(job: Job, event: Exited) -> Step:
    cancelled = event.cancelled or job.cancelling
    fault = None if cancelled else event.fault
    return (
        replace(job, phase=Status.FINALIZING, fault=fault, cancelled=cancelled),
        (Instruction.FINALIZE,),
    )


def _finalized(job: Job, _event: Finalized) -> Step:
    if job.cancelled:
        return _end(job, Status.CANCELED)
    return _end(job, Status.FAILED if job.fault else Status.COMPLETED)


def _not_finalized(job: Job, event: FinalizationFailed) -> Step:
    if job.cancelled:
        return _end(job, Status.CANCELED)
    return _end(replace(job, fault=job.fault or event.fault), Status.FAILED)


def _end(job: Job, phase: Status) -> Step:
    return replace(job, phase=phase, cancelling=False), (Instruction.CLOSE,)


def _cancel_with(instruction: Instruction) -> Handler:
    def asked(job: Job, _event: CancelAsked) -> Step:
        if job.cancelling:
            return job, ()
        return replace(job, cancelling=True), (instruction,)

    return asked


def _cancel_now(job: Job, _event: CancelAsked) -> Step:
    return _end(job, Status.CANCELED)


def _cancel_queued(job: Job, _event: CancelAsked) -> Step:
    after, _ = _end(job, Status.CANCELED)
    return after, (Instruction.LEAVE_QUEUE, Instruction.CLOSE)


def _cancel_later(job: Job, _event: CancelAsked) -> Step:
    """While it starts there is nothing to kill yet; once its work is done there is nothing left to kill."""
    return replace(job, cancelling=True), ()


def _returned(job: Job, event: HostReturned) -> Step:
    """A host died before the process was known to run: take it from where it really is."""
    if event.alive:
        return _started(job, Started(event.at))
    if job.cancelling:
        return _end(job, Status.CANCELED)
    return replace(job, phase=Status.PREPARING), (Instruction.PREPARE,)


def _found_running(job: Job, event: HostReturned) -> Step:
    if event.alive:
        return _started(job, Started(event.at))
    fault = Fault("JobLost", "The run ended without a record: its supervisor was killed or the machine went down.")
    return _exited(job, Exited(event.at, fault))


_BEFORE_START = (Status.NOT_STARTED, Status.PREPARING, Status.QUEUED, Status.STARTING)

_TABLE: dict[tuple[Status, type[Event]], Handler] = {
    (Status.NOT_STARTED, Accepted): _enter(Status.PREPARING, Instruction.PREPARE),
    (Status.PREPARING, Prepared): _prepared,
    (Status.PREPARING, PreparationFailed): _not_prepared,
    (Status.QUEUED, Granted): _enter(Status.STARTING, Instruction.START),
    (Status.STARTING, Started): _started,
    (Status.STARTING, StartFailed): _not_started,
    (Status.RUNNING, Exited): _exited,
    (Status.FINALIZING, Finalized): _finalized,
    (Status.FINALIZING, FinalizationFailed): _not_finalized,
    (Status.NOT_STARTED, CancelAsked): _cancel_now,
    (Status.PREPARING, CancelAsked): _cancel_with(Instruction.ABORT_PREPARATION),
    (Status.QUEUED, CancelAsked): _cancel_queued,
    (Status.STARTING, CancelAsked): _cancel_later,
    (Status.RUNNING, CancelAsked): _cancel_with(Instruction.KILL),
    (Status.FINALIZING, CancelAsked): _cancel_later,
    **{(phase, HostReturned): _returned for phase in _BEFORE_START},
    **{(phase, Exited): _exited for phase in _BEFORE_START},
    (Status.RUNNING, HostReturned): _found_running,
    (Status.FINALIZING, HostReturned): _enter(Status.FINALIZING, Instruction.FINALIZE),
}
# `Exited` before `Started`: a host died between starting the process and saying so; the run has ended since.


def record_of(event: Event) -> dict[str, Any]:
    """An event as it stands in `job_events`."""
    return {"event": type(event).__name__, **asdict(event)}
