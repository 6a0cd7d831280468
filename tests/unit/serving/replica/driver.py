"""Drives a replica as the router does: its control channel and one data socket, without HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from jupyter_aml.agent import start
from jupyter_aml.agent.serving import frames

SECONDS = 60.0


class Said(NamedTuple):
    """An answer: status, head by name in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def order(folder: Path, **changed: Any) -> dict[str, Any]:
    """The order of a replica whose code or MLflow model is in `folder`."""
    told = {
        "kind": "script",
        "script": str(folder / "score.py"),
        "root": str(folder),
        "model": "",
        "mlflow": "",
        "python": sys.executable,
        "env": {},
        "cwd": str(folder),
        "name": "blue",
    }
    return told | changed


def of_model(folder: Path, **changed: Any) -> dict[str, Any]:
    """The order of a replica that serves the MLflow model in `folder`."""
    return order(folder, kind="mlflow", script="", root="", mlflow=str(folder), **changed)


class Served:
    """The router's end of one data socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.reader = frames.Reader()
        self.began: list[int] = []
        self.answers: dict[int, Said] = {}
        self.number = 0

    def send(self, *bodies: Any, meta: dict[str, Any] | None = None) -> list[int]:
        """Send requests in one write; their numbers."""
        numbers = list(range(self.number + 1, self.number + 1 + len(bodies)))
        self.number += len(bodies)
        told = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
        self.sock.sendall(b"".join(map(frames.request, numbers, told, [meta] * len(told))))
        return numbers

    def wait(self, numbers: Sequence[int]) -> list[Said]:
        """Their answers, in this order."""
        self.sock.settimeout(SECONDS)
        while not all(number in self.answers for number in numbers):
            data = self.sock.recv(1 << 18)
            if not data:
                raise EOFError("the replica closed its data socket")
            self.take(data)
        return [self.answers.pop(number) for number in numbers]

    def take(self, data: bytes) -> None:
        for kind, number, payload in self.reader.feed(data):
            if kind == frames.BEGAN:
                self.began += frames.read_began(payload)
            else:
                status, lines, body = frames.read_answer(payload)
                pairs = [line.partition(": ") for line in lines.decode("latin-1").split("\r\n") if line]
                self.answers[number] = Said(status, {name.lower(): value for name, _, value in pairs}, bytes(body))

    def ask(self, *bodies: Any, meta: dict[str, Any] | None = None) -> list[Said]:
        """Send requests in one write; their answers."""
        return self.wait(self.send(*bodies, meta=meta))

    def one(self, body: Any, **meta: Any) -> Said:
        """The answer to one request."""
        return self.ask(body, meta=meta or None)[0]

    def close(self) -> None:
        self.sock.close()


class Replica:
    """A replica that runs: `with Replica(order(folder), tmp_path) as replica: replica.serve().one({...})`."""

    def __init__(self, told: dict[str, Any], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "replica.json"
        path.write_text(json.dumps(told))
        self.log = folder / "replica.log"
        self.control, theirs = socket.socketpair()
        self.control.settimeout(SECONDS)
        self._held = b""
        self._served: list[Served] = []
        environment = {**os.environ, **told["env"]}
        command = start.command(
            told["python"], "serving.replica", "--order", str(path), "--control", str(theirs.fileno())
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
            )
        theirs.close()
        self.loaded = self.event()

    def event(self) -> dict[str, Any]:
        """The next event."""
        while b"\n" not in self._held:
            data = self.control.recv(1 << 16)
            if not data:
                raise EOFError(f"the replica closed its control channel; its log:\n{self.log.read_text()}")
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return json.loads(line)

    def ask(self, number: str = "1") -> tuple[Served, dict[str, Any]]:
        """Hand in a data socket; ours, and the event that answers."""
        ours, theirs = socket.socketpair()
        line = json.dumps({"op": "serve", "id": number}).encode() + b"\n"
        socket.send_fds(self.control, [line], [theirs.fileno()])
        theirs.close()
        served = Served(ours)
        self._served.append(served)
        return served, self.event()

    def serve(self, number: str = "1") -> Served:
        """Hand in a data socket that is served."""
        served, told = self.ask(number)
        assert told["event"] == "serving", (told, self.log.read_text())
        served.pid = told["pid"]
        return served

    def end(self) -> int:
        """Close all, as a router that is gone; the exit code."""
        for served in self._served:
            served.close()
        self.control.close()
        return self.process.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for served in self._served:
            served.close()
        self.control.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


def until(condition: Any, seconds: float = 20.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)
