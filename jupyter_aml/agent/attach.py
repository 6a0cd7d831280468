"""The way into a running process: a socket in the run's private folder, on which a Jupyter kernel is asked for.

Until somebody asks, it is one thread that waits; what a kernel needs is imported then. A run that fails can be held
for a while, with the variables of the frame that failed, before it ends as it would have.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import time

from . import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType, TracebackType
    from typing import Any

SOCKET = "kernel.sock"
HELD = "held.json"
"""What a run that failed and is held says of itself, as long as it is."""
HOLD = "JUPYTER_AML_HOLD"
"""The variable of a job that says for how many minutes it is held when it fails."""
PROCESS = "JUPYTER_AML_PROCESS"
"""Pid of the process of the run that lets people in: its own, not those that it starts."""
LONGEST_PATH = 100
"""Bytes of a socket's path; the system ends them at 108."""
LONGEST_LINE = 1 << 16
SECONDS = 10.0
MOST_MINUTES = 7 * 24 * 60.0
_INNER = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<lambda>")

_doors: list[Door] = []


def open_door(folder: str, code: str = "") -> Door | None:
    """Let people into this process from now on; None where that cannot be, which is no reason for a run not to be.

    Args:
        folder: Of the run, or of this process of a run of several; private to its owner.
        code: Where the run's own code is.
    """
    try:
        door = Door(folder, code)
    except (OSError, ImportError, AttributeError):
        return None
    _doors[:] = [door]
    return door


def hold(error: BaseException, trace: TracebackType | None) -> None:
    """Hold this process with the variables of an uncaught exception, if its job says so and people can come in."""
    for door in _doors:
        if door.pid == os.getpid():
            door.hold(error, trace)


def minutes(env: Mapping[str, str]) -> float:
    """For how long a run is to be held when it fails; 0 for not at all, also when the variable is no number."""
    try:
        wanted = float(env.get(HOLD) or 0)
    except ValueError:
        return 0.0
    return min(wanted, MOST_MINUTES) if wanted > 0 else 0.0


def reach(folder: str, name: str) -> tuple[str, int]:
    """A path for a socket in a folder that is short enough, and a file descriptor it lives by (-1 for none)."""
    path = os.path.join(folder, name)
    if len(os.fsencode(path)) < LONGEST_PATH:
        return path, -1
    handle = os.open(folder, os.O_RDONLY)
    return f"/proc/{os.getpid()}/fd/{handle}/{name}", handle


