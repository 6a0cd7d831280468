"""Executes what the life cycle orders: finds new jobs, prepares, starts, watches, ends and closes them.

All of it happens in the host's loop; what takes time runs in worker threads and comes back as an event. Steps
that follow each other at once are committed together. Nothing is believed lost when the host dies: `recover`
takes each job from where it really is.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Protocol

from jupyter_aml.errors import AmlError
from jupyter_aml.local.jobs import away, ledger, lifecycle, records, registry, settings, slots, work
from jupyter_aml.local.jobs.checks import time_limit
from jupyter_aml.local.jobs.conducted.performance import Performance
from jupyter_aml.local.jobs.lifecycle import Event, Fault, Instruction, Job, Status
from jupyter_aml.local.jobs.live import Key, Live
from jupyter_aml.local.jobs.prepare import Ready
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.jobs.sweeps import isolation
from jupyter_aml.local.runtime import handles
from jupyter_aml.local.runtime.environments import Environment, Unbuilt
from jupyter_aml.local.runtime.handles import Handle
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.store import blob_files
from jupyter_aml.local.store.workspace import Workspace

WORKERS = 8
LAZY_SECONDS = 0.02
"""How long a step that others follow at once may wait for them before it is committed."""
AGAIN_SECONDS = 1.0
"""When a commit is tried again that the disk or another writer refused."""
LOOK_SECONDS = 0.2
"""How often a run is looked at where the system cannot tell that a process has ended."""


class Loop(Protocol):
    """What the runner needs of the host's loop."""

    def soon(self, call: Callable[[], None]) -> None: ...
    def later(self, seconds: float, call: Callable[[], None]) -> None: ...
    def watch(self, fd: int, call: Callable[[], None]) -> None: ...
    def unwatch(self, fd: int) -> None: ...


