"""A replica of an online deployment: loads what is served, then serves data sockets until the router is gone.

Started with `--order FILE --control FD`. Where what is loaded may be shared, this process never scores: it is the
mother of forked processes that do, one for each `serve` of the router, and they share its memory. Else it serves one
data socket itself.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import select
import signal
import socket
import sys
import time

from .. import linux  # noqa: TID252 -- the agent has another name where it runs
from . import journal, loading, traces
from .control import Control
from .exchange import Failed
from .loop import Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from .exchange import Scorer

GRACE = 30.0
"""Seconds the processes of a mother have to finish what they have begun when she ends."""
AGAIN = 0.1
"""Seconds between two signals to a process that is to end: one that comes just before it waits wakes nobody."""
NOT_LOADED = 3


def _report(error: BaseException) -> dict[str, str]:
    """What a `failed` event says: code and one sentence; the traceback is in the log."""
    if isinstance(error, Failed):
        return {"code": error.code, "message": error.message}
    return {"code": "ResourceNotReady", "message": f"{type(error).__name__}: {error}"}


def _log(error: BaseException) -> None:
    """Write into the log why nothing is served: our sentence, after the traceback of what was not ours."""
    ours = isinstance(error, Failed)
    cause = error.__cause__ if ours else error
    if cause is not None:
        traces.show(cause, ours=not ours)
    if ours:
        journal.say(str(error))


def _told(scorer: Scorer) -> dict[str, Any]:
    return {"batches": scorer.batches, "headers": scorer.headers, "swagger": scorer.swagger}


def _introduce(scorer: Scorer, order: dict[str, Any], seconds: float) -> None:
    """Say in the log what has been loaded, and how requests are scored."""
    journal.say(f"Deployment {order.get('name', '')!r}, Python {platform.python_version()} ({sys.executable})")
    for text in scorer.about:
        journal.say(text)
    journal.say(f"Loaded in {seconds:.2f} s.")
    shared = "Replicas share what is loaded." if scorer.forkable else f"Each replica loads by itself: {scorer.why}"
    journal.say(shared)


def serve(scorer: Scorer, data: socket.socket, number: str, control: Control) -> int:
    """Get ready, say so, and serve a data socket to its end.

    Returns:
        The exit code of the process.
    """
    try:
        scorer.begin()
    except Failed as error:
        _log(error)
        control.say("failed", id=number, error=_report(error))
        return NOT_LOADED
    loop = Loop(data, scorer)
    journal.say(f"Replica {number} (process {os.getpid()}) takes requests.")
    control.say("serving", id=number, pid=os.getpid(), **_told(scorer))
    loop.run()
    data.close()
    return 0


def _child(scorer: Scorer, data: socket.socket, number: str, control: Control) -> NoReturn:
    """A forked process that serves; what is registered for the end of an interpreter is the mother's."""
    code = 1
    try:
        linux.die_with_parent(signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        code = serve(scorer, data, number, control)
    except BaseException as error:  # noqa: BLE001 -- the process ends here, and its log says why
        _log(error)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


class Mother:
    """Forks a process for each data socket, and says when one has ended.

    Args:
        scorer: What is shared; it must not have scored.
        control: The channel to the router.
    """

    def __init__(self, scorer: Scorer, control: Control) -> None:
        self._scorer = scorer
        self._control = control
        self._children: dict[int, str] = {}
        self._ending = False

    def run(self) -> None:
        """Serve until the router is gone, says `stop`, or SIGTERM comes; then end the children."""
        heard, rung = socket.socketpair()
        for end in (heard, rung):
            end.setblocking(False)  # noqa: FBT003 -- the standard library's
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.set_wakeup_fd(rung.fileno())
        gc.collect()
        gc.freeze()
        while not self._ending:
            ready, _, _ = select.select([self._control.fileno(), heard.fileno()], [], [])
            if heard.fileno() in ready:
                heard.recv(4096)
                self._reap()
            if self._control.fileno() in ready and not self._hear():
                break
        signal.set_wakeup_fd(-1)
        self._stop()

    def _end(self, *_: object) -> None:
        self._ending = True

    def _hear(self) -> bool:
        operations = self._control.listen()
        if operations is None:
            return False
        for told in operations:
            if told["op"] == "stop":
                return False
            if told["op"] == "serve":
                self._fork(told["data"], told["id"])
        return True

    def _fork(self, data: socket.socket, number: str) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if not pid:
            _child(self._scorer, data, number, self._control)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self._children[pid] = number
        data.close()

    def _reap(self) -> None:
        for pid in list(self._children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                number = self._children.pop(pid)
                self._control.say("ended", id=number, pid=pid, status=os.waitstatus_to_exitcode(status))

    def _stop(self) -> None:
        """SIGTERM to all, which lets them finish; SIGKILL after the grace."""
        now = again = time.monotonic()
        until = now + GRACE
        while self._children and now < until:
            if now >= again:
                again = now + AGAIN
                for pid in self._children:
                    os.kill(pid, signal.SIGTERM)
            self._reap()
            time.sleep(0.005)
            now = time.monotonic()
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def alone(scorer: Scorer, control: Control) -> int:
    """Serve the one data socket of a process that nobody shares, in this process."""
    while True:
        operations = control.listen()
        if operations is None:
            return 0
        for told in operations:
            if told["op"] == "stop":
                return 0
            if told["op"] == "serve":
                return serve(scorer, told["data"], told["id"], control)


def main(arguments: Sequence[str]) -> NoReturn:
    """Load what the order names and serve it. Exits with 0, or 3 where it cannot be loaded."""
    parser = argparse.ArgumentParser(prog="replica")
    parser.add_argument("--order", required=True)
    parser.add_argument("--control", required=True, type=int)
    asked = parser.parse_args(arguments)
    linux.die_with_parent(signal.SIGKILL)
    run(asked.order, Control(socket.socket(fileno=asked.control)))


def run(order_file: str, control: Control) -> NoReturn:
    """Load what the order in a file names and serve it; ends the process as `main` says."""
    begun = time.perf_counter()
    gc.disable()  # imports make no cycles worth a tenth of their time
    try:
        with open(order_file, encoding="utf-8") as file:
            order = json.load(file)
        scorer = loading.load(order)
    except BaseException as error:  # noqa: BLE001 -- a user's code may raise anything, SystemExit too
        _log(error)
        control.say("failed", error=_report(error))
        sys.exit(NOT_LOADED)
    gc.enable()
    _introduce(scorer, order, time.perf_counter() - begun)
    control.say("loaded", forkable=scorer.forkable, why=scorer.why, **_told(scorer))
    if not scorer.forkable:
        sys.exit(alone(scorer, control))
    Mother(scorer, control).run()
    sys.exit(0)
