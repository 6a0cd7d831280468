"""The replicas of a deployment: as many as wanted, of the generation wanted, none of them stuck.

A change of generation loses no request: the new replicas are ready before they take any, then the old ones finish
what they have begun. While the new ones cannot be had, the old ones go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jupyter_aml.local.serving.online.places import DeploymentPlace
from jupyter_aml.local.serving.router import scaling
from jupyter_aml.local.serving.router.memory import held_by, resident, shorten
from jupyter_aml.local.serving.router.order import Deployment
from jupyter_aml.local.serving.router.pool import Pool
from jupyter_aml.local.serving.router.spare import Ahead
from jupyter_aml.local.serving.router.squad import Slot, Squad
from jupyter_aml.local.serving.router.station import ReplicaError

STARTING, HEALTHY, UNHEALTHY = "Starting", "Healthy", "Unhealthy"
WATCH_SECONDS = 1.0
EXACT_EVERY = 10
"""Looks from one exact measurement of a replica's memory, which takes a while, to the next."""
MIB = 1 << 20


class Crew:
    """One deployment, kept as it is wanted.

    Args:
        deployment: What is wanted.
        pool: Where its requests wait.
        place: Its folder.
        environment: Variables for its replicas beside those of the order.
        changed: Called whenever something changes that the status shows.
        ahead: Has an interpreter that may become a replica.
    """

    def __init__(
        self,
        deployment: Deployment,
        pool: Pool,
        place: DeploymentPlace,
        environment: Mapping[str, str],
        changed: Callable[[], None],
        *,
        ahead: Ahead | None = None,
    ) -> None:
        self._ahead = ahead
        self.deployment = deployment
        self.pool = pool
        self._place = place
        self._environment = environment
        self._tell = changed
        self._loop = asyncio.get_running_loop()
        self._load = scaling.first(deployment.scale, deployment.instances)
        self._tasks: set[asyncio.Task[None]] = set()
        self._squad = self._muster(deployment)
        self._squad.live = True
        self._next: Squad | None = None
        self._closing = False
        self._resize()
        self._watching = asyncio.create_task(self._watch())
        self._scaling: asyncio.Task[None] | None = None
        self._scale()

    def _muster(self, deployment: Deployment) -> Squad:
        return Squad(deployment, self._place, self._environment, self.pool, self._changed, ahead=self._ahead)

    # what is shown

    @property
    def wanted(self) -> int:
        """How many replicas there are to be."""
        instances = self._load.instances if self.deployment.scale else self.deployment.instances
        return instances * self.deployment.workers

    @property
    def newest(self) -> Squad:
        """The replicas of the generation that is wanted."""
        return self._next or self._squad

    @property
    def swagger(self) -> dict[str, Any] | None:
        """The OpenAPI document of the replicas that take requests."""
        return self._squad.swagger

    @property
    def state(self) -> str:
        """`Starting`, `Healthy` or `Unhealthy`."""
        if self.newest.unhealthy is not None:
            return UNHEALTHY
        return HEALTHY if self._next is None and self._squad.ready >= self.wanted else STARTING

    def describe(self) -> dict[str, Any]:
        """The deployment in the status."""
        failing = self.newest.unhealthy
        return {
            "generation": self.newest.deployment.generation,
            "state": self.state,
            "wanted": self.wanted,
            "ready": self.newest.ready,
            "draining": len(self._tasks),
            "error": failing.told() if failing is not None else None,
            "replicas": [slot.describe() for slot in self.newest.slots.values()],
        }

    def _changed(self) -> None:
        if not self._closing:
            self._advance()
        self.pool.why = self._why()
        self._tell()

    def _why(self) -> str:
        """Why no replica will take requests soon; empty while it is worth waiting for one."""
        failing = self._squad.unhealthy
        if failing is not None and failing.error is not None and not failing.served:
            return failing.error.message
        return "It has no instances." if self.wanted == 0 else ""

    # what is wanted

    def apply(self, deployment: Deployment) -> None:
        """Have it as `deployment` says from now on."""
        self.deployment = deployment
        self._load = scaling.first(deployment.scale, self._load.instances)
        if deployment.generation == self._squad.deployment.generation:
            self._squad.deployment = deployment
            self._drop_next()
        elif self._next is None or deployment.generation != self._next.deployment.generation:
            self._drop_next()
            self._next = self._muster(deployment)
        self._scale()
        self._resize()

    def _drop_next(self) -> None:
        if self._next is not None:
            dropped, self._next = self._next, None
            self._spawn(dropped.close(0.0))

    def _resize(self) -> None:
        instances = max(self.wanted // self.deployment.workers, 1)
        self.pool.limits = replace(self.deployment.limits, instances=instances)
        if self._next is None:
            self._squad.resize(self.wanted)
        else:
            self._next.resize(self.wanted)

    def _advance(self) -> None:
        """Let the new generation take over as soon as all of it is ready."""
        if self._next is None or self._next.ready < self.wanted:
            return
        old, self._squad, self._next = self._squad, self._next, None
        self._squad.go_live()
        self._spawn(old.close(old.deployment.limits.timeout + old.deployment.liveness.timeout))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._drained)

    def _drained(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._tell()

    async def close(self, grace: float) -> None:
        """Finish what is begun within `grace` seconds, then end all replicas."""
        self._closing = True
        for task in (self._watching, self._scaling):
            if task is not None:
                task.cancel()
        self._drop_next()
        await self._squad.close(grace)
        if self._tasks:
            await asyncio.wait(self._tasks)

    # load

    def _scale(self) -> None:
        """Follow the load, where that is asked for."""
        if self._scaling is not None:
            self._scaling.cancel()
            self._scaling = None
        if self.deployment.scale is not None:
            self._scaling = asyncio.create_task(self._follow_load())

    async def _follow_load(self) -> None:
        while (scale := self.deployment.scale) is not None:
            await asyncio.sleep(scale.interval)
            before = self.wanted
            self._load = scaling.decide(self._load, scale, self.pool.busy_share(), self.pool.waiting, self._loop.time())
            if self.wanted != before:
                self._resize()

    # replicas that do not work

    async def _watch(self) -> None:
        """Look at the memory and the logs of the replicas, and whether any takes requests."""
        for looks in itertools.count():
            await asyncio.sleep(WATCH_SECONDS)
            squads = [self._squad, *([self._next] if self._next else [])]
            for slot in [slot for squad in squads for slot in squad.slots.values() if slot.pid]:
                if not slot.memory or looks % EXACT_EVERY == 0:
                    slot.memory = held_by(slot.pid)
                self._judge_memory(slot)
                self._judge_pace(slot)
            for log in self._place.logs.glob("*.log"):
                with contextlib.suppress(OSError):
                    shorten(log)

    def _judge_memory(self, slot: Slot) -> None:
        limit = self.deployment.memory
        if limit is None or slot.reason is not None or resident(slot.pid) <= limit:
            return
        slot.memory = held_by(slot.pid)
        if slot.memory > limit:
            held, most = slot.memory // MIB, limit // MIB
            slot.kill(
                ReplicaError(
                    "OOMKilled",
                    f"The replica held {held} MiB, more than its limit of {most} MiB, and was ended. "
                    "Raise resources.limits.memory, or look for what run() keeps.",
                )
            )

    def _judge_pace(self, slot: Slot) -> None:
        """End a replica that has requests and neither begins nor answers any, longer than one may take."""
        patience = self.deployment.limits.timeout + self.deployment.liveness.stuck_patience
        seconds = slot.silence(time.monotonic())
        if seconds <= patience or slot.link is None or slot.reason is not None:
            return
        what = "run() has not come back" if slot.link.running else "It has begun no request"
        told = f"{what} for {seconds:.0f} s; the replica was ended and is started again."
        slot.kill(ReplicaError("LivenessProbeFailed", told))
