"""Talks to the Jupyter kernel inside a job: runs code there and shows here what it shows."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_aml.errors import AmlError, UsageError

READY_SECONDS = 30.0
INTERRUPT_SECONDS = 5.0
LOOK_MILLISECONDS = 200
_SHOWN = ("display_data", "execute_result", "update_display_data")

Sink = Callable[[str, Any], None]
"""Takes `stdout` and `stderr` with a text, `data` with a MIME bundle."""


class Value:
    """A value inside a job, as it shows there.

    Args:
        bundle: Its MIME bundle.
    """

    def __init__(self, bundle: Mapping[str, Any]) -> None:
        self.bundle = dict(bundle)

    def __repr__(self) -> str:
        return str(self.bundle.get("text/plain", ""))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return self.bundle


def _shut(context: Any, sockets: tuple[Any, ...]) -> None:
    """Close a client's sockets; nothing that waits to be sent is waited for."""
    for one in sockets:
        one.close(linger=0)
    context.term()


class Connection:
    """A client of a kernel inside a job.

    Args:
        job: The job's name.
        file: The kernel's connection file.
        pid: Of the process that the kernel is in.

    Raises:
        UsageError: There is no jupyter_client here.
        AmlError: The kernel does not answer.
    """

    def __init__(self, job: str, file: str, pid: int) -> None:
        try:
            import zmq
            from jupyter_client.client import KernelClient
        except ImportError as error:
            msg = f"Running code inside a job needs {error.name}, which is not installed here."
            raise UsageError(msg, remedy="Install it: pip install 'jupyter_aml[lab]'.") from None
        self.job, self.file, self.pid = job, file, pid
        self._context = zmq.Context()
        client = KernelClient(connection_file=file, context=self._context)
        client.load_connection_file()
        self._session = client.session
        self._shell, self._control = client.connect_shell(), client.connect_control()
        self._iopub = client.connect_iopub()
        self._end = weakref.finalize(self, _shut, self._context, (self._shell, self._control, self._iopub))
        self._poller = zmq.Poller()
        for one in (self._shell, self._iopub):
            self._poller.register(one, zmq.POLLIN)
        self._welcomed()

    @property
    def open(self) -> bool:
        """Whether it has not been closed."""
        return not self._context.closed

    def close(self) -> None:
        """Detach; the job goes on, and so does its kernel."""
        self._end()

    def run(self, code: str, sink: Sink, *, silent: bool = False, value: str = "") -> Mapping[str, Any]:
        """Run code inside the job; the kernel's reply.

        Args:
            code: Python, or what else IPython takes.
            sink: Gets what the code shows.
            silent: Whether it is to leave no trace, such as `_`.
            value: An expression whose value is in the reply's `user_expressions`, as `value`.

        Raises:
            AmlError: The code raised something, or the job ended meanwhile.
            KeyboardInterrupt: The person did not want to wait; the code was interrupted, the job was not.
        """
        content = {
            "code": code, "silent": silent, "store_history": not silent, "stop_on_error": False,
            "allow_stdin": False, "user_expressions": {"value": value} if value else {},
        }  # fmt: skip
        asked = self._session.send(self._shell, "execute_request", content)["header"]["msg_id"]
        try:
            reply = self._until_done(asked, sink)
        except KeyboardInterrupt:
            self._interrupt(asked, sink)
            raise
        if reply["status"] != "ok":
            name = reply.get("ename") or "Error"
            raise AmlError(f"{name}: {reply.get('evalue', '')}", why=f"It was raised by this code, inside {self.job}.")
        return reply

    def _until_done(self, asked: str, sink: Sink, seconds: float | None = None) -> Mapping[str, Any]:
        """What was replied to a request, when all that it showed is here, too."""
        until = None if seconds is None else time.monotonic() + seconds
        reply: Mapping[str, Any] | None = None
        idle = False
        while reply is None or not idle:
            ready = dict(self._poller.poll(LOOK_MILLISECONDS))
            if not ready:
                self._alive()
                if until is not None and time.monotonic() > until:
                    raise TimeoutError(f"The kernel inside {self.job} did not answer within {seconds:g} s.")
            if self._iopub in ready:
                idle = self._take(asked, sink) or idle
            if self._shell in ready:
                _, found = self._session.recv(self._shell)
                if found["parent_header"].get("msg_id") == asked:
                    reply = found["content"]
        return reply

    def _take(self, asked: str, sink: Sink) -> bool:
        """Show one message that belongs to a request; whether it was the last one."""
        _, found = self._session.recv(self._iopub)
        kind, content = found["msg_type"], found["content"]
        if found["parent_header"].get("msg_id") != asked:
            return False
        if kind == "stream":
            sink(content["name"], content["text"])
        elif kind in _SHOWN:
            sink("data", content["data"])
        elif kind == "error":
            sink("stderr", "\n".join(content["traceback"]) + "\n")
        return bool(kind == "status" and content["execution_state"] == "idle")

    def _interrupt(self, asked: str, sink: Sink) -> None:
        """Interrupt the code, and wait a moment for its end."""
        self._session.send(self._control, "interrupt_request", {})
        with contextlib.suppress(TimeoutError, AmlError):
            self._until_done(asked, sink, INTERRUPT_SECONDS)

    def _welcomed(self) -> None:
        """Wait until nothing that the kernel shows can be missed: until its answer came both ways."""
        until = time.monotonic() + READY_SECONDS
        heard = answered = False
        while not (heard and answered):
            if not answered:
                self._session.send(self._shell, "kernel_info_request", {})
            ready = dict(self._poller.poll(LOOK_MILLISECONDS))
            for one in ready:
                self._session.recv(one)
            answered = answered or self._shell in ready
            heard = heard or self._iopub in ready
            if answered and not heard:
                self._session.send(self._shell, "kernel_info_request", {})
            self._alive()
            if time.monotonic() > until:
                self.close()
                msg = f"The kernel inside {self.job} does not answer."
                raise AmlError(msg, remedy=f"Another client may keep it busy; try again: %aml job attach {self.job}.")

    def _alive(self) -> None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            self.close()
            msg = f"The job {self.job} has ended, and its variables with it."
            raise AmlError(msg, remedy=f"Type %aml job show {self.job}.") from None
