"""The replicas of one generation of a deployment: each slot is filled again whenever its replica ends.

A slot that fails waits longer each time before it tries again, and says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_aml.local.serving.online.places import DeploymentPlace
from jupyter_aml.local.serving.router.link import Link
from jupyter_aml.local.serving.router.order import Deployment
from jupyter_aml.local.serving.router.pool import Pool
from jupyter_aml.local.serving.router.spare import Ahead
from jupyter_aml.local.serving.router.station import ReplicaError, Station, ending

FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0
"""Seconds before the first repetition of a failed start, and at most."""
HEALTHY_SECONDS = 10.0
"""A replica that lived so long has not failed to start."""
FAILURES = 3
"""So many failures in a row make a slot unhealthy."""
LINES = 20
"""Lines of a replica's log that are told with its failure."""
REPORT_SECONDS = 1.0
"""How long the word of how a replica ended may take to arrive."""
END_SECONDS = 5.0
"""How long a replica that has nothing to do may take to end."""


@dataclass(eq=False)
class Slot:
    """A place for a replica.

    Attributes:
        state: `starting`, `ready`, `waiting` (for its next try) or `ending`.
        failures: How often in a row it has failed.
        restarts: How often it was filled again.
        started: When its replica became ready, in seconds since the epoch.
        memory: Bytes that its replica holds.
        quiet: When its replica was seen last to do something or to have nothing to do, and what it had done by then.
        reason: Why we have killed its replica.
        served: Whether the replica that failed last had become ready.
        printed: What the replica that failed last had printed last.
    """

    number: int
    state: str = "starting"
    failures: int = 0
    restarts: int = 0
    started: float = 0.0
    memory: int = 0
    pid: int = 0
    error: ReplicaError | None = None
    reason: ReplicaError | None = None
    served: bool = False
    printed: str = ""
    quiet: tuple[float, float] = (0.0, 0.0)
    link: Link | None = None
    station: Station | None = None
    task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """What its present replica is called on the control channel."""
        return f"{self.number}.{self.restarts}"

    @property
    def unhealthy(self) -> bool:
        """Whether it fails again and again, or has said why it cannot serve."""
        if self.link is not None:
            return self.failures >= FAILURES and time.time() - self.started < HEALTHY_SECONDS
        return self.failures >= FAILURES or (self.error is not None and self.error.told)

    def silence(self, now: float) -> float:
        """Seconds for which its replica has had requests without beginning or answering any; asked now and then."""
        since, moved = self.quiet
        if self.link is None or not self.link.load or self.link.moved != moved:
            self.quiet = (now, self.link.moved if self.link is not None else 0.0)
            return 0.0
        return now - since

    def kill(self, reason: ReplicaError) -> None:
        """End its replica at once."""
        self.reason = reason
        if self.station is not None and not self.station.forkable:
            self.station.kill()
        elif self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def failed(self, fault: ReplicaError) -> None:
        """Note that its replica has ended, or could not be had."""
        self.state, self.error, self.served = "waiting", self.reason or fault, self.link is not None
        self.printed = self.station.printed(LINES) if self.station is not None else ""
        self.link, self.pid, self.memory, self.reason = None, 0, 0, None
        self.failures += 1
        self.restarts += 1

    def told(self) -> dict[str, str] | None:
        """Its last failure in the status."""
        if self.error is None:
            return None
        return {"code": self.error.code, "message": self.error.message, "log": self.printed}

    def describe(self) -> dict[str, Any]:
        """The slot in the status."""
        return {
            "id": str(self.number),
            "pid": self.pid,
            "state": self.state,
            "restarts": self.restarts,
            "started": self.started,
            "memory": self.memory,
        }


