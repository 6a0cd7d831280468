"""The supervisor: one process per run that starts it, ends it with all its descendants, and writes how it ended.

It needs neither the host nor the zygote once the run has started. SIGTERM means cancel. A child that the trials of a
sweep share keeps its supervisor, which sees one run after another through while the host has some.
Records, both in the run's work folder: `supervisor.json` from the start, `exit.json` when nothing of the run is left.
"""

from __future__ import annotations

import errno
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

        def prepare(self, line: child.Line | None) -> None: ...
        def run(self, spec: dict[str, Any], line: child.Line | None = None) -> NoReturn: ...


CANCEL_GRACE = 1.0
LEFTOVER_GRACE = 0.15
SPARK_GRACE = 3.0
"""How long Spark's Java virtual machine may take to leave after its script: it closes what the script left open."""
LOOK_AGAIN = 3600.0
CHUNK = 1 << 16
LEAVE_SECONDS = 1.0
"""How long a shared child that is not needed any more may take to leave."""


def fork_child(body: Body, close: tuple[int, ...] = ()) -> tuple[int, int, int]:
    """Lead a session, adopt orphans, and fork the child; its pid, the pipe on which it awaits specs, and its answers'.

    SIGTERM stays blocked, for the child until it has dropped our handlers, for us until `Supervisor` takes over.

    Args:
        body: What the child becomes.
        close: File descriptors that the child must not keep.
    """
    if os.getsid(0) != os.getpid():
        os.setsid()
    linux.become_subreaper()
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    specs, gate = os.pipe()
    answers, answer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            for fd in (gate, answers, *close):
                os.close(fd)
            _be_child(body, child.Line(specs, answer), parent)
        finally:
            os._exit(child.SETUP_FAILED)
    os.close(specs)
    os.close(answer)
    return pid, gate, answers


def _be_child(body: Body, line: child.Line, parent: int) -> None:
    child.default_signals()
    os.setsid()
    linux.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return
    body.prepare(line)
    spec = line.next()
    if spec is not None:
        body.run(spec, line)


class Supervisor:
    """One run: started with a spec, then watched to its end. Of a shared child, one run after another.

    Args:
        pid: The child.
        gate: The pipe on which it awaits specs.
        answers: The pipe on which a shared child says that it is free again.
    """

    def __init__(self, pid: int, gate: int, answers: int) -> None:
        self.child = pid
        self.status: int | None = None
        self.ended = 0.0
        self.cancelled = False
        self._gate: int | None = gate
        self._answers = answers
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

    def wait(self, seconds: float, other: socket.socket | int | None = None) -> bool:
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
            _write_all(self.gate(), json.dumps(spec).encode() + b"\n")
        except OSError:
            os.unlink(place)  # the child is gone before it began
            raise
        if not spec.get("shares"):
            self.shut()
        records.reserve(spec["work"])
        return record

    def gate(self) -> int:
        """The pipe on which the child awaits specs.

        Raises:
            OSError: It is shut.
        """
        if self._gate is None:
            raise OSError(errno.EPIPE, os.strerror(errno.EPIPE))
        return self._gate

    def shut(self) -> None:
        """Give the child no further spec: it leaves when it is free."""
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def stand_down(self, seconds: float = 0.0) -> None:
        """Let the child leave, within `seconds` by itself."""
        self.shut()
        if not processes.wait_for_none(self.reap, seconds):
            processes.kill_all(self.reap)

    def watch(self, spec: dict[str, Any], started: float) -> dict[str, Any]:
        """See the run to its end, sweep what it left, write `exit.json`, which comes back.

        A shared child lives on (`status` is None) when it is free again and nothing else is left of the run.
        """
        limit = spec.get("timeout")
        deadline = time.monotonic() + limit if limit else None
        reason, grace = "exited", SPARK_GRACE if spec.get("spark") else LEFTOVER_GRACE
        answers = self._answers if spec.get("shares") else None
        free = False
        while self.status is None and not free:
            left = LOOK_AGAIN if deadline is None else deadline - time.monotonic()
            if self.cancelled:
                reason, grace = "cancelled", float(spec.get("moment") or CANCEL_GRACE)
                break
            if left <= 0:
                reason, grace = "timeout", float(spec.get("grace") or CANCEL_GRACE)
                break
            if self.wait(left, answers):
                free = os.read(self._answers, CHUNK) == child.FREE
                answers = None  # readable for ever once the child has closed it; its end is told by a signal
            self.reap()
        if free and self.status is None and processes.children() == {self.child}:
            self.ended = time.time()
        else:
            self.shut()
            self._sweep(reason, grace)
        end = self._exit(spec, reason, started, free=free)
        records.write_in_time(os.path.join(spec["work"], "exit.json"), end)
        return end

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

    def _exit(self, spec: dict[str, Any], reason: str, started: float, *, free: bool) -> dict[str, Any]:
        status = self.status
        code = number = None
        if free:
            code = 0  # however the child ended thereafter
        elif status is not None and os.WIFEXITED(status):
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


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def tell(fd: int, record: dict[str, Any]) -> bool:
    """Tell whoever asked for the run, one line of JSON; False when it is gone: the run goes on."""
    try:
        _write_all(fd, json.dumps(record).encode() + b"\n")
    except OSError:
        return False
    return True


