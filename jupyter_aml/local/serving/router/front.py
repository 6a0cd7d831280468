"""The front of an endpoint: takes each request to a deployment by header or traffic, and its answer back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping

from jupyter_aml.local.serving.router import choice, entry, plans, replies
from jupyter_aml.local.serving.router.asked import Asked, Head, Served
from jupyter_aml.local.serving.router.exposition import CONTENT_TYPE
from jupyter_aml.local.serving.router.heads import Heads
from jupyter_aml.local.serving.router.http1 import Connection
from jupyter_aml.local.serving.router.listening import SPARE, Listener, make_room
from jupyter_aml.local.serving.router.measures import Book
from jupyter_aml.local.serving.router.plans import Plan, Rules
from jupyter_aml.local.serving.router.pool import Pool

__all__ = ["Front", "Rules", "make_room"]

_log = logging.getLogger(__name__)

ROOM = 1 << 30
"""Bytes of bodies held at a time, all connections together."""
_HTML = b"Content-Type: text/html; charset=utf-8\r\n"
_OK = 200
_NO_TRAFFIC = (
    "No valid deployments to route to. Please check that the endpoint has at least one deployment with positive weight "
    "values or use a deployment specific header to route."
)
"""As Azure says it."""
_LOOK_SECONDS = 1.0
_SWEEP = 15


def _ids() -> Iterator[str]:
    """Ids in the form of a UUID, made of a random beginning and a counter."""
    start = os.urandom(10).hex()
    head = f"{start[:8]}-{start[8:12]}-4{start[12:15]}-8{start[15:18]}-"
    number = int.from_bytes(os.urandom(4), "big")
    while True:
        number += 1
        yield f"{head}{number:012x}"


class Front:
    """Serves the requests of one endpoint.

    Args:
        pools: The deployments that run, by name; belongs to the caller, who calls `settings` after changing it.
        rules: How requests are treated.
        loop: The loop all of it runs on.
        verify: Checks tokens; none is good when left out.

    Attributes:
        observers: Called after each answer of a deployment or refusal on the way to one.
        measures: The figures.
    """

    def __init__(
        self,
        pools: Mapping[str, Pool],
        rules: Rules,
        loop: asyncio.AbstractEventLoop,
        verify: entry.Verify | None = None,
    ) -> None:
        self.pools = pools
        self.observers: list[Callable[[Served], None]] = []
        self.measures = Book()
        self.heads = Heads()
        self.room = ROOM
        self.connections: set[Connection] = set()
        self.watched: set[Connection] = set()
        self._loop = loop
        self._verify: entry.Verify = verify or (lambda _token, _audience: None)
        self._ids = _ids()
        self._clock = replies.Clock()
        self._epoch = 0
        self._closing = False
        self._looks = 0
        self._listeners: list[Listener] = []
        self._sharing: tuple[dict[str, int], dict[str, int]] | None = None
        self._told: tuple[bytes, str, int, int, Plan, int] | None = None
        self._lines = b""
        self.settings(rules)
        self._timer = loop.call_later(_LOOK_SECONDS, self._look)

    def settings(self, rules: Rules) -> None:
        """Treat all requests from now on by these rules, and see what `pools` holds now."""
        self.rules = rules
        self.largest = rules.largest
        for pool in self.pools.values():
            pool.endpoint = rules.endpoint
        self._epoch += 1
        sharing = ({n: s for n, s in rules.traffic.items() if n in self.pools},
                   {n: s for n, s in rules.mirror.items() if n in self.pools})  # fmt: skip
        if sharing != self._sharing:
            self._sharing = sharing
            self._turns, self._copies = choice.serving(sharing[0]), choice.mirroring(sharing[1])
        self._mirrors = any(sharing[1].values())
        self._cors = any(rules.origins.values())

    def listen(self, sock: socket.socket) -> None:
        """Take connections of a socket that is bound and listens."""
        most = max(make_room() - SPARE, 1)
        build = lambda: Connection(self, self._loop)  # noqa: E731 - one of a kind
        self._listeners.append(Listener(sock, build, lambda: len(self.connections), self._loop, most))

    def plan(self, head: Head) -> Plan:
        """What becomes of requests with this head, decided once per head and rules."""
        plan: Plan | None = head.plan
        if plan is None or plan.epoch != self._epoch or (plan.until != entry.ALWAYS and plan.until <= time.time()):
            plan = head.plan = plans.build(head, self.rules, self._epoch, self._verify)
        return plan

    def serve(self, connection: Connection, head: Head, plan: Plan, body: bytes) -> None:
        """Answer a request, or send it on."""
        begun, wall = time.monotonic(), time.time()
        request_id, lines = plans.id_lines(plan.ids, next(self._ids))
        asked = Asked(request_id, head, body, plan.deployment, begun, wall, connection, plan.ids[2], lines, plan)
        if plan.kind != plans.SCORING:
            self._answer_here(asked, plan)
            return
        name = plan.deployment or self._turns.only or self._turns.next()
        pool = self.pools.get(name)
        if pool is None:
            self._nowhere(asked)
            return
        asked.deployment = name
        connection.asked = asked
        if self._mirrors and not plan.deployment:
            self._mirror(asked)
        pool.submit(asked, self._scored)

    def _nowhere(self, asked: Asked) -> None:
        """No deployment may have it."""
        asked.deployment = ""
        message, named = _NO_TRAFFIC, asked.plan.deployment
        if named:
            has = ", ".join(self.pools) or "none"
            message = f"The endpoint has no deployment {named}, which {plans.DEPLOYMENT} names; it has: {has}."
        self._scored(asked, 404, replies.JSON, replies.error("NotFound", message, asked.id))

    def _mirror(self, asked: Asked) -> None:
        """Send a copy to the deployment whose turn it is; nobody waits for its answer."""
        name = self._copies.next()
        pool = self.pools.get(name) if name else None
        if pool is None or name == asked.deployment:
            return
        if not pool.spare:
            self.measures.of(name).dropped += 1
            return
        self.measures.of(name).mirrored += 1
        copy = Asked(asked.id, asked.head, asked.body, name, asked.begun, asked.wall, None, asked.client_id)
        pool.submit(copy, self._mirrored)

    def _mirrored(self, asked: Asked, status: int, headers: bytes, body: bytes) -> None:
        self._record(asked, status, headers, body)

    def _scored(self, asked: Asked, status: int, headers: bytes, body: bytes) -> None:
        """Send the answer of a deployment, or of the way to it."""
        told = (headers, asked.deployment, status, asked.model_status, asked.plan, self._epoch)
        if told != self._told:  # those that a replica answered together have the same lines
            self._told, self._lines = told, self._lines_of(asked, status, headers)
        self._send(asked, status, self._lines, body)
        self._record(asked, status, self._lines, body)

    def _lines_of(self, asked: Asked, status: int, headers: bytes) -> bytes:
        """The header lines of an answer, but for those that each answer has of its own."""
        if asked.model_status:
            headers = replies.clean(headers)
            if status != _OK:
                headers += b"ms-azureml-model-error-reason: model_error\r\nms-azureml-model-error-statuscode: "
                headers += b"%d\r\n" % status
        name = asked.deployment
        if name:
            headers += b"azureml-model-deployment: %b\r\n" % name.encode()
        if self._cors:
            headers += plans.cors_lines(asked.plan, self.rules, name)
        return headers

    def _send(self, asked: Asked, status: int, headers: bytes, body: bytes) -> None:
        """Put an answer on its connection."""
        head, connection = asked.head, asked.owner
        keep = head.keep and connection.keeps and not self._closing
        lines = b"".join((headers, asked.lines, asked.plan.trace, self._clock.line(time.time())))
        bare = head.method == "HEAD"
        connection.answer(replies.whole(status, lines, body, keep=keep, old=head.old, bare=bare), keep=keep)

    def _record(self, asked: Asked, status: int, headers: bytes, body: bytes) -> None:
        """Count an answer, and tell those who watch."""
        seconds, received, sent = time.monotonic() - asked.begun, len(asked.body), len(body)
        wall = asked.wall + seconds
        measures = self.measures.of(asked.deployment)
        measures.count(status, asked.model_status, seconds, (received, sent), wall)
        if not self.observers:
            return
        told = dict(asked.head.headers)
        served = Served(
            asked.id, asked.client_id, asked.deployment, asked.head.method, asked.head.path, status, asked.model_status,
            asked.wall, seconds, received, sent, asked.body, body, told.get("content-type", ""), _type_of(headers),
            asked.mirrored, told,
        )  # fmt: skip
        for observer in self.observers:
            try:
                observer(served)
            except Exception:  # noqa: BLE001 - whatever it raises, the answer is given
                _log.exception("What watches requests failed.")

    def _answer_here(self, asked: Asked, plan: Plan) -> None:
        """Answer what no deployment is asked for."""
        kind = plan.kind
        if kind == plans.REFUSAL:
            self._refuse(asked, plan)
        elif kind == plans.HEALTH:
            self._health(asked)
        elif kind == plans.METRICS:
            self._send(asked, _OK, CONTENT_TYPE, self.measures.text(self.pools.values()).encode())
        elif kind == plans.SWAGGER:
            self._swagger(asked, plan)
        elif kind == plans.ALLOW:
            self._send(asked, _OK, _HTML + b"Allow: OPTIONS, GET, HEAD\r\n", b"")
        else:
            name = plan.deployment or self._first()
            self._send(asked, _OK, _HTML + plans.preflight_lines(plan, asked.head, self.rules, name), b"")

    def _refuse(self, asked: Asked, plan: Plan) -> None:
        asked.deployment = ""
        headers = replies.JSON
        if plan.code:
            body = replies.error(plan.code, plan.message, asked.id)
            headers += b"WWW-Authenticate: Bearer\r\n"
        else:
            body = json.dumps({"message": plan.message}).encode()
        self._send(asked, plan.status, headers, body)
        self._record(asked, plan.status, headers, body)

    def _first(self) -> str:
        """The deployment that takes most of the traffic."""
        traffic = {name: share for name, share in self.rules.traffic.items() if share and name in self.pools}
        return max(traffic, key=lambda name: traffic[name]) if traffic else ""

    def _health(self, asked: Asked) -> None:
        """`Healthy` while the endpoint has a replica that is ready, or no deployment at all."""
        lines = plans.cors_lines(asked.plan, self.rules, self._first())
        whys = [f"{pool.name}: {pool.why or 'no replica is ready.'}" for pool in self.pools.values() if not pool.links]
        if self.pools and len(whys) == len(self.pools):
            self._send(asked, 503, replies.TEXT + lines, ("Unhealthy. " + " ".join(whys)).encode())
        else:
            self._send(asked, _OK, _HTML + lines, b"Healthy")

    def _swagger(self, asked: Asked, plan: Plan) -> None:
        name = plan.deployment or self._turns.next()
        if name not in self.pools:
            self._nowhere(asked)
            return
        status, body = plans.document(self.rules.swagger.get(name) or {}, asked.head.query)
        headers = b"%bazureml-model-deployment: %b\r\n" % (replies.JSON, name.encode())
        self._send(asked, status, headers + plans.cors_lines(plan, self.rules, name), body)

    def gone(self, asked: Asked) -> None:
        """The client of a request is gone: nobody waits for its answer."""
        pool = self.pools.get(asked.deployment)
        if pool is not None and not asked.over:
            pool.forget(asked)

    def _look(self) -> None:
        """End connections of clients that are too slow, and now and then those nobody uses."""
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)
        now = time.monotonic()
        for connection in list(self.watched):
            connection.look(now)
        self._looks += 1
        if self._looks % _SWEEP == 0:
            for connection in list(self.connections):
                connection.rest(now)

    async def close(self, grace: float) -> None:
        """Take no more connections, answer what is under way for at most `grace` seconds, and close."""
        self._closing = True
        for listener in self._listeners:
            listener.close()
        now = time.monotonic()
        until = now + grace
        for connection in list(self.connections):
            connection.rest(now, 0.0)
        while self.connections and time.monotonic() < until:  # noqa: ASYNC110 - at the end of the process only
            await asyncio.sleep(0.01)
        self._timer.cancel()
        for connection in list(self.connections):
            connection.abort()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)


def _type_of(headers: bytes) -> str:
    """The content type that header lines tell."""
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-type":
            return value.strip().decode("latin-1")
    return ""
