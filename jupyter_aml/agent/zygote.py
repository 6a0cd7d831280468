"""The zygote: an interpreter that has imported what scripts import, never computes, and keeps one run armed.

The host holds the other end of its control socket (packets). The zygote sends one `ready` packet, then, for every
`arm` packet it gets, one `armed` packet with the socket on which the armed supervisor takes its spec (one line of
JSON) and answers with its record. So the zygote may die at any moment: supervisors, armed or running, need it no more.
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time

from . import launch, start, supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

PACKET = 1 << 16
PROBE_SECONDS = 20.0
BAD_PROBE = 3
MOMENT = 0.03  # two cores: forking must not take one from the run that has just started


def preload(names: list[str]) -> dict[str, str]:
    """Import what can be imported; why the others could not, by name."""
    failed = {}
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 -- a broken package must not stop the others
            failed[name] = f"{type(error).__name__}: {error}"
    return failed


def compute_a_little() -> None:
    """Use the native threads of whatever was preloaded; hangs where a fork is not safe."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return
    square = numpy.ones((160, 160))
    square @ square
    if "sklearn" in sys.modules:
        cluster = importlib.import_module("sklearn.cluster")
        cluster.KMeans(n_clusters=2, n_init=1, random_state=0).fit(square[:40, :2] * numpy.arange(40)[:, None])


def fork_is_safe() -> bool:
    """Whether a forked child can compute: it tries."""
    pid = os.fork()
    if pid == 0:
        code = BAD_PROBE
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(int(PROBE_SECONDS))
            compute_a_little()
            code = 0
        finally:
            os._exit(code)
    until = time.monotonic() + PROBE_SECONDS + 1
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


class Zygote:
    """The loop that arms.

    Args:
        control: The packet socket to the host.
        preloaded: Names of the modules imported so far.
    """

    def __init__(self, control: socket.socket, preloaded: frozenset[str]) -> None:
        self.control = control
        self.preloaded = preloaded

    def say(self, packet: dict[str, Any], *files: int) -> None:
        """Send one packet, with file descriptors; by hand, for Python 3.8 has no `socket.send_fds`."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
        self.control.sendmsg([json.dumps(packet).encode()], rights)

    def arm(self) -> None:
        """Fork a supervisor with its child, and hand its socket to the host."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                theirs.close()
                self.control.close()
                _become_supervisor(ours.detach(), self.preloaded)
            finally:
                os._exit(1)
        ours.close()
        self.say({"armed": pid}, theirs.fileno())
        theirs.close()

    def serve(self) -> None:
        """Arm whenever asked, until the host is gone: a moment later, or at once after `now`."""
        while True:
            packet = self.control.recv(PACKET)
            if packet == b"arm" and not select.select([self.control], (), (), MOMENT)[0]:
                self.arm()
            elif packet == b"arm":
                packet = self.control.recv(PACKET)
                if packet:
                    self.arm()
            if not packet:
                return


def _become_supervisor(host: int, preloaded: frozenset[str]) -> NoReturn:
    """Fork the child, then turn into a bare interpreter: a small process starts, waits and ends at little cost."""
    child = supervisor.fork_child(launch.Fork(preloaded), close=(host,))
    for fd in (host, *child[1:]):
        os.set_inheritable(fd, True)  # noqa: FBT003 -- positional only
    arguments = ("armed", str(host), *map(str, child))
    command = start.command(sys.executable, "supervisor", *arguments, bare=True)
    os.execv(command[0], command)  # noqa: S606 -- no shell


def _reap(*_: object) -> None:
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def main(arguments: list[str]) -> NoReturn:
    """Serve on the file descriptor `arguments[0]` with the modules named by the rest imported."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    sys.path[:] = [path for path in sys.path if path]
    gc.disable()
    failed = preload(arguments[1:])
    preload([f"{__package__}.relay", f"{__package__}.worker"])
    gc.collect()
    gc.freeze()
    gc.enable()
    preloaded = frozenset(sys.modules)
    safe = fork_is_safe()
    zygote = Zygote(control, preloaded)
    tops = sorted({name.partition(".")[0] for name in preloaded})
    try:
        zygote.say({"ready": os.getpid(), "safe": safe, "failed": failed, "modules": tops})
        signal.signal(signal.SIGCHLD, _reap)
        zygote.serve()
    except OSError:
        pass
    os._exit(0)