class Door:
    """The socket and who answers on it.

    Args:
        folder: The private folder.
        code: Where the run's own code is.

    Raises:
        OSError: The system refuses.
    """

    def __init__(self, folder: str, code: str) -> None:
        import _socket
        import threading  # noqa: F401 -- where it is first imported it takes the thread for the main one

        self.pid = os.getpid()
        self.folder = folder
        self.code = os.path.join(os.path.realpath(code or os.getcwd()), "")
        self.layers: list[Mapping[str, Any]] = []
        self._kernel: Any = None
        self._released = _thread.allocate_lock()
        self._released.acquire()
        self._left = _thread.allocate_lock()
        self._left.acquire()
        path, self._handle = reach(folder, SOCKET)
        if os.path.lexists(path):
            os.unlink(path)
        self._socket: Any = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._socket.bind(path)
        os.chmod(path, 0o600)
        self._socket.listen(8)
        self._shut = _socket.SHUT_RDWR
        self._open: Any = _socket.socket
        self._thread = _thread.start_new_thread(self._serve, ())

    def close(self) -> None:
        """Let nobody in any more; the thread has ended when this returns, a kernel that was opened has not."""
        if self.pid != os.getpid():
            return
        _doors[:] = [door for door in _doors if door is not self]
        with contextlib.suppress(OSError):
            self._socket.shutdown(self._shut)
        self._left.acquire(True, SECONDS)  # noqa: FBT003 -- positional only
        until = time.monotonic() + SECONDS
        while self._thread in sys._current_frames() and time.monotonic() < until:  # noqa: SLF001 -- no other way
            time.sleep(0)
        self._socket.close()
        if self._handle >= 0:
            os.close(self._handle)

    def hold(self, error: BaseException, trace: TracebackType | None) -> None:
        """Wait until the time that the job allows is over, or somebody releases it; the script has failed."""
        allowed = minutes(os.environ)
        if not allowed or trace is None or isinstance(error, KeyboardInterrupt):
            return
        self.layers[:] = failed_namespace(trace, self.code)
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace  # what %debug looks at
        until = time.time() + allowed * 60
        run = os.environ.get("MLFLOW_RUN_ID") or "NAME"
        said = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(until)).strip()
        try:
            records.write(os.path.join(self.folder, HELD), {"until": until, "error": type(error).__name__})
            told = os.path.join(self.folder, "error.json")
            records.write(told, {**(records.read(told) or {}), "held": True})
        except OSError:
            return
        _say(
            f"The run has failed and is held until {said} with its variables: `aml job debug {run}` looks at them, "
            f"`aml job debug {run} --release` lets it end."
        )
        released = self._released.acquire(True, allowed * 60)  # noqa: FBT003 -- positional only
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.folder, HELD))
        _say("The run was released and ends." if released else "The run was held for as long as it may be, and ends.")

    def _serve(self) -> None:
        while True:
            try:
                handle, _ = self._socket._accept()  # noqa: SLF001 -- the C module's own, without importing socket
            except OSError:
                break
            guest = self._open(fileno=handle)
            with contextlib.suppress(Exception):  # whoever asked is gone, or asked nonsense: the run does not mind
                guest.settimeout(SECONDS)
                guest.sendall(self._answer(guest))
            guest.close()
        self._left.release()

    def _answer(self, guest: Any) -> bytes:
        import json

        text = b""
        while not text.endswith(b"\n") and len(text) < LONGEST_LINE:
            part = guest.recv(LONGEST_LINE)
            if not part:
                break
            text += part
        word = json.loads(text).get("op")
        try:
            said = self._open_kernel() if word == "open" else self._release()
        except BaseException as error:  # noqa: BLE001 -- whatever is wrong with its packages is told
            said = {"error": f"{type(error).__name__}: {error}"}
        return json.dumps({"pid": self.pid, **said}).encode() + b"\n"

    def _open_kernel(self) -> dict[str, Any]:
        if self._kernel is None:
            if not self.layers:
                self.layers[:] = [vars(sys.modules["__main__"])]
            from . import kernel

            self._kernel = kernel.Kernel(self.folder, self.layers)
        return {"connection_file": self._kernel.file, "held": os.path.exists(os.path.join(self.folder, HELD))}

    def _release(self) -> dict[str, Any]:
        held = os.path.exists(os.path.join(self.folder, HELD))
        if held and self._released.locked():
            self._released.release()
        return {"released": held}


def _say(sentence: str) -> None:
    """One line into the log."""
    try:
        sys.stderr.flush()
        os.write(2, f"jupyter_aml: {sentence}\n".encode(errors="replace"))
    except (OSError, ValueError, AttributeError):
        pass


def failed_namespace(trace: TracebackType, code: str) -> list[Mapping[str, Any]]:
    """The variables where a script failed, the nearest first: of the innermost frame of its own, then its module's.

    Comprehensions and lambdas are frames, too; their variables come before those of the function around them.

    Args:
        trace: Of the exception.
        code: The folder of the run's own code, with a separator at its end.
    """
    frames: list[FrameType] = []
    step: TracebackType | None = trace
    while step is not None:
        frames.append(step.tb_frame)
        step = step.tb_next
    own = [at for at, frame in enumerate(frames) if os.path.realpath(frame.f_code.co_filename).startswith(code)]
    at = own[-1] if own else len(frames) - 1
    layers: list[Mapping[str, Any]] = []
    while at > 0 and frames[at].f_code.co_name in _INNER:
        layers.append(frames[at].f_locals)
        at -= 1
    frame = frames[at]
    return [*layers, frame.f_locals, frame.f_globals]
