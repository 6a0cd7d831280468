"""A replica without a router: asked over its data socket, one request at a time."""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_aml.agent import start
from jupyter_aml.agent.serving import frames
from tests.bench import processes

PIECE = 1 << 16


class Direct:
    """The other end of a replica's data socket."""

    def __init__(self, data: socket.socket) -> None:
        self._data = data
        self._reader = frames.Reader()
        self._number = 0

    def ask(self, body: bytes) -> int:
        """The status of its answer to a request."""
        self._number += 1
        self._data.sendall(frames.request(self._number, body))
        while True:
            for kind, _, payload in self._reader.feed(self._data.recv(PIECE)):
                if kind == frames.ANSWER:
                    return frames.read_answer(payload)[0]

    def p50(self, body: bytes, seconds: float, core: int) -> float:
        """Milliseconds that half of the answers stay below, asked from a core.

        Raises:
            RuntimeError: An answer was no 200.
        """
        taken = []
        until = time.perf_counter() + seconds
        with processes.on_core(core):
            while (asked := time.perf_counter()) < until:
                status = self.ask(body)
                taken.append(time.perf_counter() - asked)
                if status != 200:
                    msg = f"a replica that was asked directly said {status}"
                    raise RuntimeError(msg)
        return statistics.median(taken) * 1000


@contextlib.contextmanager
def replica(model: Path, core: int) -> Iterator[Direct]:
    """A replica of an MLflow model that serves, on a core of its own."""
    order = {
        "kind": "mlflow", "script": "", "root": str(model), "model": str(model.parent), "mlflow": str(model),
        "python": sys.executable, "env": processes.environment(), "cwd": str(model), "name": "direct",
    }  # fmt: skip
    control, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory() as folder, control:
        file = Path(folder) / "order.json"
        file.write_text(json.dumps(order), encoding="utf-8")
        arguments = ("--order", str(file), "--control", str(theirs.fileno()))
        command = start.command(sys.executable, "serving.replica", *arguments)
        with theirs, (Path(folder) / "log").open("wb") as log, processes.on_core(core):
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=model, pass_fds=(theirs.fileno(),), env=processes.environment()
            )
        try:
            with _serving(control) as data:
                yield Direct(data)
        finally:
            processes.end(process)


def _serving(control: socket.socket) -> socket.socket:
    """Wait until it has loaded and serves; our end of the data socket.

    Raises:
        RuntimeError: It did not.
    """
    heard = control.makefile("r", encoding="utf-8")
    data, theirs = socket.socketpair()
    with theirs:
        _expect(heard.readline(), "loaded")
        socket.send_fds(control, [b'{"op": "serve", "id": "1"}\n'], [theirs.fileno()])
    _expect(heard.readline(), "serving")
    heard.close()
    return data


def _expect(line: str, event: str) -> None:
    if json.loads(line or "{}").get("event") != event:
        msg = f"a replica said {line!r} instead of {event}"
        raise RuntimeError(msg)