class Squad:
    """The replicas of one generation.

    Args:
        deployment: What is wanted; of the same generation for ever.
        place: The deployment's folder.
        environment: Variables beside those of the order.
        pool: Where ready replicas go once the squad is live.
        changed: Called whenever a replica changes.
        ahead: Has an interpreter that may become a replica.
    """

    def __init__(
        self,
        deployment: Deployment,
        place: DeploymentPlace,
        environment: Mapping[str, str],
        pool: Pool,
        changed: Callable[[], None],
        *,
        ahead: Ahead | None = None,
    ) -> None:
        self._ahead = ahead
        self.deployment = deployment
        self.slots: dict[int, Slot] = {}
        self.live = False
        self.swagger: dict[str, Any] | None = None
        self._place = place
        self._environment = {**deployment.environment, **environment}
        self._pool = pool
        self._changed = changed
        self._mother: Station | None = None
        self._single = False
        self._first = asyncio.Lock()
        self._ends: dict[str, asyncio.Future[int]] = {}
        self._numbers = 0
        self._leaving: set[asyncio.Task[None]] = set()
        self._grace: float | None = None

    # what there is

    @property
    def ready(self) -> int:
        return sum(slot.state == "ready" for slot in self.slots.values())

    @property
    def unhealthy(self) -> Slot | None:
        """A slot that cannot be filled."""
        return next((slot for slot in self.slots.values() if slot.unhealthy), None)

    def resize(self, count: int) -> None:
        """Have `count` replicas from now on; those that are too many finish what they have begun."""
        for number in range(count):
            if number not in self.slots:
                slot = self.slots[number] = Slot(number)
                slot.task = asyncio.create_task(self._keep(slot))
        for number in sorted(self.slots)[count:]:
            leaving = asyncio.create_task(self._leave(self.slots.pop(number)))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        self._changed()

    def go_live(self) -> None:
        """Take requests from now on."""
        self.live = True
        for slot in self.slots.values():
            if slot.link is not None:
                self._pool.add(slot.link)

    async def close(self, grace: float) -> None:
        """Finish what is begun within `grace` seconds, then end all replicas."""
        self._grace = grace
        self.resize(0)
        await asyncio.gather(*self._leaving)
        if self._mother is not None:
            await self._mother.stop(END_SECONDS)

    # a slot

    async def _keep(self, slot: Slot) -> None:
        """Fill the slot, for ever."""
        while True:
            try:
                await self._fill(slot)
            except ReplicaError as error:
                fault = error
            except Exception as error:  # noqa: BLE001 - whatever it is, the slot is filled again and says why
                traceback.print_exc()
                fault = ReplicaError("ReplicaNotStarted", f"The replica could not be started: {error}.")
            else:
                fault = await self._end_of(slot)
                if time.time() - slot.started >= HEALTHY_SECONDS:
                    slot.failures = 0
            delay = min(FIRST_DELAY * 2**slot.failures, LONGEST_DELAY)
            slot.failed(fault)
            self._report(slot)
            self._changed()
            await asyncio.sleep(delay)
            slot.state = "starting"

    def _report(self, slot: Slot) -> None:
        """Write into the process's log why a slot is empty."""
        moment = time.strftime("%Y-%m-%d %H:%M:%S")
        what = f"{moment} {self.deployment.name}, replica {slot.number}, failure {slot.failures}: {slot.error}"
        print(what, file=sys.stderr, flush=True)  # noqa: T201 - the process's log

    async def _fill(self, slot: Slot) -> None:
        """Have a replica in the slot that is ready.

        Raises:
            ReplicaError: It could not be had.
        """
        patience = self.deployment.liveness.start_patience
        station = slot.station = await self._station(slot, patience)
        self._ends = {name: told for name, told in self._ends.items() if not told.done()}
        self._ends[slot.name] = asyncio.get_running_loop().create_future()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.settimeout(0)
        try:
            with theirs:
                said = await asyncio.wait_for(station.serve(slot.name, theirs), patience)
        except (ReplicaError, TimeoutError, asyncio.CancelledError) as error:
            ours.close()
            if not station.forkable:
                station.kill()
            if isinstance(error, TimeoutError):
                raise _too_slow("init()", patience) from error
            raise
        self.swagger, slot.pid = said.get("swagger"), int(said["pid"])
        link = Link(slot.number, batches=bool(said.get("batches")), headers=bool(said.get("headers")))
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
        slot.link, slot.state, slot.started = link, "ready", time.time()
        if self.live:
            self._pool.add(link)
        self._changed()

    async def _station(self, slot: Slot, patience: float) -> Station:
        """The process that is to serve: the mother of all, or one of the slot's own."""
        if not self._single:
            async with self._first:  # whether one may be forked is told by the first
                if self._mother is not None and not self._mother.ended.done():
                    return self._mother
                station = await self._spawn(slot, patience)
                self._single = not station.forkable
                if station.forkable:
                    self._mother = station
                    station.on_child_end = self._child_ended
                return station
        return await self._spawn(slot, patience)

    async def _spawn(self, slot: Slot, patience: float) -> Station:
        self._numbers += 1
        log = self._place.replica_log(slot.number)
        folder = self._place.generation(self.deployment.generation).folder
        station = slot.station = Station(
            self.deployment.replica, folder, str(self._numbers), log, self._environment, ahead=self._ahead
        )
        try:
            await asyncio.wait_for(asyncio.shield(station.loaded), patience)
        except (ReplicaError, TimeoutError, asyncio.CancelledError) as error:
            station.kill()
            if isinstance(error, TimeoutError):
                raise _too_slow("loading", patience) from error
            raise
        return station

    def _child_ended(self, name: str, status: int) -> None:
        told = self._ends.get(name)
        if told is not None and not told.done():
            told.set_result(status)

    def _end_told(self, slot: Slot) -> asyncio.Future[int]:
        """How the mother's child in a slot ended, as soon as she tells."""
        return self._ends[slot.name]

    async def _end_of(self, slot: Slot) -> ReplicaError:
        """Wait until the replica of a slot ends, and say how it did."""
        link, station = slot.link, slot.station
        if link is None or station is None:
            return ReplicaError("ReplicaEnded", "The replica is gone.")
        await asyncio.wait((link.lost, station.ended), return_when=asyncio.FIRST_COMPLETED)
        if not station.forkable:
            station.kill()  # one that has closed its line serves no more
        told = self._end_told(slot)
        await asyncio.wait((told, station.ended), timeout=REPORT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ended = next((one for one in (told, station.ended) if one.done()), None)
        status = ended.result() if ended is not None else None
        link.close()
        return ReplicaError("ReplicaEnded", ending(status) if status is not None else "The replica does not answer.")

    async def _leave(self, slot: Slot) -> None:
        """Empty a slot for good: no new requests, what is begun is finished."""
        link, station, task = slot.link, slot.station, slot.task
        slot.state = "ending"
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
        if link is not None:
            if self.live:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._pool.retire(link), self._patience)
            link.close()
        if station is None:
            return
        if station is not self._mother:
            await station.stop(END_SECONDS)
        elif link is not None:
            await self._until_ended(slot)

    async def _until_ended(self, slot: Slot) -> None:
        """See that a mother's child ends."""
        told, _ = await asyncio.wait((self._end_told(slot),), timeout=END_SECONDS)
        if not told:
            slot.kill(ReplicaError("ReplicaEnded", "It did not end when it was to."))

    @property
    def _patience(self) -> float:
        """Seconds for the requests that a leaving replica has."""
        return self.deployment.limits.timeout + END_SECONDS if self._grace is None else self._grace


def _too_slow(what: str, patience: float) -> ReplicaError:
    return ReplicaError(
        "ContainerStartTimeout",
        f"The replica's {what} did not end within {patience:g} s, the time that its liveness probe leaves for it.",
    )
