"""The requests of one deployment: those that wait, those its replicas have, and the limits both are held to.

A request that a lost replica had not begun goes to another one; one it had begun is answered 502. Nothing is answered
twice, and nothing waits longer than its timeout.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from jupyter_aml.local.serving.router import replies
from jupyter_aml.local.serving.router.asked import Asked, Done
from jupyter_aml.local.serving.router.link import Link
from jupyter_aml.local.serving.router.measures import Measures

GENEROUS = 1000
"""Requests at a time per instance, when a deployment does not say."""
_NUMBERS = 1 << 32
_MIRRORS = 64
_LATER = b"Retry-After: 1\r\n"
_TICK = 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """What a deployment's request settings allow.

    Attributes:
        timeout: Seconds a request may take, waiting included.
        concurrent: Requests at a time per instance; None when not said.
        queue: Seconds a request may wait before a replica begins with it; None for as long as `timeout`.
        instances: How many instances the deployment has.
    """

    timeout: float = 5.0
    concurrent: int | None = None
    queue: float | None = None
    instances: int = 1

    @property
    def most(self) -> int:
        """Requests at a time before 429.

        Source: troubleshooting of online endpoints, HTTP status codes: 2 * max_concurrent_requests_per_instance *
        instance_count.
        """
        each = GENEROUS if self.concurrent is None else 2 * self.concurrent
        return each * max(self.instances, 1)


class Pool:
    """The queue and the replicas of one deployment.

    Args:
        name: Of the deployment.
        limits: May be replaced at any time.
        loop: The loop all of it runs on.
        measures: Where batch sizes are counted; none when left out.

    Attributes:
        endpoint: Name of its endpoint, for messages.
        links: Its replicas that take requests.
        why: Why no replica is ready, a sentence; while it is empty, requests wait for one.
        on_stuck: Called with a replica that still has a request it began and that is over its timeout.
    """

    def __init__(
        self, name: str, limits: Limits, loop: asyncio.AbstractEventLoop, measures: Measures | None = None
    ) -> None:
        self.name = name
        self.endpoint = "ENDPOINT"
        self.limits = limits
        self.measures = measures or Measures()
        self.links: list[Link] = []
        self.why = ""
        self.on_stuck: Callable[[Link], None] = lambda _link: None
        self._loop = loop
        self._open: dict[int, Asked] = {}
        self._waiting: deque[Asked] = deque()
        self._number = 0
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._leaving: dict[Link, asyncio.Future[None]] = {}
        self._shared = time.monotonic()

    @property
    def open(self) -> int:
        """How many requests are not answered yet."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """How many of them no replica has begun with."""
        return len(self._open) - self.running

    @property
    def running(self) -> int:
        """How many of them a replica has begun with."""
        return sum(asked.running for asked in self._open.values())

    @property
    def spare(self) -> bool:
        """Whether a mirrored copy may be taken without delaying anything for long."""
        return bool(self.links) and len(self._open) < min(_MIRRORS, self.limits.most)

    def submit(self, asked: Asked, done: Done) -> None:
        """Take a request; `done` is called once, at once when it is refused."""
        asked.done = done
        if len(self._open) >= self.limits.most:
            self._refuse_more(asked)
            return
        if not self.links and self.why:
            self._refuse_idle(asked)
            return
        self._number = asked.number = (self._number + 1) % _NUMBERS
        self._open[asked.number] = asked
        self._waiting.append(asked)
        if not self._scheduled:
            self._schedule()
        if self._timer is None:
            self._watch(asked)

    def _refuse_more(self, asked: Asked) -> None:
        most = self.limits.most
        message = (
            f"Deployment {self.name} has {len(self._open)} requests under way and takes {most} at a time. "
            "Send it again a little later, or raise request_settings.max_concurrent_requests_per_instance or the "
            "instance count of the deployment."
        )
        self._end(asked, 429, "TooManyPendingRequests", message, "too_many_pending_request")

    def _refuse_idle(self, asked: Asked) -> None:
        why = self.why or "None of its replicas has become ready."
        message = f"Deployment {self.name} has no replica that is ready: {why}"
        self._end(asked, 503, "ModelNotReady", message, "model_not_ready")

    def _end(self, asked: Asked, status: int, code: str, message: str, reason: str) -> None:
        """Answer a request ourselves."""
        later = _LATER if status in {429, 503} else b""
        headers = b"%bms-azureml-model-error-reason: %b\r\n%b" % (replies.JSON, reason.encode(), later)
        self.finish(asked, status, headers, replies.error(code, message, asked.id))

    def finish(self, asked: Asked, status: int, headers: bytes, body: bytes) -> None:
        """Answer a request, unless it was."""
        if asked.over:
            return
        asked.over = True
        self._open.pop(asked.number, None)
        done, asked.done = asked.done, None
        if done is not None:
            done(asked, status, headers, body)
        asked.body = b""

    def forget(self, asked: Asked) -> None:
        """Nobody waits for this one any more: it is not sent, or its answer is dropped."""
        asked.over = True
        asked.body = b""
        self._open.pop(asked.number, None)

    def add(self, link: Link) -> None:
        """Give a replica its share from now on; its socket is connected."""
        if link.lost.done():
            return
        link.pool = self
        self.links.append(link)
        self._schedule()

    async def retire(self, link: Link) -> None:
        """Send a replica nothing more; return when it has answered everything or is lost."""
        link.retiring = True
        if link in self.links:
            self.links.remove(link)
        if link.held and not link.lost.done():
            left = self._leaving.setdefault(link, self._loop.create_future())
            await asyncio.shield(left)

    def lost(self, link: Link) -> None:
        """A replica is gone: what it had begun is answered 502, the rest goes to another."""
        if link in self.links:
            self.links.remove(link)
        held, link.held = list(link.held.values()), {}
        for asked in reversed(held):
            if not asked.over and not asked.running:
                asked.link = None
                self._waiting.appendleft(asked)
        for asked in held:
            if asked.running:
                self._end(asked, 502, "ReplicaEnded", self._ended(link), "model_error")
        self._left(link)
        if not self.links and self.why:
            self._empty()
        self._schedule()

    def _ended(self, link: Link) -> str:
        return (
            f"Replica {link.number} of deployment {self.name} ended while it ran this request; another one takes its "
            f"place. What it said last: aml online-deployment get-logs -n {self.name} -e {self.endpoint}"
        )

    def _empty(self) -> None:
        """Refuse all that waits for a replica that will not come soon."""
        waiting, self._waiting = self._waiting, deque()
        for asked in waiting:
            if not asked.over:
                self._refuse_idle(asked)

    def began(self, count: int) -> None:
        """A replica begins with so many requests in one call."""
        self.measures.batch(count)

    def freed(self, link: Link) -> None:
        """A replica answered: send what waits."""
        if link.retiring and not link.held:
            self._left(link)
        if self._waiting and not self._scheduled:
            self._schedule()

    def _left(self, link: Link) -> None:
        left = self._leaving.pop(link, None)
        if left is not None and not left.done():
            left.set_result(None)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        """Send what waits to the replicas with the least to do, in one write each."""
        self._scheduled = False
        waiting = self._waiting
        touched = set()
        while waiting:
            if waiting[0].over:
                waiting.popleft()
                continue
            link = self._free()
            if link is None:
                break
            link.give(waiting.popleft())
            touched.add(link)
        for link in touched:
            link.flush()

    def _free(self) -> Link | None:
        """The replica with the fewest requests, if it may be sent another; one that hangs only where all do."""
        links = self.links
        if not links:
            return None
        link = links[0] if len(links) == 1 else min(links, key=_load)
        return link if link.room > 0 else None

    def _watch(self, asked: Asked) -> None:
        """Look at the timeouts when this request's is reached; the others came later."""
        limits = self.limits
        first = limits.timeout if limits.queue is None else min(limits.timeout, limits.queue)
        at = max(asked.begun + first, time.monotonic() + _TICK)
        self._timer = self._loop.call_at(at, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now, limits = time.monotonic(), self.limits
        late, first = [], None
        for asked in self._open.values():
            age = now - asked.begun
            queued = limits.queue is not None and not asked.running and age >= limits.queue
            if age >= limits.timeout or queued:
                late.append(asked)
            elif first is None:
                first = asked
                if limits.queue is None:
                    break
        for asked in late:
            self._time_out(asked, now)
        if first is not None and self._timer is None:
            self._watch(first)

    def _time_out(self, asked: Asked, now: float) -> None:
        link, limits = asked.link, self.limits
        if now - asked.begun < limits.timeout:
            message = (
                f"The request waited {limits.queue:g} s for a replica of deployment {self.name}, the most its "
                "request_settings.max_queue_wait_ms allows. Send it again later, or raise the instance count."
            )
            self._end(asked, 503, "QueueWaitExceeded", message, "queue_wait_exceeded")
        elif not self.links and link is None:
            self._refuse_idle(asked)
        else:
            message = (
                f"The request took longer than {limits.timeout:g} s, the most that deployment {self.name} allows. "
                "Raise request_settings.request_timeout_ms (at most 180000), or make run() faster."
            )
            self._end(asked, 408, "RequestTimeout", message, "request_timeout")
            if link is not None:
                link.overdue = True
        if asked.running and link is not None and not link.lost.done():
            self.on_stuck(link)

    def busy_share(self) -> float:
        """How much of the time since this was last asked its replicas were busy, 0 to 1."""
        now = time.monotonic()
        span, self._shared = now - self._shared, now
        spent = sum(link.busy() for link in self.links)
        return min(spent / (span * len(self.links)), 1.0) if self.links and span > 0 else 0.0


def _load(link: Link) -> tuple[bool, int]:
    return link.overdue, len(link.held)
