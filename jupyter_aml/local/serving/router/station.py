"""One replica process and its control channel: started, told to serve, heard, ended.

A station that may be forked (a *mother*) serves any number of times, each in a child; another serves once, itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.agent import records as files
from jupyter_aml.local.serving.router.spare import Ahead, Begun, begin

PACKET = 1 << 18
LINE_BYTES = 1000
"""How long a line of a log is taken to be at most."""


class ReplicaError(Exception):
    """Why a replica does not serve.

    Args:
        code: A word of Azure's.
        message: A sentence.
        told: Whether the replica has said so itself: another try ends alike, as far as one can tell.
    """

    def __init__(self, code: str, message: str, *, told: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.told = told


class Station:
    """A replica process, from start to end.

    Args:
        order: The replica's order.
        folder: Where the order is written for the process to read.
        number: Tells this process from others of the deployment.
        log: The file that takes what it prints.
        environment: The complete environment.
        ahead: Has an interpreter that may become the replica.

    Attributes:
        loaded: What it said when it had loaded; fails with `ReplicaError` when it cannot.
        ended: The process's exit code, negative for a signal.
        forkable: Whether it serves in children.
    """

    def __init__(
        self,
        order: Mapping[str, Any],
        folder: Path,
        number: str,
        log: Path,
        environment: Mapping[str, str],
        *,
        ahead: Ahead | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.loaded: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self.forkable = False
        self.on_child_end: Callable[[str, int], None] = _nothing
        self._serving: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._held = b""
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        log.parent.mkdir(parents=True, exist_ok=True)
        self._order_file = folder / f"replica-{number}.json"
        files.write(str(self._order_file), {**order, "env": dict(environment)})
        taken = ahead.take(order, self._order_file, log, environment) if ahead is not None else None
        self._process, self._line = taken or _start(order, self._order_file, log, environment)
        self._line.settimeout(0)
        self._loop.add_reader(self._line.fileno(), self._read)
        self._watch_end()

    def printed(self, count: int) -> str:
        """The last lines that it has printed."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(self._log_start, self._log.stat().st_size - count * LINE_BYTES))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
        except OSError:
            return ""

    def _watch_end(self) -> None:
        """Have `ended` set as soon as the process ends."""
        fd = os.pidfd_open(self._process.pid)

        def reap() -> None:
            self._loop.remove_reader(fd)
            os.close(fd)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # whatever it has started and left
            code = self._process.wait()
            self._read()  # what it said last
            self._close(code)

        self._loop.add_reader(fd, reap)

    def _close(self, code: int) -> None:
        self._loop.remove_reader(self._line.fileno())
        self._line.close()
        with contextlib.suppress(OSError):
            self._order_file.unlink()
        fault = ReplicaError("ReplicaEnded", ending(code))
        for waiting in (self.loaded, *self._serving.values()):
            if not waiting.done():
                waiting.set_exception(fault)
                waiting.exception()  # nobody has to ask for it
        self.ended.set_result(code)

    async def serve(self, number: str, data: socket.socket) -> dict[str, Any]:
        """Have one more replica serve what comes over `data`; what it says of itself, its pid among it.

        Raises:
            ReplicaError: It cannot; for a script, `init()` has failed.
        """
        if self.ended.done():
            raise ReplicaError("ReplicaEnded", ending(self.ended.result()))
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._serving[number] = answer
        try:
            self._send({"op": "serve", "id": number}, data)
            return await answer
        finally:
            del self._serving[number]

    def _send(self, told: dict[str, Any], data: socket.socket | None = None) -> None:
        line = json.dumps(told).encode() + b"\n"
        try:
            if data is None:
                self._line.send(line)
            else:
                socket.send_fds(self._line, [line], [data.fileno()])
        except OSError as error:
            raise ReplicaError("ReplicaEnded", f"The replica process takes no orders: {error}.") from error

    def _read(self) -> None:
        while True:
            try:
                more = self._line.recv(PACKET)
            except BlockingIOError:
                return
            except OSError:
                more = b""
            if not more:
                if not self.ended.done():
                    self._loop.remove_reader(self._line.fileno())
                return
            *lines, self._held = (self._held + more).split(b"\n")
            for line in lines:
                self._hear(json.loads(line))

    def _hear(self, said: dict[str, Any]) -> None:
        event, number = said.get("event"), str(said.get("id", ""))
        waiting = self._serving.get(number)
        if event == "loaded" and not self.loaded.done():
            self.forkable = bool(said.get("forkable"))
            self.loaded.set_result(said)
        elif event == "serving" and waiting is not None and not waiting.done():
            waiting.set_result(said)
        elif event == "failed":
            self._failed(said.get("error") or {}, waiting)
        elif event == "ended":
            status = int(said.get("status") or 0)
            if waiting is not None and not waiting.done():
                waiting.set_exception(ReplicaError("ReplicaEnded", ending(status)))
            self.on_child_end(number, status)

    def _failed(self, error: Mapping[str, Any], waiting: asyncio.Future[dict[str, Any]] | None) -> None:
        code, message = str(error.get("code") or "ReplicaFailed"), str(error.get("message") or "No reason given.")
        fault = ReplicaError(code, message, told=True)
        target = waiting if waiting is not None else self.loaded
        if not target.done():
            target.set_exception(fault)
            target.exception()

    async def stop(self, grace: float) -> None:
        """End the process and its children: asked first, killed after `grace` seconds."""
        if self.ended.done():
            return
        with contextlib.suppress(ReplicaError):
            self._send({"op": "stop"})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.ended), grace)
        self.kill()
        await asyncio.shield(self.ended)

    def kill(self) -> None:
        """End the process at once, and what it has started with it."""
        if not self.ended.done():
            os.killpg(self._process.pid, signal.SIGKILL)


def ending(code: int) -> str:
    """How a process ended, in words.

    Args:
        code: Its exit code; negative, or above 128, for a signal.
    """
    number = -code if code < 0 else 0
    if number == signal.SIGKILL:
        return "The replica was killed (signal 9), as the system does when memory runs out."
    if number:
        name = signal.Signals(number).name if number in set(signal.Signals) else "unknown"
        return f"The replica ended by signal {number} ({name})."
    return f"The replica ended with exit code {code}."


def _start(order: Mapping[str, Any], file: Path, log: Path, environment: Mapping[str, str]) -> Begun:
    try:
        return begin(order["python"], ["serving.replica", "--order", str(file)], log, Path(order["cwd"]), environment)
    except OSError as error:
        raise ReplicaError("ReplicaNotStarted", f"The replica's Python cannot be started: {error}.") from error


def _nothing(_number: str, _status: int) -> None:
    """Nobody asks about children."""