class Runner:
    """The jobs of all workspaces of a store.

    Args:
        loop: Where everything happens.
        workspaces: The open workspaces, asked for at each look.
        provisioner: Starts runs.
        door: Address of the loopback door; may wait until it is open.
        outer: The host's environment variables.
        clock: Seconds since the epoch.
        outer_door: Address of the door for the workers of an attached compute; None where there are none.
    """

    def __init__(
        self,
        loop: Loop,
        workspaces: Callable[[], Iterable[Workspace]],
        provisioner: Provisioner,
        *,
        door: Callable[[], str],
        outer: Mapping[str, str],
        clock: Callable[[], float],
        outer_door: away.Doors | None = None,
    ) -> None:
        self._loop = loop
        self._workspaces = workspaces
        self._provisioner = provisioner
        self._door = door
        self._outer_door = outer_door
        self._outer = outer
        self._clock = clock
        self._slots = slots.Slots()
        self._live: dict[Key, Live] = {}
        self._late: set[Key] = set()
        self._lazy = False
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="jupyter_aml-job")
        self.paused = False

    # finding work

    def scan(self) -> None:
        """Take on new jobs and pass on requests to cancel; called whenever the bell rings."""
        for workspace in self._workspaces():
            with workspace.database.read() as reader:
                found = records.statuses(reader)
            for name, status in found:
                live = self._live.get((workspace.entry.id, name.lower()))
                if live is None and status in {Status.NOT_STARTED, Status.CANCEL_REQUESTED}:
                    self._take_on(workspace, name)
                elif live is not None and status == Status.CANCEL_REQUESTED and not live.job.cancelling:
                    self._feed(live, lifecycle.CancelAsked(self._clock()))

    def _take_on(self, workspace: Workspace, name: str) -> None:
        if self.paused:
            return
        with workspace.database.read() as reader:
            record = records.get(reader, name)
        if record is None or record.final:
            return
        self._recover(workspace, record)

    def _hold(self, workspace: Workspace, record: Record, job: Job) -> Live:
        line = slots.line_of(workspace.entry.id, record.compute)
        need = ledger.need(record, line)
        if registry.job_type(record.type).conducts:
            line, need = slots.CONDUCTED, 0
        live = Live(workspace, record, job, dict(record.state), line, need)
        self._live[live.key] = live
        return live

    def recover(self) -> None:
        """Take over what an earlier host left: live runs, ended ones, and those that never began."""
        for workspace in self._workspaces():
            with workspace.database.read() as reader:
                found = records.unfinished(reader)
            for folder in work.leftovers(workspace, {record.name.lower() for record in found}):
                self._pool.submit(blob_files.remove_tree, str(folder))
            for record in found:
                if (workspace.entry.id, record.name.lower()) in self._live:
                    continue
                try:
                    self._recover(workspace, record)
                except Exception:  # noqa: BLE001 - one job must not keep the others from being found
                    traceback.print_exc(file=sys.stderr)

    def _recover(self, workspace: Workspace, record: Record) -> None:
        """Take a job from where it is: new, or begun by an earlier host that may not have said so."""
        now = self._clock()
        live = self._hold(workspace, record, ledger.job_of(record))
        asked = record.status == Status.CANCEL_REQUESTED
        if live.job.phase == Status.NOT_STARTED and not workspace.work_folder(record.name).exists():
            self._feed(live, lifecycle.CancelAsked(now) if asked else lifecycle.Accepted(now))
            return
        live.handle = self._find(live)
        end = live.handle.poll() if live.handle else None
        if end is not None and live.job.phase != Status.FINALIZING:
            self._ended(live, end)
            return
        alive = live.handle is not None and end is None
        if alive:
            self._slots.hold(live.slot, record.name, live.need)
        if asked and not alive:
            live.job = replace(live.job, cancelling=True)
        self._feed(live, lifecycle.HostReturned(now, alive=alive))
        if asked and alive:
            self._feed(live, lifecycle.CancelAsked(self._clock()))

    def _find(self, live: Live) -> Handle | Performance | None:
        """What an earlier host started, if it had come so far."""
        if not live.conducts:
            return work.find(live.workspace, live.record)
        return self._perform(live) if live.job.phase == Status.RUNNING else None

    def _perform(self, live: Live) -> Performance:
        return work.perform(live.workspace, live.record, lambda: self._loop.soon(self.scan), self._clock)

    # events and instructions

    def _feed(self, live: Live, event: Event) -> None:
        """Take an event through the state machine, do what it orders, and commit."""
        waiting = [event]
        urgent = False
        while waiting:
            happened = waiting.pop(0)
            before = live.job.phase
            try:
                live.job, orders = lifecycle.handle(live.job, happened)
            except lifecycle.ImpossibleTransitionError:
                traceback.print_exc(file=sys.stderr)
                continue
            live.untold.append(happened)
            urgent = urgent or (live.job.phase != before and live.job.phase in _URGENT)
            for order in orders:
                answer = self._do(live, order)
                if answer is not None:
                    waiting.append(answer)
        if urgent:
            self._commit(live)
        else:
            self._commit_later(live)

    def _do(self, live: Live, order: Instruction) -> Event | None:
        match order:
            case Instruction.PREPARE:
                self._in_thread(live, self._prepare, self._prepared)
            case Instruction.ENQUEUE:
                came, urgency = live.record.created, settings.urgency(live.record.body)
                self._slots.ask(live.slot, live.record.name, live.need, came=came, urgency=urgency)
                self._grant()
            case Instruction.START:
                self._in_thread(live, self._start, self._started)
            case Instruction.WATCH:
                self._watch(live)
            case Instruction.KILL:
                if live.handle is not None:
                    live.handle.cancel()
            case Instruction.FINALIZE:
                self._commit(live)
                self._in_thread(live, self._finalize, self._finalized)
            case Instruction.LEAVE_QUEUE | Instruction.CLOSE:
                self._slots.release(live.slot, live.record.name)
                self._grant()
            case Instruction.ABORT_PREPARATION:
                live.given_up.set()  # the rest ends by itself; what it brings is then dropped
        return None

    def _in_thread(self, live: Live, call: Callable[[Live], Any], then: Callable[[Live, Any], None]) -> None:
        def finished() -> None:
            result = call(live)
            self._loop.soon(lambda: then(live, result))

        self._pool.submit(finished)

    def _grant(self) -> None:
        """Give free slots to those whose turn it is."""
        capacities = {line: self._capacity(line) for line in self._slots.waiting()}
        for line, name in self._slots.grant(capacities):
            for live in self._live.values():
                if live.slot == line and live.record.name == name:
                    self._loop.soon(partial(self._granted, live))

    def _granted(self, live: Live) -> None:
        if live.job.phase == Status.QUEUED:
            self._feed(live, lifecycle.Granted(self._clock()))

    def _capacity(self, line: slots.Key) -> int:
        if line == slots.CONDUCTED:
            return 1
        workspace = next((one.workspace for one in self._live.values() if one.slot == line), None)
        return ledger.capacity(workspace, line) if workspace else 1

    # preparing and starting

    def _prepare(self, live: Live) -> Ready | Unbuilt | Fault | None:
        if live.conducts:
            return None
        return work.make_ready(
            live.workspace, live.record, self._door, self._outer, live.environment, outer_door=self._outer_door
        )

    def _prepared(self, live: Live, ready: Ready | Unbuilt | Fault | None) -> None:
        if isinstance(ready, Unbuilt):
            self._build(live, ready)
            return
        if isinstance(ready, Fault):
            self._feed(live, lifecycle.PreparationFailed(self._clock(), ready))
            return
        live.ready = ready
        live.state |= ready.facts if ready else {}
        self._feed(live, lifecycle.Prepared(self._clock()))

    def _build(self, live: Live, unbuilt: Unbuilt) -> None:
        """Build the job's environment in a thread of its own: it may take long, and others wait for the workers."""

        def finished() -> None:
            found = work.build(live.workspace, live.record, unbuilt, live.given_up.is_set)
            self._loop.soon(lambda: self._built(live, found))

        threading.Thread(target=finished, name="jupyter_aml-build", daemon=True).start()

    def _built(self, live: Live, found: Environment | Fault) -> None:
        if isinstance(found, Fault):
            self._prepared(live, found)
            return
        live.environment = found
        self._in_thread(live, self._prepare, self._prepared)

    def _start(self, live: Live) -> Handle | Performance | Fault:
        if live.conducts:
            return self._perform(live)
        if live.ready is None:
            return Fault("SystemError", "The job was to be started before it was prepared.")
        shares = isolation.shares(live.workspace.entry.id, live.record.parent, live.state)
        return work.start(live.workspace, self._provisioner, live.ready, shares)

    def _started(self, live: Live, handle: Handle | Performance | Fault) -> None:
        if isinstance(handle, Fault):
            self._feed(live, lifecycle.StartFailed(self._clock(), handle))
            return
        live.handle = handle
        live.state["supervisor"] = handle.supervisor_pid
        self._feed(live, lifecycle.Started(handle.started or self._clock()))

    # watching and ending

    def _watch(self, live: Live) -> None:
        handle = live.handle
        if handle is None:
            return
        if handle.wait_fd is not None:
            fd = handle.wait_fd
            self._loop.watch(fd, lambda: self._look(live, fd))
        else:
            self._loop.later(0.0, lambda: self._look(live, None))

    def _look(self, live: Live, fd: int | None) -> None:
        if fd is not None:
            self._loop.unwatch(fd)
        end = live.handle.poll() if live.handle else None
        if end is not None:
            self._ended(live, end)
        elif fd is not None:
            self._watch(live)
        else:
            self._loop.later(LOOK_SECONDS, lambda: self._look(live, None))

    def _ended(self, live: Live, end: handles.Exit) -> None:
        if isinstance(live.handle, Performance):
            fault = live.handle.fault
        else:
            fault = work.judge(live.workspace, live.record, end, time_limit(live.record.body))
        live.state["exit"] = {"code": end.code, "signal": end.signal, "reason": end.reason}
        at = end.ended or self._clock()
        self._feed(live, lifecycle.Exited(at, fault, cancelled=end.reason == "cancelled"))

    def _finalize(self, live: Live) -> work.Kept:
        good = live.job.fault is None and not live.job.cancelled
        record = replace(live.record, state=live.state)
        return work.finalize(live.workspace, record, good=good, now=self._clock())

    def _finalized(self, live: Live, kept: work.Kept) -> None:
        live.state["outputs"] = kept.outputs
        now = self._clock()
        self._feed(live, lifecycle.FinalizationFailed(now, kept.fault) if kept.fault else lifecycle.Finalized(now))

    # committing

    def _commit_later(self, live: Live) -> None:
        self._late.add(live.key)
        if not self._lazy:
            self._lazy = True
            self._loop.later(LAZY_SECONDS, self._commit_late)

    def _commit_late(self) -> None:
        self._lazy = False
        for key in list(self._late):
            live = self._live.get(key)
            self._late.discard(key)
            if live is not None:
                self._commit(live)

    def _commit(self, live: Live) -> None:
        """Write how far the job has come; what cannot be written now is tried again."""
        self._late.discard(live.key)
        if live.job.fault is not None:
            live.state["error"] = asdict(live.job.fault)
        live.state |= {"phase": live.job.phase.value, "cancelled": live.job.cancelled}
        try:
            asked = ledger.write(
                live.workspace, live.job, live.untold, live.state, now=self._clock(), started=live.begun
            )
        except AmlError:
            traceback.print_exc(file=sys.stderr)
            self._loop.later(AGAIN_SECONDS, lambda: self._commit(live))
            return
        live.untold.clear()
        if live.job.phase in lifecycle.FINAL:
            self._forget(live)
        elif asked and not live.job.cancelling:
            self._loop.soon(lambda: self._feed(live, lifecycle.CancelAsked(self._clock())))

    def _forget(self, live: Live) -> None:
        self._live.pop(live.key, None)
        parent = self._live.get((live.workspace.entry.id, live.record.parent.lower()))
        if parent is not None and isinstance(parent.handle, Performance):
            parent.handle.tell(live.record.name)
        if live.handle is not None:
            live.handle.close()
        if live.conducts:
            self._provisioner.dismiss(isolation.crew(live.workspace.entry.id, live.record.name))
        self._pool.submit(work.clear, live.workspace, live.record.name)

    # for the host

    def busy(self) -> bool:
        """Whether there is any job that has not ended."""
        return bool(self._live)

    def settled(self) -> bool:
        """Whether a host may leave now without anything having to be done twice: jobs only wait or run."""
        resting = {Status.QUEUED, Status.RUNNING}
        return not self._late and all(live.job.phase in resting for live in self._live.values())

    def summary(self) -> list[dict[str, Any]]:
        """What is going on, for `status`."""
        return [
            {
                "workspace": live.workspace.entry.name,
                "job": live.record.name,
                "status": live.job.status.value,
                "pid": live.handle.supervisor_pid if live.handle else None,
                "ahead": self._slots.ahead(live.slot, live.record.name),
            }
            for live in self._live.values()
        ]

    def close(self) -> None:
        """Leave the runs alone; they go on without a host."""
        for live in list(self._live.values()):
            if isinstance(live.handle, Performance):
                live.handle.close()
            live.given_up.set()
        self._pool.shutdown(wait=False, cancel_futures=True)


_URGENT = lifecycle.FINAL | {Status.RUNNING}
