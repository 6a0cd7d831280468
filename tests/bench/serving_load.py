"""A load client: as many connections as asked, each with one request at a time, over plain sockets and epoll.

Run as a process of its own so that it can have a core of its own: `python serving_load.py`, with an `Errand` as JSON on
its stdin and a `Found` as JSON on its stdout. It keeps connections open where the server does, and opens new ones where
the server closes them; that time counts, as it would for any client.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

PIECE = 1 << 16


@dataclass(frozen=True)
class Errand:
    """What to ask.

    Attributes:
        port: Of the server, on loopback.
        body: Content of each request.
        path: Where it goes.
        headers: Besides Host, Content-Type and Content-Length.
        connections: How many at a time.
        seconds: How long.
    """

    port: int
    body: str
    path: str = "/score"
    headers: dict[str, str] = field(default_factory=dict)
    connections: int = 1
    seconds: float = 1.0

    @property
    def request(self) -> bytes:
        """The bytes of a request."""
        body = self.body.encode()
        lines = [f"POST {self.path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


@dataclass(frozen=True)
class Found:
    """What came back.

    Attributes:
        rate: Answers a second.
        p50: Milliseconds that half of the answers stayed below.
        p99: The same of 99 in a hundred.
        answers: How many.
        failed: How many were no 200, or were cut off.
        busy: Share of the time that this client computed; near 1 it is the client that was measured.
        sample: The first answer that was no 200, if any.
    """

    rate: float
    p50: float
    p99: float
    answers: int
    failed: int
    busy: float
    sample: str = ""


class _Caller:
    """One connection."""

    def __init__(self, errand: Errand) -> None:
        self.address = ("127.0.0.1", errand.port)
        self.request = errand.request
        self.sent = 0.0
        self.held = b""
        self.connection = self._open()

    def _open(self) -> socket.socket:
        found = socket.create_connection(self.address)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found

    def ask(self) -> None:
        """Send a request; the answer is waited for elsewhere."""
        self.sent = time.perf_counter()
        self.connection.sendall(self.request)

    def again(self) -> None:
        """Send a request over a new connection."""
        self.connection.close()
        self.sent = time.perf_counter()
        self.connection = self._open()
        self.connection.sendall(self.request)


def run(errand: Errand) -> Found:
    """Ask for that long, and say what came back."""
    poll = select.epoll()
    callers: dict[int, _Caller] = {}
    taken: list[float] = []
    failed, sample = 0, ""
    for _ in range(errand.connections):
        caller = _Caller(errand)
        callers[caller.connection.fileno()] = caller
        poll.register(caller.connection, select.EPOLLIN)
        caller.ask()
    started, computed = time.perf_counter(), time.process_time()
    until = started + errand.seconds
    while (now := time.perf_counter()) < until:
        for number, _ in poll.poll(until - now):
            caller = callers[number]
            data = caller.connection.recv(PIECE)
            caller.held += data
            status, whole, closing = _answer(caller.held)
            if data and not whole:
                continue
            taken.append(time.perf_counter() - caller.sent)
            if status != 200:
                failed += 1
                sample = sample or caller.held.decode("latin-1")[:1000]
            caller.held = b""
            if closing or not data:
                del callers[number]
                caller.again()
                callers[caller.connection.fileno()] = caller
                poll.register(caller.connection, select.EPOLLIN)
            else:
                caller.ask()
    spent, computed = time.perf_counter() - started, time.process_time() - computed
    for caller in callers.values():
        caller.connection.close()
    poll.close()
    return _found(taken, spent, computed / spent, failed, sample)


def _answer(held: bytes) -> tuple[int, bool, bool]:
    """Status, whether the answer is whole, whether the server closes the connection after it."""
    end = held.find(b"\r\n\r\n")
    if end < 0:
        return 0, False, False
    head = held[:end].lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0
    return int(head[9:12]), len(held) >= end + 4 + length, b"connection: close" in head


def _found(taken: list[float], spent: float, busy: float, failed: int, sample: str) -> Found:
    if not taken:
        return Found(0.0, 0.0, 0.0, 0, failed, busy, sample)
    ordered = sorted(taken)
    p50, p99 = ordered[len(ordered) // 2] * 1000, ordered[len(ordered) * 99 // 100] * 1000
    return Found(len(taken) / spent, p50, p99, len(taken), failed, busy, sample)


if __name__ == "__main__":
    json.dump(asdict(run(Errand(**json.load(sys.stdin)))), sys.stdout)
