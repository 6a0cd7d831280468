"""The process that becomes the script or the command: how it enters the run, and the exec way of going on."""

from __future__ import annotations

import json
import os
import select
import signal
import sys

from . import attach, mounting, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

SETUP_FAILED = 125
NOT_RUNNABLE = 126
NOT_FOUND = 127
LOG_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT
CHUNK = 1 << 16
FREE = b"."


class Line:
    """Between a child and its supervisor: specs come in, one a line; a child that takes several says when it is free.

    Args:
        gate: Where specs come from.
        answer: Where the child says that it is free.
    """

    def __init__(self, gate: int, answer: int) -> None:
        self._gate = gate
        self._answer = answer
        self._text = b""

    def next(self) -> dict[str, Any] | None:
        """The next spec; None when there will be none."""
        while b"\n" not in self._text:
            part = os.read(self._gate, CHUNK)
            if not part:
                return None
            self._text += part
        text, _, self._text = self._text.partition(b"\n")
        spec: dict[str, Any] = json.loads(text)
        return spec

    def waits(self, seconds: float) -> bool:
        """Whether a spec, or the end of them, is there within `seconds`."""
        return bool(select.select([self._gate], (), (), seconds)[0])

    def free(self) -> None:
        """Say that the run is over and that nothing of it is left in this process.

        Raises:
            OSError: The supervisor is gone.
        """
        os.write(self._answer, FREE)

    def close(self) -> None:
        """Take no further spec."""
        os.close(self._gate)
        os.close(self._answer)


def default_signals() -> None:
    """Undo every handler and mask that came with the fork."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP) and signal.getsignal(number) != signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def take_streams(log: str) -> None:
    """Stdin from nowhere, stdout and stderr to the end of the log."""
    handle = os.open(log, LOG_FLAGS, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    handle = os.open(os.devnull, os.O_RDONLY)
    os.dup2(handle, 0)
    os.close(handle)


def give_up(spec: dict[str, Any], error: BaseException) -> NoReturn:
    """End before the user's code began, saying why in the log and in the record."""
    text = f"jupyter_aml: the run could not be set up: {error}\n"
    os.write(2, text.encode(errors="replace"))
    record = {"type": "SetupError", "message": str(error), "traceback": text}
    try:
        records.write(error_file(spec), record)
    finally:
        os._exit(SETUP_FAILED)


def error_file(spec: dict[str, Any]) -> str:
    """Where the run leaves its uncaught exception for the supervisor."""
    return os.path.join(spec.get("errors") or spec["work"], "error.json")


def enter(spec: dict[str, Any]) -> None:
    """Take the run's log, mounts, umask and folder; ends the process when one of them fails."""
    take_streams(spec["log"])
    try:
        mounting.bind(spec.get("mounts") or ())
        if spec.get("umask") is not None:
            os.umask(int(spec["umask"]))
        os.chdir(spec["cwd"])
    except OSError as error:
        give_up(spec, error)


def command_line(spec: dict[str, Any]) -> list[str]:
    """The program and its arguments: the overlay's python for a script, bash for a command."""
    if spec["kind"] == "shell":
        return ["bash", "-c", spec["command"]]
    python = spec["python"]
    runner = overlay_python(spec) or spec["interpreter"]
    what = ["-m", python["module"]] if python.get("module") else [python["script"]]
    return [runner, *what, *python.get("args", ())]


def overlay_python(spec: dict[str, Any]) -> str:
    """The python of the run's overlay, empty when it has none."""
    parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    path = os.path.join(spec.get("overlay") or "", *parts)
    return path if spec.get("overlay") and os.path.lexists(path) else ""


class Exec:
    """A child that replaces itself by a fresh program."""

    def prepare(self, line: Line | None) -> None:
        """Nothing can be prepared for a program that is not known yet."""

    def run(self, spec: dict[str, Any], line: Line | None = None) -> NoReturn:
        """Become the program that `spec` names; of several processes, their leader."""
        if line is not None:
            line.close()
        if spec.get("ranks"):
            from . import ranks

            ranks.lead(spec, self)
        enter(spec)
        if spec["kind"] == "shell" and attach.minutes(spec["env"]):
            os.write(2, f"jupyter_aml: {attach.HOLD} holds one plain Python call; this is a shell command.\n".encode())
        program, *rest = command_line(spec)
        env = {**spec["env"], attach.PROCESS: str(os.getpid())} if spec["kind"] == "python" else spec["env"]
        for name in (program, "sh") if program == "bash" else (program,):
            try:
                os.execvpe(name, [name, *rest], env)  # noqa: S606 -- no shell but the one asked for
            except FileNotFoundError:
                continue
            except OSError as error:
                sys.stderr.write(f"{name}: {error.strerror}\n")
                sys.stderr.flush()
                os._exit(NOT_RUNNABLE)
        sys.stderr.write(f"{program}: command not found\n")
        sys.stderr.flush()
        os._exit(NOT_FOUND)
