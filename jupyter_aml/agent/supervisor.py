"""The supervisor: one process per run that starts it, ends it with all its descendants, and writes how it ended.

It needs neither the host nor the zygote once the run has started. SIGTERM means cancel.
Records, both in the run's work folder: `supervisor.json` from the start, `exit.json` when nothing of the run is left.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
import traceback

from . import child, linux, processes, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, NoReturn, Protocol

    class Body(Protocol):
        """What the child becomes."""

        def prepare(self) -> None: ...
        def run(self, spec: dict[str, Any]) -> NoReturn: ...


CANCEL_GRACE = 1.0
LEFTOVER_GRACE = 0.15
LOOK_AGAIN = 3600.0
CHUNK = 1 << 16


def fork_child(body: Body, close: tuple[int, ...] = ()) -> tuple[int, int]:
    """Lead a session, adopt orphans, and fork the child; its pid and the pipe on which it awaits the spec.

    SIGTERM stays blocked, for the child until it has dropped our handlers, for us until `Supervisor` takes over.

    Args:
        body: What the child becomes.
        close: File descriptors that the child must not keep.
    """
    if os.getsid(0) != os.getpid():
        os.setsid()
    linux.become_subreaper()
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    ours, gate = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            for fd in (gate, *close):
                os.close(fd)
            _be_child(body, ours, parent)
        finally:
            os._exit(child.SETUP_FAILED)
    os.close(ours)
    return pid, gate


def _be_child(body: Body, gate: int, parent: int) -> None:
    child.default_signals()
    os.setsid()
    linux.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return
    body.prepare()
    text = _read_all(gate)
    os.close(gate)
    if text:
        body.run(json.loads(text))


class Supervisor:
    """One run: started with a spec, then watched to its end.

    Args:
        pid: The child.
        gate: The pipe on which it awaits the spec.
    """

    def __init__(self, pid: int, gate: int) -> None:
        self.child = pid
        self.status: int | None = None
        self.ended = 0.0
        self.cancelled = False
        self._gate = gate
        self._bell, self._ring = os.pipe()
        os.set_blocking(self._ring, False)
        os.set_blocking(self._bell, False)
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, self._cancel)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))

    def _cancel(self, *_: object) -> None:
        self.cancelled = True

    def wait(self, seconds: float, other: socket.socket | None = None) -> bool:
        """Sleep until a signal, `seconds`, or something to read from `other` (then True)."""
        watched: list[Any] = [self._bell] if other is None else [self._bell, other]
        ready = select.select(watched, (), (), max(0.0, seconds))[0]
        if self._bell in ready:
            os.read(self._bell, CHUNK)
        return other in ready

    def reap(self) -> bool:
        """Collect every dead child, remember how the run's own ended; whether no child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.child:
                self.status = status
                self.ended = time.time()

    def start(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Let the child go; the record that tells who supervises, which is written first: no run goes unrecorded."""
        me = processes.stat(os.getpid())
        record = {
            "pid": os.getpid(),
            "start_ticks": me.ticks if me else 0,
            "boot": processes.boot(),
            "started": time.time(),
            "child": self.child,
        }
        place = os.path.join(spec["work"], "supervisor.json")
        records.write(place, record)
        try:
            _write_all(self._gate, json.dumps(spec).encode())
        except OSError:
            os.unlink(place)  # the child is gone before it began
            raise
        os.close(self._gate)
        records.reserve(spec["work"])
        return record

    def stand_down(self) -> None:
        """Let the child leave without having begun."""
        os.close(self._gate)
        processes.kill_all(self.reap)

    def watch(self, spec: dict[str, Any], started: float) -> None:
        """See the run to its end, sweep what it left, write `exit.json`."""
        limit = spec.get("timeout")
        deadline = time.monotonic() + limit if limit else None
        reason, grace = "exited", LEFTOVER_GRACE
        while self.status is None:
            left = LOOK_AGAIN if deadline is None else deadline - time.monotonic()
            if self.cancelled:
                reason, grace = "cancelled", CANCEL_GRACE
                break
            if left <= 0:
                reason, grace = "timeout", float(spec.get("grace") or CANCEL_GRACE)
                break
            self.wait(left)
            self.reap()
        self._sweep(reason, grace)
        records.write_in_time(os.path.join(spec["work"], "exit.json"), self._exit(spec, reason, started))

    def _sweep(self, reason: str, grace: float) -> None:
        """End every descendant: after its own end the run's helpers get a moment to leave by themselves."""
        if reason == "exited" and processes.wait_for_none(self.reap, grace):
            return
        processes.send(processes.descendants(os.getpid()), signal.SIGTERM)
        until = time.monotonic() + grace
        while time.monotonic() < until:
            if processes.wait_for_none(self.reap, min(0.1, grace)):
                return
            if self.cancelled and reason == "timeout":
                break
        processes.kill_all(self.reap)

    def _exit(self, spec: dict[str, Any], reason: str, started: float) -> dict[str, Any]:
        status = self.status
        code = number = None
        if status is not None and os.WIFEXITED(status):
            code = os.WEXITSTATUS(status)
        elif status is not None:
            number = os.WTERMSIG(status)
        return {
            "code": code,
            "signal": number,
            "reason": reason,
            "started": started,
            "ended": self.ended or time.time(),
            "error": records.read(child.error_file(spec)) if code != 0 else None,
        }


def _nothing(*_: object) -> None:
    """A handler, so that the signal wakes the supervisor."""


def _read_all(fd: int) -> bytes:
    parts: list[bytes] = []
    while True:
        part = os.read(fd, CHUNK)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _tell(fd: int, record: dict[str, Any]) -> None:
    """Answer whoever asked for the run; it may be gone, the run goes on."""
    try:
        _write_all(fd, json.dumps(record).encode() + b"\n")
    except OSError:
        pass
    finally:
        os.close(fd)


def _gone(fd: int) -> bool:
    """Whether nobody holds the other end of a pipe or socket any more."""
    if not hasattr(select, "poll"):
        return False
    ends = select.poll()
    ends.register(fd, 0)
    return bool(ends.poll(0))


def complain(work: str) -> None:
    """Keep the traceback of a fault of ours beside the run."""
    with open(os.path.join(work, "supervisor.log"), "a", encoding="utf-8") as file:
        traceback.print_exc(file=file)


def supervise(supervisor: Supervisor, spec: dict[str, Any], tell: int) -> None:
    """Start and watch; the record goes as one line of JSON to the file descriptor `tell`, which is closed.

    A run whose host died before it began does not begin: the next host finds no record and starts it anew.
    """
    if _gone(tell):
        os.close(tell)
        supervisor.stand_down()
        return
    try:
        record = supervisor.start(spec)
        _tell(tell, record)
        supervisor.watch(spec, record["started"])
    except BaseException:
        complain(spec["work"])
        processes.kill_all(supervisor.reap)
        raise


def stand_by(host: socket.socket, pid: int, gate: int) -> None:
    """Be an armed supervisor: wait for the spec, then see the run through; leave when the host is gone."""
    supervisor = Supervisor(pid, gate)
    text = b""
    while not text.endswith(b"\n"):
        supervisor.reap()
        if supervisor.cancelled or supervisor.status is not None:
            break
        if not supervisor.wait(LOOK_AGAIN, host):
            continue
        part = host.recv(CHUNK)
        if not part:
            break
        text += part
    else:
        supervise(supervisor, json.loads(text), host.detach())
        return
    os.close(gate)  # the child leaves, too


def main(arguments: list[str]) -> None:
    """Supervise one run.

    Args:
        arguments: `run SPEC_FILE TELL_FD`, or, from a zygote, `armed HOST_FD CHILD_PID GATE_FD`.
    """
    if arguments[0] == "armed":
        import socket  # 4 ms that the other way does not need

        host, pid, gate = (int(argument) for argument in arguments[1:])
        for fd in (host, gate):
            os.set_inheritable(fd, False)  # noqa: FBT003 -- positional only
        stand_by(socket.socket(fileno=host), pid, gate)
        return
    spec_file, tell = arguments[1], int(arguments[2])
    with open(spec_file, encoding="utf-8") as file:
        spec = json.load(file)
    if not hasattr(os, "fork"):
        from . import portable

        portable.supervise(spec, tell)
        return
    supervise(Supervisor(*fork_child(child.Exec(), close=(tell,))), spec, tell)
