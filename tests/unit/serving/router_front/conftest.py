"""A front in a thread of its own, with replicas that are a function in the same thread, and raw sockets to ask it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import h11
import pytest
import uvloop

from jupyter_aml.agent.serving import frames
from jupyter_aml.local.serving.router.entry import Auth
from jupyter_aml.local.serving.router.front import Front, Rules
from jupyter_aml.local.serving.router.link import Link
from jupyter_aml.local.serving.router.pool import Limits, Pool

KEY = "k" * 32
JSON = b"Content-Type: application/json\r\n"
WAIT = 10.0


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Replica(asyncio.Protocol):
    """The other end of a link. By default it answers with the request's body.

    Attributes:
        seen: Number, meta and body of each request, in order.
        batches: Numbers it began together.
        holds: Whether it begins and then waits for `let_go`.
        deaf: Whether it reads and does not even begin.
    """

    def __init__(self, reply: Callable[[bytes], tuple[int, bytes, bytes]] | None = None) -> None:
        self.reply = reply or (lambda body: (200, JSON, body))
        self.seen: list[tuple[int, dict[str, Any], bytes]] = []
        self.batches: list[list[int]] = []
        self.held: list[tuple[int, bytes]] = []
        self.holds = self.deaf = False
        self._reader = frames.Reader()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        taken = []
        for kind, number, payload in self._reader.feed(data):
            assert kind == frames.REQUEST
            meta, body = frames.read_request(payload)
            self.seen.append((number, meta, bytes(body)))
            taken.append((number, bytes(body)))
        if self.deaf or not taken:
            return
        self.batches.append([number for number, _ in taken])
        self.transport.write(frames.began(number for number, _ in taken))
        self.held += taken
        if not self.holds:
            self.let_go()

    def let_go(self) -> None:
        held, self.held = self.held, []
        self.transport.write(b"".join(frames.answer(number, *self.reply(body)) for number, body in held))

    def eof_received(self) -> bool:
        return False


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A raw connection whose answers are read by h11, which refuses what is no HTTP."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        self._held = b""

    def send(self, data: bytes) -> Client:
        self.sock.sendall(data)
        return self

    def read(self, method: bytes = b"POST") -> Answer:
        """The next answer; a fresh h11 each, so that pipelined ones are read too."""
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"x"), (b"Connection", b"close")]))
        reader.send(h11.EndOfMessage())
        head, body = None, b""
        reader.receive_data(self._held) if self._held else None
        while True:
            event = reader.next_event()
            if event is h11.NEED_DATA:
                data = self.sock.recv(65536)
                reader.receive_data(data)
                if not data and head is None:
                    raise ConnectionResetError("closed without an answer")
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
        assert head is not None
        self._held = reader.trailing_data[0]
        headers = {name.decode(): value.decode() for name, value in head.headers}
        return Answer(head.status_code, headers, body)

    def closed(self) -> bool:
        """Whether the server closes within the waiting time."""
        self.sock.shutdown(socket.SHUT_WR)
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Site:
    """A front that runs."""

    loop: asyncio.AbstractEventLoop
    pools: dict[str, Pool] = field(default_factory=dict)
    replicas: list[Replica] = field(default_factory=list)
    front: Any = None
    port: int = 0
    rules: Rules = field(default_factory=lambda: Rules("house"))

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a function, or of a coroutine, run in the loop."""

        async def run() -> Any:
            found = function(*arguments)
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(WAIT)

    def deploy(
        self, name: str, *replicas: Replica, limits: Limits | None = None, headers: bool = False, batches: bool = False
    ) -> Pool:
        def build() -> Pool:
            return Pool(name, limits or Limits(), self.loop, self.front.measures.of(name))

        pool = self.pools[name] = self.call(build)
        for number, replica in enumerate(replicas):
            self.add(pool, replica, number, headers=headers, batches=batches)
        self.set(traffic={**self.rules.traffic, name: 0 if self.rules.traffic else 100})
        return pool

    def add(
        self, pool: Pool, replica: Replica, number: int = 0, *, headers: bool = False, batches: bool = False
    ) -> Link:
        async def connect() -> Link:
            ours, theirs = socket.socketpair()
            for end in (ours, theirs):
                end.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            link = Link(number, headers=headers, batches=batches)
            await self.loop.create_connection(lambda: link, sock=ours)
            await self.loop.create_connection(lambda: replica, sock=theirs)
            pool.add(link)
            return link

        self.replicas.append(replica)
        return self.call(connect)

    def set(self, **changes: Any) -> None:
        fields = {name: getattr(self.rules, name) for name in Rules.__slots__}
        self.rules = Rules(**{**fields, **changes})
        self.call(self.front.settings, self.rules)

    def client(self) -> Client:
        return Client(self.port)

    def ask(
        self, body: bytes = b"{}", method: str = "POST", path: str = "/score", key: str | None = KEY, **headers: str
    ) -> Answer:
        """One request on a connection of its own; header names with underscores for dashes."""
        with self.client() as client:
            client.send(request(body, method, path, key, **headers))
            return client.read(method.encode())


def request(
    body: bytes = b"{}", method: str = "POST", path: str = "/score", key: str | None = KEY, **headers: str
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}"] if body or method == "POST" else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@pytest.fixture(name="replica")
def replica_class() -> type[Replica]:
    return Replica


@pytest.fixture(name="digest")
def digest_function() -> Callable[[str], str]:
    return digest


@pytest.fixture
def request_bytes() -> Callable[..., bytes]:
    return request


@pytest.fixture
def site() -> Iterator[Site]:
    """A front without deployments whose key is `KEY`."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Site(loop)
    made.rules = Rules("house", Auth("key", (digest(KEY), digest("second")), "/x/onlineendpoints/house"))

    def start() -> None:
        made.front = Front(made.pools, made.rules, loop)
        sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
        made.port = sock.getsockname()[1]
        made.front.listen(sock)

    made.call(start)
    yield made

    async def end() -> None:
        await made.front.close(0.0)
        for pool in made.pools.values():
            for link in list(pool.links):
                link.close()
        for replica in made.replicas:
            replica.transport.close()
        await asyncio.sleep(0.01)

    made.call(end)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(WAIT)
    loop.close()