def gone(fd: int) -> bool:
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


def supervise(supervisor: Supervisor, spec: dict[str, Any], asker: int) -> None:
    """Start and watch; the record goes as one line of JSON to the file descriptor `asker`, which is closed.

    A run whose host died before it began does not begin: the next host finds no record and starts it anew.
    """
    if gone(asker):
        os.close(asker)
        supervisor.stand_down()
        return
    try:
        record = supervisor.start(spec)
        tell(asker, record)
        os.close(asker)
        supervisor.watch(spec, record["started"])
    except BaseException:
        complain(spec["work"])
        processes.kill_all(supervisor.reap)
        raise


def supervise_in_turn(supervisor: Supervisor, spec: dict[str, Any], host: socket.socket) -> None:
    """Start and watch one run after another in a shared child, for as long as the host has some.

    The host gets the record of each run when it has begun. The end of one after which the child lives on it gets
    likewise; any other end it sees by this process's own.
    """
    following: dict[str, Any] | None = spec
    while following is not None and not supervisor.cancelled and not gone(host.fileno()):
        try:
            record = supervisor.start(following)
            tell(host.fileno(), record)
            end = supervisor.watch(following, record["started"])
        except BaseException:
            complain(following["work"])
            processes.kill_all(supervisor.reap)
            raise
        if supervisor.status is not None or supervisor.cancelled or not tell(host.fileno(), {"exit": end}):
            break
        following = next_spec(supervisor, host)
    supervisor.stand_down(LEAVE_SECONDS)


def next_spec(supervisor: Supervisor, host: socket.socket) -> dict[str, Any] | None:
    """What the host wants to be run; None when the host or the child is gone, or the supervisor is to end."""
    text = b""
    while not text.endswith(b"\n"):
        supervisor.reap()
        if supervisor.cancelled or supervisor.status is not None:
            return None
        if not supervisor.wait(LOOK_AGAIN, host):
            continue
        part = host.recv(CHUNK)
        if not part:
            return None
        text += part
    spec: dict[str, Any] = json.loads(text)
    return spec


def stand_by(host: socket.socket, supervisor: Supervisor) -> None:
    """Be an armed supervisor: wait for the spec, then see the run through; leave when the host is gone."""
    spec = next_spec(supervisor, host)
    if spec is None:
        supervisor.shut()  # the child leaves, too
    elif spec.get("shares"):
        supervise_in_turn(supervisor, spec, host)
    else:
        supervise(supervisor, spec, host.detach())


def main(arguments: list[str]) -> None:
    """Supervise one run, or the runs of a shared child.

    Args:
        arguments: `run SPEC_FILE TELL_FD`, or, from a zygote, `armed HOST_FD CHILD_PID GATE_FD ANSWERS_FD`.
    """
    if arguments[0] == "armed":
        import socket  # 4 ms that the other way does not need

        host, pid, gate, answers = (int(argument) for argument in arguments[1:])
        for fd in (host, gate, answers):
            os.set_inheritable(fd, False)  # noqa: FBT003 -- positional only
        stand_by(socket.socket(fileno=host), Supervisor(pid, gate, answers))
        return
    spec_file, asker = arguments[1], int(arguments[2])
    with open(spec_file, encoding="utf-8") as file:
        spec = json.load(file)
    if not hasattr(os, "fork"):
        from . import portable

        portable.supervise(spec, asker)
        return
    supervise(Supervisor(*fork_child(child.Exec(), close=(asker,))), spec, asker)
